"""The file of incidents that a user keeps beside a history: when each began and ended."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from forecaster.errors import BadHistory
from forecaster.forecast import Forecaster
from forecaster.incidents import Incident, Unrepeated, without
from forecaster.series import Series
from foresail.errors import UsageError

_START, _END = "start", "end"


def add_incidents_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--incidents",
        type=Path,
        metavar="FILE",
        help="CSV with columns start,end (ISO 8601 with a zone): outages, releases and crowds that happened once, and "
        "are not to be expected again. Leave out what recurs",
    )


def without_incidents(forecaster: Forecaster, file: Path | None, known: Sequence[Incident] = ()) -> Forecaster:
    """The forecaster, on histories without the incidents of the file, if one is named, and those that are known."""
    if file is None and not known:
        return forecaster
    return Unrepeated(forecaster, [*known, *(() if file is None else read_incidents(file))])


def left_out(series: Series, file: Path | None) -> Series:
    """The series with gaps in the place of the incidents of the file, if one is named."""
    return series if file is None else without(series, read_incidents(file))


def read_incidents(file: Path) -> Sequence[Incident]:
    """Every row as an incident; further columns are for people. Raises UsageError, naming the line."""
    try:
        rows = csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines())
        missing = [name for name in (_START, _END) if name not in (rows.fieldnames or ())]
        if missing:
            raise UsageError(
                f"{file}: no column {missing[0]!r}; expected a CSV whose first line is start,end, further columns as "
                "you like"
            )
        return [_incident(file, rows.line_num, row[_START], row[_END]) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file}: cannot be read as CSV ({error})") from None


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
