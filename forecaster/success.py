"""How well simple rules have foretold this workload so far: what the network needs to know whom to trust.

For each rule and each of a few steps: the logarithm of its absolute error over that of persistence, over the last two
hours, the last day and the last week. Zero means no better than persistence, or nothing to compare. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from forecaster.forecast import HORIZON
from forecaster.past import Past, running
from forecaster.ridge import Ridge
from forecaster.series import BoolArray, FloatArray, IntArray

_MOST = 3.0
_TINY = 1e-6


class Success:
    """Of the rules "as much as was added then", one for each group of days, and of the workload's own ridge."""

    def __init__(self, past: Past, ridge: Ridge, rules: tuple[tuple[int, ...], ...], steps: tuple[int, ...]) -> None:
        self._past, self._ridge, self._steps = past, ridge, steps
        self._sums = [_of_a_rule(past, days, step) for days in rules for step in steps]
        self._ridge_range = range(0)
        self._ridge_sums = [(running(np.zeros(0)), running(np.zeros(0))) for _ in steps]

    def at(self, origins: IntArray, recent: int) -> FloatArray:
        """[B, rules x steps x 3 + steps x 2]: over the last `recent` bins, the day and the week; the ridge without it.

        Day and week end with the last full hour.
        """
        now, top = origins + 1, self._past.last_hour(origins)
        day = self._past.day
        columns = [
            _over(sums, ends, back) for sums in self._sums for ends, back in ((now, recent), (top, day), (top, 7 * day))
        ]
        first = self._follow_the_ridge(origins, recent)
        columns += [
            _over(sums, ends - first, back) for sums in self._ridge_sums for ends, back in ((now, recent), (top, day))
        ]
        return np.stack(columns, axis=1)

    def _follow_the_ridge(self, origins: IntArray, recent: int) -> int:
        """Makes the ridge's forecasts from a day before the first origin on; gives the bin their sums start at."""
        if not len(origins):
            return 0
        past = self._past
        back = max(recent, past.day + past.hour)
        first, stop = max(int(origins.min()) + 1 - back, past.first), int(origins.max()) + 1
        have = self._ridge_range
        if not (have.start <= first and stop <= have.stop):
            self._ridge_range = range(first, stop)
            self._ridge_sums = self._of_the_ridge(first, stop)
        return self._ridge_range.start

    def _of_the_ridge(self, first: int, stop: int) -> list[tuple[FloatArray, FloatArray]]:
        """For each step, running sums of the ridge's errors and of the moves, by the bin that was forecast."""
        start = max(first - HORIZON, self._past.first)
        made, fitted = self._ridge.moves(np.arange(start, stop))
        sums = []
        for step in self._steps:
            targets = np.arange(first, stop)
            origins = np.maximum(targets - step, start)
            moved = self._past.series.values[targets] - self._past.at(targets - step)
            counts = fitted[origins - start] & (targets - step >= start)
            error, known = move_error(moved, made[origins - start, step - 1], counts)
            sums.append((running(error), running(known)))
        return sums


def _of_a_rule(past: Past, days: tuple[int, ...], step: int) -> tuple[FloatArray, FloatArray]:
    """Running sums of the error of a lag's increments, and of the moves themselves, where both are known."""
    moved = past.move(step)
    error, known = rule_error(moved, (_later(moved, d * past.day) for d in days))
    return running(error), running(known)


def _later(moved: FloatArray, lag: int) -> FloatArray:
    then = np.full(len(moved), np.nan)
    then[lag:] = moved[: max(len(moved) - lag, 0)]
    return then


def rule_error(moved: FloatArray, thens: Iterable[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """How far each move was from the mean of those `then`, and how large it was; zero where either is not known.

    Arrays of any one shape, bins first; NaN is a move that was not measured.
    """
    total, count = np.zeros(moved.shape), np.zeros(moved.shape)
    for then in thens:
        there = ~np.isnan(then)
        total += np.where(there, then, 0.0)
        count += there
    return move_error(moved, total / np.maximum(count, 1), count > 0)


def move_error(moved: FloatArray, foretold: FloatArray, counts: BoolArray) -> tuple[FloatArray, FloatArray]:
    """How far each move was from what was foretold, and how large it was; zero where it does not count or is NaN."""
    counts = counts & ~np.isnan(moved)
    return np.where(counts, np.abs(moved - foretold), 0.0), np.where(counts, np.abs(moved), 0.0)


def _over(sums: tuple[FloatArray, FloatArray], ends: IntArray, back: int) -> FloatArray:
    """[B], log(error / error of persistence) over the `back` bins before `ends`."""
    ends = np.maximum(ends, 0)
    first = np.maximum(ends - back, 0)
    error, persistence = (s[ends] - s[first] for s in sums)
    return log_ratio(error, persistence, sums[1][ends])


def log_ratio(error: FloatArray, persistence: FloatArray, so_far: FloatArray) -> FloatArray:
    """log(error / error of persistence), bounded; 0 where nothing moved. `so_far` is persistence's since the start."""
    # Differences of long sums keep an error of their own, which must not count as a move.
    tiny = _TINY * persistence + 1e-12 * so_far
    moved = persistence > 1e-9 * so_far
    ratio = np.log((error + tiny + 1e-300) / np.where(moved, persistence + tiny + 1e-300, 1.0))
    return np.where(moved, np.clip(ratio, -_MOST, _MOST), 0.0)
