"""Histories to forecast, and files that hold them. Everything follows from a seed."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from forecaster.series import FloatArray, Kind, Series

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def a_series(
    values: Sequence[float] | FloatArray, step: timedelta = MINUTE, start: datetime = MONDAY, name: str = "load"
) -> Series:
    """These values as a flow; NaN is a bin that was not measured."""
    return Series(start, step, np.asarray(values, dtype=np.float64), Kind.FLOW, name)


def a_load(seed: int = 0, days: float = 3, step: timedelta = 5 * MINUTE, gaps: int = 3) -> Series:
    """A daily load with noise and holes; five-minute steps keep long histories short. Its first bin is measured."""
    rng = np.random.default_rng(seed)
    per_day = timedelta(days=1) // step
    t = np.arange(int(days * per_day))
    day = 100 * (1.2 + np.sin(2 * np.pi * (t / per_day + rng.random())))
    values = np.round(day * np.exp(0.1 * rng.normal(size=len(t))), 3)
    for at in rng.integers(1, len(t), size=gaps):
        values[at : at + int(rng.integers(1, 30))] = np.nan
    return a_series(values, step)


def loads(least_days: int = 1, most_days: int = 9) -> st.SearchStrategy[Series]:
    """Loads of some days; nine are enough for the lag of a week."""
    return st.builds(a_load, st.integers(0, 2**32 - 1), st.integers(least_days, most_days), gaps=st.integers(0, 5))


def with_another_future(series: Series, origin: int, seed: int) -> Series:
    """The same up to `origin`, and anything at all after it."""
    rng = np.random.default_rng(seed)
    values = series.values.copy()
    after = len(values) - origin - 1
    values[origin + 1 :] = np.where(rng.random(after) < 0.3, np.nan, 10.0 ** rng.uniform(-3, 9, size=after))
    return replace(series, values=values)


def as_csv(series: Series) -> str:
    """The measured bins as `timestamp,value`; a missing bin has no row."""
    rows = (f"{series.time(int(k)).isoformat()},{float(series.values[k])!r}\n" for k in np.flatnonzero(series.known))
    return "timestamp,value\n" + "".join(rows)


def write_history(path: Path, series: Series) -> Path:
    """The series as a CSV file, gzipped where the name says so."""
    content = as_csv(series).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path
