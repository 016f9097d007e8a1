"""`foresail load FILE --url URL`: replay a trace as real WebSocket clients."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from controller.simulation.load import TICK, Load, load_from_series
from forecaster.series import Kind
from foresail.commands.history_options import load_histories
from foresail.errors import UsageError
from foresail.output import check_results, emit_json, number, out, progress, table

_EXAMPLES = """examples:
  foresail load history.csv --url ws://127.0.0.1:8080/ws --clients 200
  foresail load history.csv.gz --url ws://a:8080/ws --url ws://b:8080/ws --speed 60 --from 0.9 --hours 4
each new client picks one of the URLs at random and stays there; opens, chats and closes as the trace says."""

_OTHER_FILES = 128
"""Open files beside one for each client."""


@dataclass(frozen=True)
class Endpoint:
    """One URL to connect to."""

    url: str


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "load",
        help="replay a trace as real WebSocket clients",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "file", type=Path, help="CSV, gzipped CSV or Parquet with columns timestamp,value: the level to play"
    )
    p.add_argument("--url", action="append", required=True, help="WebSocket URL of the gateway; may be repeated")
    p.add_argument("--clients", type=int, default=200, help="clients at the trace's highest (default: 200)")
    p.add_argument("--speed", type=float, default=60.0, help="how much faster than the trace (default: 60)")
    p.add_argument(
        "--from", dest="share", type=float, default=0.0, help="start after this share of the trace (default: 0)"
    )
    p.add_argument("--hours", type=float, default=4.0, help="hours of the trace to play (default: 4)")
    p.add_argument("--session", type=float, default=20.0, metavar="MINUTES", help="mean stay of a client (default: 20)")
    p.add_argument("--messages", type=float, default=2.0, help="messages a minute of a client (default: 2)")
    p.add_argument("--seed", type=int, default=0, help="seed of who comes, goes and speaks (default: 0)")
    p.add_argument("--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write the result as JSON")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        import foresail.demo.crowd  # noqa: F401  it needs websockets
        from foresail.demo.errors import ClientFailed
    except ImportError as error:
        raise UsageError(f"load needs {error.name}; install foresail[gateway]") from None
    from foresail.demo.limits import allow_open_files

    _check(options)
    load = _load(options)
    allow_open_files(options.clients + _OTHER_FILES)
    try:
        result = asyncio.run(_play(options, load))
    except ClientFailed as error:
        raise UsageError(f"{error}; is the gateway running?") from error
    if options.json:
        emit_json(result, options.json)
    if not options.json or str(options.json) != "-":
        rows = [[k.replace("_", " "), number(v, 1 if isinstance(v, float) else 0)] for k, v in result.items()]
        out.print(table(f"{options.file.name}, {len(load)} ticks of {TICK.total_seconds():g} s", ["", ""], rows))
    return 0


def _check(options: argparse.Namespace) -> None:
    for url in options.url:
        if not _is_socket_url(url):
            raise UsageError(f"--url {url}; expected ws://HOST:PORT/ws or wss://…")
    limits = {"clients": (1, 20_000), "speed": (0.1, 600), "hours": (0.01, 168), "session": (0.1, 10_000),
              "messages": (0, 600), "share": (0, 0.99)}  # fmt: skip
    for name, (low, high) in limits.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise UsageError(f"--{'from' if name == 'share' else name} {value:g}; expected {low:g} to {high:g}")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}; expected 0 or more")
    check_results({"--json": options.json}, {"the history": options.file})


def _is_socket_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"ws", "wss"} and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:  # a port that is none, or half an IPv6 address
        return False


def _load(options: argparse.Namespace) -> Load:
    trace = load_histories([options.file], Kind.STOCK)[0]
    first = int(options.share * len(trace))
    part = trace.part(first, min(len(trace), first + max(1, round(timedelta(hours=options.hours) / trace.step))))
    if not part.known.any() or not part.values[part.known].max() > 0:
        raise UsageError(
            f"{options.file}: nothing was measured, or nothing but zeros, in the part to play; move --from"
        )
    scaled = part.scaled(options.clients / float(part.values[part.known].max()))
    return load_from_series([scaled], TICK, timedelta(minutes=options.session), options.seed)


async def _play(options: argparse.Namespace, load: Load) -> dict[str, int | float]:
    """Plays every tick; what happened."""
    import numpy as np

    from foresail.demo.clock import Clock
    from foresail.demo.crowd import Crowd

    crowd, clock = Crowd(options.seed), Clock(load.tick, options.speed)
    rng = np.random.default_rng(options.seed)
    targets = [Endpoint(url) for url in options.url]
    opened = refused = broken = sent = most = 0
    try:
        opened, refused = await crowd.open(load.initial, targets)
        with progress() as bar:
            task = bar.add_task("playing", total=len(load))
            for k in range(len(load)):
                await clock.next()
                broken += crowd.lost()
                await crowd.close(int(load.closes[k]))
                taken, turned_away = await crowd.open(int(load.opens[k]), targets)
                messages = int(rng.poisson(crowd.connected * options.messages * load.tick / timedelta(minutes=1)))
                await crowd.chat(messages, 0.5 * clock.period_s)
                opened, refused, sent = opened + taken, refused + turned_away, sent + messages
                most = max(most, crowd.connected)
                bar.update(task, completed=k + 1, description=f"{crowd.connected} clients")
    finally:
        await crowd.leave()
    return {
        "clients_at_most": most, "connections_opened": opened, "connections_refused": refused,
        "connections_broken": broken, "messages_sent": sent, "messages_delivered": crowd.received,
        "clock_speed": clock.speed, "late_ticks": clock.late_ticks,
    }  # fmt: skip
