"""The file of incidents that a user keeps beside a history: when each began and ended."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from forecaster.errors import BadHistory
from forecaster.forecast import Forecaster
from forecaster.incidents import Incident, Unrepeated, without
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.output import err

_START, _END = "start", "end"


def add_incidents_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--incidents",
        type=Path,
        metavar="FILE",
        help="CSV with columns start,end (ISO 8601 with a zone): outages, releases and crowds that happened once, and "
        "are not to be expected again. Leave out what recurs",
    )


def incidents_of(file: Path | None, histories: Sequence[Series]) -> tuple[Incident, ...]:
    """The incidents of the file, none where none is named; says on standard error which touch none of the histories.

    A file kept for years has some from before a history, and a typing error in a year makes one.
    """
    if file is None:
        return ()
    incidents = read_incidents(file)
    outside = [one for one in incidents if not any(one.touches(series) for series in histories)]
    if outside:
        err.print(f"{file}: {_nowhere(outside, len(incidents), histories)}", soft_wrap=True)
    return incidents


def without_incidents(forecaster: Forecaster, incidents: Sequence[Incident]) -> Forecaster:
    """The forecaster, on histories without the incidents, if there are any."""
    return Unrepeated(forecaster, incidents) if incidents else forecaster


def left_out(series: Series, file: Path | None) -> Series:
    """The series with gaps in the place of the incidents of the file, if one is named."""
    incidents = incidents_of(file, [series])
    return without(series, incidents) if incidents else series


def read_incidents(file: Path) -> tuple[Incident, ...]:
    """Every row as an incident; further columns are for people. Raises UsageError, naming the line."""
    try:
        rows = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
        missing = [name for name in (_START, _END) if name not in (rows.fieldnames or ())]
        if missing:
            raise UsageError(
                f"{file}: no column {missing[0]!r}; expected a CSV whose first line is start,end, further columns as "
                "you like"
            )
        return tuple(_incident(file, rows.line_num, row[_START], row[_END]) for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file}: cannot be read as CSV ({error}); name a CSV file with columns start,end") from None


def _nowhere(outside: Sequence[Incident], of: int, histories: Sequence[Series]) -> str:
    """Such as "1 of 2 incidents, from ... to ..., is outside the history load, which spans ... to ...; ..."."""
    first, last = min(one.start for one in outside), max(one.end for one in outside)
    spans = ", ".join(f"{one.name} from {_told(one.start)} to {_told(one.end)}" for one in histories)
    return (
        f"{len(outside)} of {of} incidents, between {_told(first)} and {_told(last)}, lie outside of the history"
        f" ({spans}) and change nothing; check their dates and zones, or leave them out"
    )


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _incident(file: Path, line: int, start: str | None, end: str | None) -> Incident:
    try:
        return Incident(_moment(start), _moment(end))
    except (ValueError, BadHistory) as error:
        raise UsageError(f"{file}, line {line}: {error}") from None


def _moment(text: str | None) -> datetime:
    try:
        return datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time; expected ISO 8601, for example 2026-01-31T20:15:00Z") from None
