"""New series out of real ones: ten traces are soon learned by heart, their mixtures are not.

A mixture is one or two stretches of one-minute traces, each bent by a power, added in some proportion, at another hour
and size. Rises, bursts and noise stay those of real traffic; which burst comes when is no longer what the trace had.
For training only, from the part of each trace that training may see. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from forecaster.series import FloatArray, Kind, Series

_MINUTE = timedelta(minutes=1)
_YEAR_MINUTES = 364 * 1440
_START = datetime(2024, 1, 1, tzinfo=UTC)
_MOST_DAYS = 30
_LEAST_DAYS = 2
_LEAST_MEASURED = 0.25


def mixtures(seen: Sequence[Series], seed: int, count: int) -> list[Series]:
    """`count` series of up to a month from the one-minute ones among `seen`; none where those are too short.

    Fewer where the gaps of two parts leave too little of a mixture.
    """
    parts = [s.values / np.nanmean(np.abs(s.values)) for s in seen if _usable(s)]
    if not parts:
        return []
    made = (_mixture(parts, np.random.default_rng((seed, k)), f"mixture-{k}") for k in range(count))
    return [mixture for mixture in made if _is_measured(mixture)]


def _usable(series: Series) -> bool:
    known = series.values[series.known]
    return series.step == _MINUTE and len(known) >= _LEAST_DAYS * 1440 and bool(np.any(known))


def _is_measured(mixture: Series) -> bool:
    """Whether its parts were measured together often enough to learn from."""
    return float(mixture.known.mean()) >= _LEAST_MEASURED and bool(np.nansum(mixture.values) > 0)


def _mixture(parts: Sequence[FloatArray], rng: np.random.Generator, name: str) -> Series:
    first = _stretch(parts[int(rng.integers(len(parts)))], _MOST_DAYS * 1440, rng)
    mixed = _bent(first, rng)
    if rng.random() < 0.7:
        second = parts[int(rng.integers(len(parts)))]
        length = min(len(mixed), len(second))
        share = rng.uniform(0.1, 0.9)
        mixed = share * mixed[:length] + (1 - share) * _bent(_stretch(second, length, rng), rng)
    start = _START + int(rng.integers(_YEAR_MINUTES)) * _MINUTE
    return Series(start, _MINUTE, mixed * 10 ** rng.uniform(0.0, 4.0), Kind.FLOW, name)


def _stretch(values: FloatArray, most: int, rng: np.random.Generator) -> FloatArray:
    """At most so many minutes in a row, from anywhere."""
    length = min(most, len(values))
    first = int(rng.integers(len(values) - length + 1))
    return values[first : first + length]


def _bent(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The same shape with flatter or steeper peaks."""
    bent: FloatArray = np.sign(values) * np.abs(values) ** rng.uniform(0.7, 1.4)
    return bent
