"""What surrounded this moment hours, days and weeks ago, in today's units. Pure: numpy only.

A lag's window is relative to its own level then. It is there if it lies inside the history, was over at the origin and
was measured nearly everywhere; where it is not there it is zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.behind import Behind
from forecaster.forecast import HORIZON
from forecaster.series import FloatArray

BEFORE = 15
"""A lag's window reaches this many steps before the same moment then."""
_PRESENT_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Now:
    """What was last known at each origin, and the scale that everything is divided by. [B] each."""

    last: FloatArray
    scale: FloatArray


@dataclass(frozen=True, eq=False)
class Lag:
    """window [B, offsets] less its level; level [B] less today's; there [B], 1 or 0. Zero where it is not there."""

    window: FloatArray
    level: FloatArray
    there: FloatArray


@dataclass(frozen=True, eq=False)
class Lagged:
    """windows [B, lags, offsets] less their level; levels [B, lags] less today's; there [B, lags], which share is."""

    windows: FloatArray
    levels: FloatArray
    there: FloatArray

    def flat(self) -> FloatArray:
        parts = np.concatenate([self.windows, self.levels[..., None], self.there[..., None]], axis=2)
        return parts.reshape(len(parts), parts.shape[1] * parts.shape[2])


def lags(behind: Behind, now: Now, bins: Sequence[int], after: int) -> dict[int, Lag]:
    """What surrounded the same moment each so many bins ago, to `after` steps beyond the horizon."""
    return {lag: _lag(behind, now, lag, after) for lag in bins}


def _lag(behind: Behind, now: Now, lag: int, after: int) -> Lag:
    first, stop = 1 - BEFORE - lag, HORIZON + after + 1 - lag
    if stop > 1:
        count = len(now.last)
        return Lag(np.zeros((count, stop - first)), np.zeros(count), np.zeros(count))
    there = ((behind.age + first >= 0) & (behind.share(first, stop) >= _PRESENT_SHARE)).astype(np.float64)
    held = behind.held(first, stop)
    base = held[:, BEFORE - 1]
    window = (held - base[:, None]) / now.scale[:, None]
    return Lag(window * there[:, None], (base - now.last) / now.scale * there, there)


def grouped(single: Mapping[int, Lag], groups: Sequence[Sequence[int]]) -> Lagged:
    """The mean of each group over those of its lags that are there."""
    windows, levels, flags = [], [], []
    for group in groups:
        there: FloatArray = np.sum([single[lag].there for lag in group], axis=0)
        counts = np.maximum(there, 1.0)
        windows.append(sum(single[lag].window for lag in group) / counts[:, None])
        levels.append(np.sum([single[lag].level for lag in group], axis=0) / counts)
        flags.append(there / len(group))
    return Lagged(np.stack(windows, axis=1), np.stack(levels, axis=1), np.stack(flags, axis=1))


def day_to_day(days: Sequence[Lag]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """([B, HORIZON] * 3), the highest and the lowest of what followed this minute on other days, and their deviation.

    Zero where fewer than two days are there. The deviation is of a sample: divided by one less than the days.
    """
    windows = np.stack([lag.window[:, BEFORE : BEFORE + HORIZON] for lag in days])
    there = np.stack([lag.there for lag in days])[:, :, None] > 0
    count = there.sum(axis=0)
    enough = count >= 2
    mean = np.where(there, windows, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(there, (windows - mean) ** 2, 0.0).sum(axis=0)
    highest = np.where(enough, np.where(there, windows, -np.inf).max(axis=0, initial=-np.inf), 0.0)
    lowest = np.where(enough, np.where(there, windows, np.inf).min(axis=0, initial=np.inf), 0.0)
    return highest, lowest, np.where(enough, np.sqrt(squares / np.maximum(count - 1, 1)), 0.0)


def context_ago(behind: Behind, now: Now, groups: Sequence[Sequence[int]], context: int) -> list[FloatArray]:
    """For each group of lags in bins, [B, context]: the steps of the context then, in today's units, and their mean."""
    single = {}
    for lag in {lag for group in groups for lag in group}:
        there = (behind.age - lag - context >= 0).astype(np.float64)
        steps = behind.held(1 - context - lag, 1 - lag)
        single[lag] = (steps - now.last[:, None]) / now.scale[:, None] * there[:, None], there
    made = []
    for group in groups:
        total, counts = (sum(part) for part in zip(*(single[lag] for lag in group), strict=True))
        made.append(total / np.maximum(counts, 1.0)[:, None])
    return made
