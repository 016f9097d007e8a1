"""A forecaster whose upper quantiles are corrected by what became of its own forecasts over the last two days.

Nothing is kept that decides: where the runs of two days stand is remembered for the latest origins, and found again by
the values that it was learned from. What is not found is worked out anew, forecasts and all, so a restart, a second
replica and a backtest give the same answer. The runs of all workloads that are asked about go on together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.conformal import MEMORY_DAYS, STRIDE, Tracker, follow, stretched
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster, Forecasts, Window
from forecaster.past import Past, mean_before, running
from forecaster.remembered import Key, Remembered, keys_of
from forecaster.series import FloatArray, IntArray, Series
from forecaster.targets import targets_and_peak
from forecaster.windows import CONTEXT

_STEPS = np.arange(1, HORIZON + 1)
_LATEST = -(-HORIZON // STRIDE)
"""Origins of a run after which all that was foretold is over."""
_KEPT = 4
"""Of each run the latest origins where it is remembered how it stood: values that come late, or are corrected within so
many strides, cost no more than these."""
FOR_A_SIGNAL = (MEMORY_DAYS + 1) * (_KEPT + 1)
"""Standings of a signal that are remembered: of the runs that serve today, tomorrow and the day after."""
_RunKey = tuple[Window, int, Key]


class Calibrated:
    """`inner`, with upper quantiles and peaks that cover what they say."""

    def __init__(self, inner: Forecaster, remember: int = 10_000) -> None:
        """`remember` so many standings, of two kilobytes each; FOR_A_SIGNAL serve a signal."""
        self.name = inner.name
        self._inner = inner
        self._stood = Remembered(remember)

    def make_room(self, signals: int) -> None:
        """From now on it remembers what so many signals need; with less, each of them is worked out anew each time."""
        self._stood.make_room(signals * FOR_A_SIGNAL)

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """As the inner forecaster's, at whatever origins; raises what it raises."""
        lessons = [_Lessons.of(ask, self._stood) for ask in asks]
        wanted = [
            Ask(ask.series, np.union1d(ask.origins, lesson.origins[lesson.ahead]), ask.window)
            for ask, lesson in zip(asks, lessons, strict=True)
        ]
        made = self._inner.forecast(wanted)
        columns = [_columns(one) for one in made]
        for lesson, one, said in zip(lessons, made, columns, strict=True):
            lesson.said[lesson.ahead] = said[np.searchsorted(one.origins, lesson.origins[lesson.ahead])]
        held = self._learn(lessons)
        self._stood.trim()
        answers = []
        for ask, lesson, one, said, stretch in zip(asks, lessons, made, columns, held, strict=True):
            asked = said[np.searchsorted(one.origins, ask.origins)]
            answers.append(_forecasts(ask, one, stretched(asked, lesson.asked_moves, stretch)))
        return answers

    def _learn(self, lessons: Sequence[_Lessons]) -> list[FloatArray]:
        """Takes all runs to their ends; for each ask the stretch [asked, columns, levels] that holds there."""
        held = [np.zeros((len(lesson.asked_moves), *lesson.said.shape[1:])) for lesson in lessons]
        runs = [(run, stretch) for lesson, stretch in zip(lessons, held, strict=True) for run in lesson.runs]
        if not runs:
            return held
        tracker = Tracker(np.array([lesson.due for lesson in lessons for _ in lesson.runs]), _LATEST)
        for row, (run, stretch) in enumerate(runs):
            if run.stood is not None:
                tracker.resume(row, run.stood)
                stretch[run.asked_at(run.done - 1)] = tracker.stretch[row]
        for at in follow(tracker, *_together(lessons)):
            standing = tracker.standing() if any(run.is_kept(k) for (run, _), k in zip(runs, at, strict=True)) else None
            for row, ((run, stretch), k) in enumerate(zip(runs, at.tolist(), strict=True)):
                stretch[run.asked_at(k)] = tracker.stretch[row]
                if standing is not None and run.is_kept(k):
                    self._stood.keep(run.keys[k - len(run.places)], standing[row])
        return held


@dataclass(frozen=True, eq=False)
class _Run:
    """One run, from two midnights before the day that it serves to the last origin that is asked for.

    places  which of the lesson's origins it goes through
    asked   at which of these each of the ask's origins is served by it; -2 where it is not
    keys    of the last ones, at which it is remembered how it stood
    done    how many it has gone through as it is remembered, and how it stood there
    """

    places: IntArray
    asked: IntArray
    keys: Sequence[_RunKey]
    done: int
    stood: FloatArray | None

    def asked_at(self, k: int) -> IntArray:
        """Which of the ask's origins are served by how it stands after origin `k` of it."""
        return np.flatnonzero(self.asked == k) if k >= 0 else np.zeros(0, dtype=np.int64)

    def is_kept(self, k: int) -> bool:
        return k >= 0 and k >= len(self.places) - len(self.keys)


@dataclass(frozen=True, eq=False)
class _Lessons:
    """Which origins the asked ones are corrected by, run by run, and what came of those.

    One run for each day that is asked about, and for the two days after the last one, which will be asked about with
    what comes until then. Their origins lie on the grid of the clock, so that it does not matter where the history
    starts or when one asks. `ahead` are those that some run has still to go through, `said` their forecasts.
    """

    origins: IntArray
    truths: FloatArray
    moves: FloatArray
    due: IntArray
    asked_moves: FloatArray
    runs: Sequence[_Run]
    ahead: IntArray
    said: FloatArray

    @staticmethod
    def of(ask: Ask, stood: Remembered) -> _Lessons:
        past = Past(ask.series)
        past.check(ask.origins)
        grids = _grids(past, ask.origins)
        origins = np.unique(np.concatenate([grid for _, grid, _ in grids])) if grids else np.zeros(0, dtype=np.int64)
        keys = _Keys(ask.series, ask.window, stood)
        runs = [keys.run(day, grid, np.searchsorted(origins, grid), asked) for day, grid, asked in grids]
        ahead = np.zeros(len(origins), dtype=np.bool_)
        for run in runs:
            ahead[run.places[run.done :]] = True
        moves = _usual_moves(past)
        return _Lessons(
            origins=origins,
            truths=targets_and_peak(ask.series.values, origins, ask.window),
            moves=moves(origins),
            due=-(-np.append(_STEPS, ask.window.last) // STRIDE),
            asked_moves=moves(ask.origins),
            runs=runs,
            ahead=np.flatnonzero(ahead),
            said=np.zeros((len(origins), HORIZON + 1, len(LEVELS))),
        )


class _Keys:
    """Finds how the runs of one ask stood, by the history up to where they did; each digest is made once."""

    def __init__(self, series: Series, window: Window, stood: Remembered) -> None:
        self._series, self._window, self._stood = series, window, stood
        self._made: dict[int, Key] = {}

    def run(self, day: int, grid: IntArray, places: IntArray, asked: IntArray) -> _Run:
        """The run that serves from the midnight `day` on, from the latest origin where it is remembered."""
        last = min((k for k in asked.tolist() if k >= 0), default=len(grid) - 1)
        recent = max(last + 1 - _KEPT, 0)
        found = self._latest(day, grid, range(recent, last + 1)) or self._latest(day, grid, range(recent))
        done, stood = found or (0, None)
        return _Run(places, asked, self._of(day, grid[-_KEPT:]), done, stood)

    def _latest(self, day: int, grid: IntArray, among: range) -> tuple[int, FloatArray] | None:
        """How many origins were done, and how it stood, at the latest of some of them; None where nobody remembers."""
        keys = self._of(day, grid[among.start : among.stop])
        for k, key in zip(reversed(among), reversed(keys), strict=True):
            if (stood := self._stood.find(key)) is not None:
                return k + 1, stood
        return None

    def _of(self, day: int, origins: IntArray) -> list[_RunKey]:
        new = np.array([origin for origin in origins.tolist() if origin not in self._made], dtype=np.int64)
        self._made.update(zip(new.tolist(), keys_of(self._series, new), strict=True))
        serves = int(self._series.start.timestamp()) + day * int(self._series.step.total_seconds())
        return [(self._window, serves, self._made[origin]) for origin in origins.tolist()]


def _together(lessons: Sequence[_Lessons]) -> tuple[IntArray, IntArray, FloatArray, FloatArray, FloatArray]:
    """What `follow` wants of all runs: origins of all lessons are numbered one after the other."""
    firsts = np.cumsum([0, *(len(lesson.origins) for lesson in lessons)])
    runs = [(run, first) for lesson, first in zip(lessons, firsts[:-1].tolist(), strict=True) for run in lesson.runs]
    through = np.full((len(runs), max(len(run.places) for run, _ in runs)), -1)
    for row, (run, first) in zip(through, runs, strict=True):
        row[: len(run.places)] = first + run.places
    said, truths, moves = (
        np.concatenate([getattr(lesson, part) for lesson in lessons]) for part in ("said", "truths", "moves")
    )
    return through, np.array([run.done for run, _ in runs]), said, truths, moves


def _grids(past: Past, asked: IntArray) -> list[tuple[int, IntArray, IntArray]]:
    """For each run: the midnight it serves from, its origins, and after which of these each asked origin comes.

    -1 where it comes before the first one, and -2 where the run does not serve it.
    """
    midnights, last = past.midnight(asked), int(asked.max(initial=-1))
    days = np.unique(midnights)
    runs = []
    for day in days.tolist():
        served = midnights == day
        grid = _grid(past, day, int(asked[served].max()))
        runs.append((day, grid, np.where(served, np.searchsorted(grid, asked, side="right") - 1, -2)))
    later = [int(days[-1]) + k * past.day for k in range(1, MEMORY_DAYS + 1)] if runs else []
    return [*runs, *((day, _grid(past, day, last), np.full(len(asked), -2)) for day in later)]


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
