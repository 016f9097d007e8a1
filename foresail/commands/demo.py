"""`foresail demo`: everything on one machine; ends with a report."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from foresail import STARTED_S
from foresail.commands.forecast import forecaster_of
from foresail.errors import UsageError
from foresail.output import check_place, emit_json, err, out, table

if TYPE_CHECKING:
    from foresail.demo.dashboard import Ports
    from foresail.demo.report import Report
    from foresail.demo.scenario import Scenario
    from foresail.demo.show import Played

_EXAMPLES = """examples:
  foresail demo
  foresail demo --headless --minutes 4 --json out.json
  foresail demo --trace history.csv.gz --clients 200
what is real: the clients and their WebSockets, the gateway processes, the model, the planner. What stands in for a
cluster: a process for a pod, a scrape in memory for Prometheus, the replay's own HPA for kube-controller-manager."""
POD_START = timedelta(minutes=3)
"""Scheduling, a node or an image pull, start, readiness: what makes foresight worth anything."""
_FILES_PER_POD, _OTHER_FILES = 4, 128
"""Open files beside one for each client: a pod's pipes and its scrape; the ledger, the libraries, the rest."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("demo", help="everything on one machine; ends with a report", epilog=_EXAMPLES,
                            formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    p.add_argument("--minutes", type=float, default=4.0, help="real minutes to play (default: 4)")
    p.add_argument("--speed", type=float, default=60.0, help="how much faster than real time (default: 60)")
    p.add_argument("--seed", type=int, default=0, help="seed of the load and of who connects where (default: 0)")
    p.add_argument("--trace", type=Path, metavar="FILE", help="play this history instead of the made-up evening")
    p.add_argument("--clients", type=int, help="with --trace: clients at its highest (default: 240)")
    p.add_argument("--model", default="base", metavar="MODEL", help="a model folder or a shipped model (default: base)")
    p.add_argument("--headless", action="store_true", help="no terminal view and no dashboard, only the report")
    p.add_argument(
        "--dashboard-port", type=int, default=8501, metavar="PORT", help="port of the dashboard (default: 8501)"
    )
    p.add_argument("--metrics-port", type=int, default=8502, metavar="PORT",
                   help="port of the controller's metrics (default: 8502)")  # fmt: skip
    p.add_argument("--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write the result as JSON")
    p.add_argument("--out", type=Path, default=Path("runs/demo"), metavar="DIR",
                   help="folder for the run's ledger, replaced by each run (default: runs/demo)")  # fmt: skip
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        from foresail.demo.dashboard import Dashboard
        from foresail.demo.errors import DemoError, Stopped
        from foresail.demo.show import show
    except ImportError as error:
        raise UsageError(f"the demo needs {error.name}; install foresail[demo]") from None
    played = _prepare(options)
    try:
        with Dashboard(_ports(options), played.ledger) as dashboard:
            report = show(played, None if options.headless else dashboard.footer, dashboard.record)
            if options.json:
                emit_json(report.to_dict(), options.json)
            if not options.json or str(options.json) != "-":
                _print(report)
            dashboard.stay()
    except DemoError as error:
        raise UsageError(str(error)) from error
    except Stopped as stopped:
        err.print("stopped; every process and client is closed")
        return 128 + stopped.number
    return 0


def _prepare(options: argparse.Namespace) -> Played:
    """What is to be played. Everything that can be refused is, before anything is started or the last run removed."""
    from controller.simulation.world import WorldSettings
    from foresail.demo.dashboard import check_free
    from foresail.demo.limits import allow_open_files
    from foresail.demo.scenario import CONNECTIONS
    from foresail.demo.show import Played, prepare_folder

    length = _length(options)
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}; expected 0 or more")
    if options.json and str(options.json) != "-":
        _check_result(options.json, options.out)
    if (ports := _ports(options)) is not None:
        check_free(ports)
    scenario = _scenario(options, length)
    forecaster = forecaster_of(options.model)
    clients = int(scenario.load.signals[CONNECTIONS].max())
    allow_open_files(clients + _FILES_PER_POD * scenario.policy.bounds.max_replicas + _OTHER_FILES)
    settings = WorldSettings(pod_start=POD_START, seed=options.seed)
    return Played(scenario, forecaster, settings, options.speed, prepare_folder(options.out), STARTED_S)


def _check_result(path: Path, folder: Path) -> None:
    """Raises UsageError where no file can be written at `path`, given that the run makes `folder`."""
    to_be = {folder.resolve(), *folder.resolve().parents}
    if path.resolve() in to_be:
        raise UsageError(f"{path}: is a folder of --out {folder}; name a file")
    if path.parent.exists() or path.parent.resolve() not in to_be:
        check_place(path)


def _ports(options: argparse.Namespace) -> Ports | None:
    from foresail.demo.dashboard import Ports

    return None if options.headless else Ports(options.dashboard_port, options.metrics_port)


def _length(options: argparse.Namespace) -> timedelta:
    """How long the run is on its own clock, in whole minutes."""
    if not (0 < options.minutes <= 1440 and 1 <= options.speed <= 600):
        raise UsageError(
            f"--minutes {options.minutes:g} --speed {options.speed:g}; "
            "minutes are above 0 and at most 1440, the speed is 1 to 600"
        )
    return timedelta(minutes=round(options.minutes * options.speed))


def _scenario(options: argparse.Namespace, length: timedelta) -> Scenario:
    from foresail.demo.scenario import BOUNDS, CAPACITY, CLIENTS, FEWEST_CLIENTS, MOST_CLIENTS, from_trace, made_up

    if options.trace is None:
        if options.clients is not None:
            raise UsageError("--clients scales a trace; it needs --trace FILE")
        return made_up(options.seed, length, POD_START)
    clients = CLIENTS if options.clients is None else options.clients
    if not FEWEST_CLIENTS <= clients <= MOST_CLIENTS:
        raise UsageError(
            f"--clients {clients}; expected {FEWEST_CLIENTS} to {MOST_CLIENTS}: the workload has at most "
            f"{BOUNDS.max_replicas} pods for {CAPACITY} clients each, and beyond 70 % of that every arm is as short"
        )
    from foresail.commands.history_options import load_histories

    return from_trace(load_histories([options.trace])[0], clients, length, POD_START, options.seed)


def _print(report: Report) -> None:
    from foresail.demo.report import COLUMNS, rows, sentences

    load = report.scenario.load
    played = f"{len(load) * load.tick} at {report.live.clock_speed:.0f}x, seed {report.settings.seed}"
    title = f"{report.scenario.title}, {played}"
    out.print(table(title, COLUMNS, rows(report.arms())))
    for sentence in sentences(report):
        out.print(sentence)
