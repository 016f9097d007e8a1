"""Where a command's histories come from: a file, or queries to a Prometheus; the options are the same everywhere."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from forecaster.history import EARLIEST, LATEST, LONGEST, load_history
from forecaster.series import DAY, Kind, Series
from foresail.errors import UsageError
from foresail.output import err, progress

if TYPE_CHECKING:
    from rich.progress import Progress

    from forecaster.prometheus import PrometheusSource, Query
    from forecaster.range_query import Span

DAYS, STEP = 28.0, "1m"
_MOST_DAYS = LONGEST / DAY
_NAMED = re.compile(r"([A-Za-z_][\w.-]*)(?::(stock|flow))?=(?![=~])(.*)", re.DOTALL)
"""NAME=PROMQL. No PromQL begins with a name and a single `=`; where it compares, it is `==`, `=~` or inside braces."""
_MINUTE = timedelta(minutes=1)
_OF_PROMETHEUS = ("history_days", "step", "until", "prometheus_token_file", "prometheus_ca", "prometheus_header",
                  "prometheus_param")  # fmt: skip
"""What only says how a Prometheus is read; without a default, so that it shows whether they were given."""
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_LONGEST_NAME = 60


def add_history_options(parser: argparse.ArgumentParser) -> None:
    """FILE, its kind, and what may stand in its place."""
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        help="CSV, gzipped CSV or Parquet with columns timestamp,value (UTC where no zone is given); or --prometheus",
    )
    add_kind_option(parser)
    add_prometheus_options(parser)


def add_kind_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind",
        choices=["stock", "flow"],
        help="stock: a level, like connections; flow: events per unit of time (default)",
    )


def add_prometheus_options(parser: argparse.ArgumentParser, days: Sequence[str] = ("--days", "--history-days")) -> None:
    """The options that name a Prometheus and what to ask it; `days` where a command has another use for `--days`."""
    group = parser.add_argument_group("history from Prometheus")
    group.add_argument(
        "--prometheus", metavar="URL", help="a Prometheus-compatible server, like http://prometheus:9090"
    )
    group.add_argument(
        "--query",
        action="append",
        default=[],
        metavar="QUERY",
        help="PROMQL, NAME=PROMQL or NAME:stock=PROMQL, with one series as its result; "
        "may be repeated where a command takes several histories",
    )
    group.add_argument(*days, dest="history_days", type=float, metavar="N", help=f"days to read (default: {DAYS:g})")
    group.add_argument("--step", metavar="STEP", help=f"distance of its values: 15s, 1m, 5m (default: {STEP})")
    group.add_argument("--until", metavar="TIME", help="read up to this moment (ISO 8601); default: half a minute ago")
    group.add_argument("--prometheus-token-file", type=Path, metavar="FILE", help="file of a bearer token")
    group.add_argument("--prometheus-ca", type=Path, metavar="FILE", help="CA that signed the server's certificate")
    for name, example in (("header", "'X-Scope-OrgID: team'"), ("param", "nocache=1")):
        group.add_argument(
            f"--prometheus-{name}", action="append", default=[], metavar=name.upper(),
            help=f"send this with each request, like {example}; may be repeated",
        )  # fmt: skip


def kind_of(options: argparse.Namespace) -> Kind:
    """What `--kind` says."""
    return Kind.STOCK if options.kind == "stock" else Kind.FLOW


def said_kinds(options: argparse.Namespace) -> list[Kind | None]:
    """Of each query the kind that it or `--kind` says, None where neither does; of files that of `--kind`, once."""
    named = [_NAMED.fullmatch(text) for text in options.query]
    said = [(match and match[2]) or options.kind for match in named] or [options.kind]
    return [None if kind is None else Kind(kind.capitalize()) for kind in said]


def read_history(options: argparse.Namespace) -> Series:
    """The history that the options of `add_history_options` name. Raises UsageError where it is none, or several."""
    if len(options.query) > 1:
        raise UsageError(f"{len(options.query)} queries; this command takes one history: give one --query")
    return read_histories(options, [] if options.file is None else [options.file])[0]


def read_histories(options: argparse.Namespace, files: Sequence[Path], finest: timedelta = _MINUTE) -> list[Series]:
    """Every file as a history, or every query where there is no file; at least one, all of the kind of `--kind`.

    A file with steps below `finest` becomes one of minutes.
    Raises UsageError where both are named or neither, or a file with what is for a Prometheus, and what reading raises.
    """
    if files and (options.prometheus or options.query):
        given = "--prometheus" if options.prometheus else "--query"
        raise UsageError(f"a FILE and {given}; expected one of them: leave the other out")
    if not files and not options.prometheus and not options.query:
        raise UsageError("no history; name a FILE, or --prometheus URL with --query QUERY")
    if files:
        _refuse_idle(options, "with a FILE")
    kind = kind_of(options)
    return load_histories(files, kind, finest) or from_prometheus(options, kind)


def load_histories(files: Sequence[Path], kind: Kind = Kind.FLOW, finest: timedelta = _MINUTE) -> list[Series]:
    """Every file as a history, with a note on standard error where times without a zone were read as UTC.

    Raises BadHistory.
    """
    zoneless: list[Path] = []
    read = [load_history(file, kind, finest, zoneless.append) for file in files]
    if zoneless:
        more = f" and {len(zoneless) - 1} more" if zoneless[1:] else ""
        err.print(f"{zoneless[0]}{more}: timestamps without a time zone, read as UTC", soft_wrap=True)
    return read


def _refuse_idle(options: argparse.Namespace, beside: str) -> None:
    """Raises UsageError where something says how a Prometheus is read, and none is."""
    if idle := [f"--{name.replace('_', '-')}" for name in _OF_PROMETHEUS if getattr(options, name)]:
        raise UsageError(f"{', '.join(idle)} {beside}; says how a Prometheus is read: leave it out")


def from_prometheus(options: argparse.Namespace, kind: Kind = Kind.FLOW) -> list[Series]:
    """The histories of the queries, in their order; none where no server is named. `kind` is theirs that say none."""
    if not options.prometheus:
        if options.query:
            raise UsageError("--query without --prometheus; name the server: --prometheus URL")
        _refuse_idle(options, "without --prometheus")
        return []
    queries = parse_queries(options.query, kind)
    source, span = _source(options), _span(options)
    with progress() as bar:
        return [_read(source, query, span, bar) for query in queries]


def _read(source: PrometheusSource, query: Query, span: Span, bar: Progress) -> Series:
    from forecaster.prometheus import load_range

    task = bar.add_task(f"reading {query.name}", total=len(span.chunks()))
    return load_range(source, query, span, lambda done, _: bar.update(task, completed=done))


def parse_queries(texts: Sequence[str], kind: Kind) -> list[Query]:
    """PROMQL, NAME=PROMQL or NAME:stock=PROMQL as queries; without a name the expression is its own.

    Raises UsageError where there is none, one is empty, or two have one name.
    """
    from forecaster.prometheus import Query

    if not texts:
        raise UsageError("--prometheus without a query; say what to ask: --query 'connections:stock=sum(connections)'")
    queries = []
    for text in texts:
        name, said, promql = named.groups() if (named := _NAMED.fullmatch(text)) else (None, None, text)
        if not promql.strip():
            raise UsageError(f"--query {text!r}; expected PROMQL, NAME=PROMQL or NAME:stock=PROMQL")
        line = " ".join(promql.split())
        short = line if len(line) <= _LONGEST_NAME else f"{line[:_LONGEST_NAME]}…"
        queries.append(Query(promql, Kind(said.capitalize()) if said else kind, name or short))
    names = [query.name for query in queries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two queries named {twice[0]}; give each a name of its own: --query NAME=PROMQL")
    return queries


def _source(options: argparse.Namespace) -> PrometheusSource:
    from forecaster.prometheus import PrometheusSource

    return PrometheusSource(
        options.prometheus,
        options.prometheus_token_file,
        options.prometheus_ca,
        _pairs("header", ":", options.prometheus_header),
        _pairs("param", "=", options.prometheus_param),
        set_by="--prometheus",
    )


def _pairs(option: str, between: str, texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition(between) for text in texts]
    for text, (name, found, _) in zip(texts, pairs, strict=True):
        if not found or not name.strip():
            raise UsageError(f"--prometheus-{option} {text!r}; expected NAME{between}VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _span(options: argparse.Namespace) -> Span:
    """The bins to ask for: up to `--until`, and never what may still change."""
    from forecaster.range_query import SETTLE, settled

    now = datetime.now(UTC)  # noqa: TID251  what "the last 28 days" are is for the clock to say
    until = now if options.until is None else _until(options.until) + SETTLE
    days = DAYS if options.history_days is None else options.history_days
    if not 0 < days <= _MOST_DAYS:
        raise UsageError(f"{days:g} days of history; expected more than 0 and at most {_MOST_DAYS:g}")
    return settled(min(now, until), timedelta(days=days), _step(options.step or STEP))


def parse_moment(option: str, text: str, example: str) -> datetime:
    """The aware moment that `text`, the value of `option`, names. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r}; expected ISO 8601, for example {example}") from None
    if moment.utcoffset() is None:
        raise UsageError(f"{option} {text!r} has no time zone; append Z for UTC")
    return moment


def _until(text: str) -> datetime:
    moment = parse_moment("--until", text, "2026-01-31T20:15:00Z")
    if not EARLIEST <= moment <= LATEST:
        raise UsageError(f"--until {text!r} lies outside {EARLIEST.year}..{LATEST.year}")
    return moment


def _step(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([smh])", text)
    step = int(found[1]) * _UNITS[found[2]] if found else timedelta(0)
    if not step or DAY % step:
        raise UsageError(f"--step {text}; expected a time that divides a day: 15s, 30s, 1m, 5m")
    return step
