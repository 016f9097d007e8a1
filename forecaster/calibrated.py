"""A forecaster whose upper quantiles are corrected by what became of its own forecasts over the last two days.

Nothing is kept that decides: the forecasts of two days are made again where they are not remembered, so a restart, a
second replica and a backtest give the same answer. What is remembered only saves time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.conformal import MEMORY_DAYS, STRIDE, stretched, track
from forecaster.forecast import HORIZON, Ask, Forecaster, Forecasts, Window
from forecaster.past import Past, mean_before, running
from forecaster.remembered import Remembered, keys_of
from forecaster.series import FloatArray, IntArray
from forecaster.targets import targets_and_peak
from forecaster.windows import CONTEXT

_STEPS = np.arange(1, HORIZON + 1)
_Key = tuple[Window, str, int, bytes]

FOR_A_SIGNAL = 640
"""Forecasts of a signal that are remembered: every STRIDE-th of MEMORY_DAYS and of the day begun, and some more."""


class Calibrated:
    """`inner`, with upper quantiles and peaks that cover what they say."""

    def __init__(self, inner: Forecaster, remember: int = 20_000) -> None:
        """`remember` so many forecasts of single origins, of a kilobyte each; FOR_A_SIGNAL serve a signal for a day."""
        self.name = inner.name
        self._inner = inner
        self._made = Remembered(remember)

    def make_room(self, signals: int) -> None:
        """From now on it remembers what so many signals need; with less, each of them is worked out anew each time."""
        self._made.make_room(signals * FOR_A_SIGNAL)

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """As the inner forecaster's, at whatever origins; raises what it raises."""
        lessons = [_Lessons.of(ask) for ask in asks]
        missing = [self._made.missing(lesson.keys) for lesson in lessons]
        wanted = [
            Ask(ask.series, np.union1d(ask.origins, lesson.origins[new]), ask.window)
            for ask, lesson, new in zip(asks, lessons, missing, strict=True)
        ]
        answers = []
        for ask, lesson, new, made in zip(asks, lessons, missing, self._inner.forecast(wanted), strict=True):
            columns = _columns(made)
            fresh = columns[np.searchsorted(made.origins, lesson.origins[new])]
            learned = self._made.with_new(lesson.keys, new, fresh)
            asked = columns[np.searchsorted(made.origins, ask.origins)]
            answers.append(_forecasts(ask, made, lesson.correct(asked, learned)))
        self._made.trim()
        return answers


@dataclass(frozen=True, eq=False)
class _Lessons:
    """Which origins the asked ones are corrected by, run by run, and what came of those.

    One run for each day that is asked about: from two midnights before it to its last asked origin. Its origins lie on
    the grid of the clock, so that it does not matter where the history starts or when one asks.
    """

    origins: IntArray
    runs: IntArray
    truths: FloatArray
    moves: FloatArray
    due: IntArray
    place: IntArray
    asked_moves: FloatArray
    keys: list[_Key]

    @staticmethod
    def of(ask: Ask) -> _Lessons:
        past = Past(ask.series)
        past.check(ask.origins)
        midnights = past.midnight(ask.origins)
        days = np.unique(midnights)
        grid = [_grid(past, int(day), int(ask.origins[midnights == day].max())) for day in days]
        origins = np.unique(np.concatenate(grid)) if grid else np.zeros(0, dtype=np.int64)
        runs = np.full((len(days), max((len(g) for g in grid), default=0)), -1)
        for row, points in zip(runs, grid, strict=True):
            row[: len(points)] = np.searchsorted(origins, points)
        # Of each asked origin, the last of its run's origins that is not after it; -1 where it has none yet.
        place = np.array(
            [
                (day, int(np.searchsorted(grid[day], origin, side="right")) - 1)
                for origin, day in zip(ask.origins.tolist(), np.searchsorted(days, midnights).tolist(), strict=True)
            ],
            dtype=np.int64,
        ).reshape(-1, 2)
        moves = _usual_moves(past)
        return _Lessons(
            origins=origins,
            runs=runs,
            truths=targets_and_peak(ask.series.values, origins, ask.window),
            moves=moves(origins),
            due=-(-np.append(_STEPS, ask.window.last) // STRIDE),
            place=place,
            asked_moves=moves(ask.origins),
            keys=[(ask.window, *key) for key in keys_of(ask.series, origins)],
        )

    def correct(self, asked: FloatArray, learned: FloatArray) -> FloatArray:
        """[asked, columns, levels], corrected by what became of the forecasts `learned` [G, columns, levels]."""
        if not len(self.origins):
            return asked
        held = track(self.runs, learned, self.truths, self.moves, self.due)
        run, k = self.place.T
        stretch = np.where((k >= 0)[:, None, None], held[run, np.maximum(k, 0)], 0.0)
        return stretched(asked, self.asked_moves, stretch)


def _grid(past: Past, midnight: int, last: int) -> IntArray:
    """Every STRIDE-th bin from the midnight MEMORY_DAYS before `midnight` to `last`, once there is a context."""
    first = max(midnight - MEMORY_DAYS * past.day, past.first + CONTEXT)
    return past.every(STRIDE, first, last + 1)


def _usual_moves(past: Past) -> Callable[[IntArray], FloatArray]:
    """[B] for origins [B]: how far the load moved over a horizon, on average over a day up to the last full hour."""
    move = np.abs(past.move(HORIZON))
    sums, counts = running(np.nan_to_num(move)), running((~np.isnan(move)).astype(np.float64))
    return lambda origins: mean_before(sums, counts, past.last_hour(origins), past.day)


def _columns(made: Forecasts) -> FloatArray:
    return np.concatenate([made.quantiles, made.peak[:, None, :]], axis=1)


def _forecasts(ask: Ask, made: Forecasts, columns: FloatArray) -> Forecasts:
    steps, peak = np.maximum(columns[:, :HORIZON], 0.0), np.maximum(columns[:, HORIZON], 0.0)
    return Forecasts(ask.origins, made.levels, steps, peak, ask.window, made.model)
