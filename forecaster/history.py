"""Reads histories from CSV (plain or gzipped, `timestamp,value`, ISO 8601) and Parquet, and refuses to guess.

A wrong row stops the reading with its line number: a sorted, averaged or dropped row would be a history that nobody
measured. Absent rows are gaps and stay gaps. A timestamp without a zone is in UTC.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from forecaster.errors import BadHistory
from forecaster.series import DAY, EPOCH, Kind, Series

LARGEST = 1e15
"""Beyond this a value is a mistake of units or an overflow, and doubles begin to lose whole numbers."""
LONGEST = timedelta(days=3 * 366)
MOST_BINS = 10_000_000
"""Four months of seconds; more than that is a gap in a fine history, or a wrong year, and would fill the memory."""
EARLIEST, LATEST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_FEWEST = 3
_MINUTE = timedelta(minutes=1)
_SUFFIXES = (".gz", ".csv", ".parquet")

OnZoneless = Callable[[Path], None]
RawRow = tuple[int, object, object]
Row = tuple[datetime, float]


def load_history(
    path: Path, kind: Kind = Kind.FLOW, finest: timedelta = _MINUTE, on_zoneless: OnZoneless | None = None
) -> Series:
    """The file as a series on its own grid, made one of whole minutes where its step is below `finest`.

    The step is the median distance of its rows. Rows that share a bin (clocks jitter) are averaged. `on_zoneless(path)`
    is called, once, where some timestamp had no zone. Raises BadHistory.
    """
    if path.is_dir():
        raise BadHistory(f"{path}: is a folder; name one history file")
    rows = list(_checked(path, _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path), on_zoneless))
    if len(rows) < _FEWEST:
        raise BadHistory(
            f"{path}: {len(rows)} row{'' if len(rows) == 1 else 's'}; expected at least {_FEWEST} to know the step"
        )
    step = _step(path, rows)
    first, last = (_floor(rows[k][0], step) for k in (0, -1))
    length = (last - first) // step + 1
    if last - first > LONGEST or length > MOST_BINS:
        raise BadHistory(
            f"{path}: spans {(last - first).days} days, {length:,} bins of {step.total_seconds():g} s; "
            f"expected at most {LONGEST.days} days and {MOST_BINS:,} bins: cut it, or resample it"
        )
    index = np.array([(at - first) // step for at, _ in rows])
    counts = np.bincount(index, minlength=length)
    sums = np.bincount(index, weights=np.array([value for _, value in rows]), minlength=length)
    values = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    series = Series(first, step, values, kind, _name(path))
    return series if step >= finest else series.coarser(_MINUTE)


def _name(path: Path) -> str:
    name = path.name
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _floor(at: datetime, step: timedelta) -> datetime:
    return EPOCH + (at - EPOCH) // step * step


def _step(path: Path, rows: list[Row]) -> timedelta:
    """The median distance of the first rows, rounded to a second: one late scrape must not change the grid."""
    gaps = sorted((after[0] - before[0]).total_seconds() for before, after in pairwise(rows[:5001]))
    median = gaps[(len(gaps) - 1) // 2]  # of two, the shorter: an absent row only lengthens a distance
    step = timedelta(seconds=max(1, round(median)))
    if DAY % step:
        raise BadHistory(
            f"{path}: rows are {median:g} s apart, which does not divide a day; resample the file to 1 or 5 minutes"
        )
    return step


def _csv_rows(path: Path) -> Iterator[RawRow]:
    """(line, timestamp, value) as text. The header must be exactly `timestamp,value`."""
    reader = csv.reader(io.StringIO(_text(path)))
    try:
        header = ",".join(cell.strip() for cell in next(reader, []))
        if header != "timestamp,value":
            raise BadHistory(f"{path}: the first line is {_shown(header)}; expected the header timestamp,value")
        for row in reader:
            if row and len(row) != 2:
                raise BadHistory(f"{path}, line {reader.line_num}: {len(row)} cells; expected two, timestamp and value")
            if row:
                yield reader.line_num, row[0], row[1]
    except csv.Error as error:
        raise BadHistory(f"{path}, line {reader.line_num}: is not CSV ({error}); is the file whole?") from error


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise BadHistory(f"{path}: no such file; name one history file") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadHistory(f"{path}: cannot be read as CSV or gzipped CSV ({error}); is the file whole?") from error


def _parquet_rows(path: Path) -> Iterator[RawRow]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise BadHistory(f"{path}: reading Parquet needs pyarrow; install foresail[parquet], or use CSV") from None
    try:
        table = parquet.ParquetFile(path).read(columns=["timestamp", "value"])
        at = table["timestamp"]
        if pyarrow.types.is_timestamp(at.type):  # nanoseconds have no counterpart in datetime
            at = at.cast(pyarrow.timestamp("us", at.type.tz), safe=False)
        pairs = list(zip(at.to_pylist(), table["value"].to_pylist(), strict=True))
    except FileNotFoundError:
        raise BadHistory(f"{path}: no such file; name one history file") from None
    except (OSError, LookupError, ValueError, OverflowError, pyarrow.ArrowException) as error:
        raise BadHistory(
            f"{path}: cannot be read as Parquet with one column timestamp and one column value ({error}); "
            "is the file whole?"
        ) from error
    yield from ((line, at, value) for line, (at, value) in enumerate(pairs, start=1))


def _shown(text: str) -> str:
    """What was found, short enough for one line."""
    if not text:
        return "empty"
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def _checked(path: Path, rows: Iterator[RawRow], on_zoneless: OnZoneless | None) -> Iterator[Row]:
    before: datetime | None = None
    zoneless = False
    for line, raw_at, raw_value in rows:
        where = f"{path}, line {line}"
        (at, has_zone), value = _timestamp(where, raw_at), _value(where, raw_value)
        if before is not None and at <= before:
            found = "is repeated" if at == before else f"comes after {before.isoformat()}"
            raise BadHistory(f"{where}: timestamp {at.isoformat()} {found}; sort the rows by time and keep one of each")
        before, zoneless = at, zoneless or not has_zone
        yield at, value
    if zoneless and on_zoneless is not None:
        on_zoneless(path)


def _timestamp(where: str, raw: object) -> tuple[datetime, bool]:
    """In UTC, and whether it had a zone."""
    try:
        written = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip())
        has_zone = written.utcoffset() is not None
        at = written.astimezone(UTC) if has_zone else written.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadHistory(
            f"{where}: timestamp {_shown(str(raw))}; expected ISO 8601, for example 2026-01-31T20:15:00Z"
        ) from None
    if not EARLIEST <= at <= LATEST:
        raise BadHistory(
            f"{where}: timestamp {at.isoformat()} lies outside {EARLIEST.year}..{LATEST.year}; wrong unit?"
        )
    return at, has_zone


def _value(where: str, raw: object) -> float:
    text = "" if raw is None else str(raw).strip()
    if not text:
        raise BadHistory(f"{where}: the value is missing; leave the row out where nothing was measured")
    try:
        value = float(text.replace("_", "?"))  # float() would take 1_000 for a thousand
    except ValueError:
        raise BadHistory(
            f"{where}: value {_shown(text)}; expected a number; leave the row out where nothing was measured"
        ) from None
    if not math.isfinite(value):
        raise BadHistory(
            f"{where}: value {_shown(text)}; expected a finite number; leave the row out where nothing was measured"
        )
    if value < 0:
        raise BadHistory(f"{where}: value {value:g} is negative; expected a count, a level or a rate, which are not")
    if value > LARGEST:
        raise BadHistory(f"{where}: value {value:g} is larger than {LARGEST:g}; is the unit right?")
    return value
