"""What became of a fleet's own forecasts, followed from tick to tick.

`Calibrated` makes the forecasts of two days again to learn from them; a fleet has just made them. A stretch starts at
zero two midnights back, so three runs are followed at once: the one that serves today, and those that will serve
tomorrow and the day after. The answer is that of `Calibrated`, from two midnights after a fleet was opened or a
workload joined on, as long as no forecast that it learned from was made before the slow work that was due. Bins are
numbered since the epoch. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecaster.conformal import MEMORY_DAYS, STRIDE, Tracker, stretched
from forecaster.forecast import HORIZON, Window
from forecaster.series import FloatArray, IntArray
from forecaster.windows import CONTEXT

READS = STRIDE * -(-HORIZON // STRIDE)
"""Bins back from the newest to the origin whose last step is learned of there."""
_STEPS = np.arange(1, HORIZON + 1)
_COLUMNS = HORIZON + 1


class FleetCalibration:
    """The stretches of W workloads, each with the window whose peak it is asked for."""

    def __init__(self, windows: Sequence[Window], day: int, since: int) -> None:
        """Nothing is learned from forecasts before bin `since`."""
        self._day = day
        self._inside = np.zeros((len(windows), HORIZON), dtype=bool)
        self._due = np.zeros((len(windows), _COLUMNS), dtype=np.int64)
        self._since: IntArray = np.full(len(windows), since)
        for column, window in enumerate(windows):
            self._look_at(column, window)
        self._runs = [self._run() for _ in range(MEMORY_DAYS + 1)]
        self._starts = [since] * len(self._runs)

    @staticmethod
    def learns_at(at: int) -> bool:
        """Whether the forecasts from bin `at` are learned from."""
        return (at + 1) % STRIDE == 0

    def begin_bin(self, at: int) -> None:
        """To be told of every bin: at midnight tomorrow's run serves, and a new one starts."""
        if (at + 1) % self._day == 0:
            self._runs, self._starts = [*self._runs[1:], self._run()], [*self._starts[1:], at + 1]

    def learn(self, at: int, columns: FloatArray, moves: FloatArray, values: FloatArray, first: IntArray) -> None:
        """Learns from what came up to bin `at`, and keeps the forecasts that were made there.

        columns  [W, HORIZON + 1, levels], the network's steps and peak; moves [W], the usual size of a move
        values   [READS, W], those of the latest bins, NaN where one was not measured
        first    [W], the first measured bins
        """
        origins = at - STRIDE * self._due
        truths = np.where(origins >= np.maximum(self._since, first + CONTEXT)[:, None], self._truths(values), np.nan)
        for run, start in zip(self._runs, self._starts, strict=True):
            run.step(columns, moves, np.where(origins >= start, truths, np.nan))

    def correct(self, columns: FloatArray, moves: FloatArray) -> FloatArray:
        """[W, HORIZON + 1, levels], the network's columns of the newest bin as they are served."""
        return stretched(columns, moves, self._runs[0].stretch)

    def forget(self, column: int, window: Window, since: int) -> None:
        """Begins a workload anew."""
        self._look_at(column, window)
        self._since[column] = since
        for run in self._runs:
            run.forget(column, self._due[column])

    def _look_at(self, column: int, window: Window) -> None:
        self._inside[column] = (window.first <= _STEPS) & (window.last >= _STEPS)
        self._due[column] = -(-np.append(_STEPS, window.last) // STRIDE)

    def _run(self) -> Tracker:
        return Tracker(self._due.copy(), READS // STRIDE)

    def _truths(self, values: FloatArray) -> FloatArray:
        """[W, HORIZON + 1], what came of each column's forecast that is due now."""
        newest = len(values) - 1
        steps = values[newest - STRIDE * self._due[0, :HORIZON] + _STEPS].T
        after = newest - STRIDE * self._due[:, -1:] + _STEPS
        window = values[np.minimum(after, newest), np.arange(len(after))[:, None]]
        peak = np.where(self._inside, window, -np.inf).max(axis=1)
        return np.concatenate([steps, peak[:, None]], axis=1)
