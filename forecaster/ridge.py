"""A workload's own linear forecast, fitted anew at every midnight (UTC) to the two weeks before it.

What the shared network cannot know of one workload (how much of a move reverts, how exactly a day repeats) a few dozen
coefficients of its own can. The network takes this forecast as one of its candidates and learned when to trust it.

Ridge regression (Hoerl and Kennard 1970), iteratively reweighted so that it tends to the median and not to the mean
(least absolute deviations by reweighting, Schlossmacher 1973). Pure: numpy only.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from forecaster.behind import Along, Behind
from forecaster.forecast import HORIZON
from forecaster.past import Past, out_of_step
from forecaster.series import DAY, BoolArray, FloatArray, IntArray

_STEPS = np.arange(1, HORIZON + 1)
_BACK = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60, 90])
_MEANS = (3, 5, 10, 15, 30, 60, 120)
_BEFORE = np.array([5, 15, 60])
_LAGS_DAYS = ((1,), (7,), (1, 2, 3, 4, 5, 6, 7))
_DAYS = 14
SEEN_DAYS = _DAYS + 8
"""A fit reads two weeks of targets, the week of lags before them and the means before those."""
_STRIDE = 5
_FEWEST_ROWS = 180
"""A first day of minutes has 195."""
_PENALTY = 1e-2
_CLIP = 3.0
_ROUNDS = 2
_CALENDAR = 7
FEATURES = len(_BACK) + len(_MEANS) + 1 + len(_LAGS_DAYS) * (HORIZON + len(_BEFORE) + 1) + _CALENDAR


class Fits:
    """Fits that were made already, the latest used last; a tick a minute must not fit the same day 1,440 times.

    A fit is found again by the very values that it was made from, so a corrected history gives a new one.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Fit | None] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Fit | None]) -> Fit | None:
        """The fit of `key`, made if it is not there."""
        if key not in self._made:
            self._made[key] = make()
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


class Ridge:
    """The daily fits of one series, each made when it is first asked for."""

    def __init__(self, past: Past, fits: Fits | None = None) -> None:
        self._past = past
        self._fits = Fits() if fits is None else fits

    def moves(self, origins: IntArray) -> tuple[FloatArray, BoolArray]:
        """([B, HORIZON], [B]): how far the load will have moved after each step, and whether there is a fit to say so.

        Zero, which is persistence, where the history before the last midnight is too short for one. Origins must not
        lie before the first measured bin.
        """
        return moves_by(self._fit, self._past, origins)

    def _fit(self, midnight: int) -> Fit | None:
        past = self._past
        series = past.series
        seen = series.values[max(midnight - SEEN_DAYS * past.day, 0) : max(midnight, 0)]
        key = (series.step, series.time(midnight), hashlib.blake2b(seen.tobytes(), digest_size=16).digest())
        return self._fits.get(key, lambda: fitted(past, midnight))


def moves_by(fit_of: Callable[[int], Fit | None], past: Past, origins: IntArray) -> tuple[FloatArray, BoolArray]:
    """As `Ridge.moves`, by whatever fit `fit_of` has for the bin that begins at each origin's midnight."""
    moves, there = np.zeros((len(origins), HORIZON)), np.zeros(len(origins), dtype=bool)
    midnights = past.midnight(origins)
    for midnight in np.unique(midnights):
        fit = fit_of(int(midnight))
        if fit is not None:
            rows = midnights == midnight
            moves[rows], there[rows] = fit.moves(design(Along(past, origins[rows]))), True
    return moves, there


def fitted(past: Past, midnight: int) -> Fit | None:
    """From the origins of two weeks whose targets were all over by `midnight`; None where they are too few."""
    start = max(past.first + int(_BEFORE.max()), midnight - HORIZON - _DAYS * past.day)
    # Counted back from midnight, so that a history that starts earlier gives the same rows.
    origins = np.arange(midnight - HORIZON - 1, start - 1, -out_of_step(_STRIDE, past.hour))
    if not len(origins):
        return None
    targets = past.series.values[origins[:, None] + _STEPS] - past.at(origins)[:, None]
    whole = past.known[origins] & ~np.isnan(targets).any(axis=1)
    if whole.sum() < _FEWEST_ROWS:
        return None
    return Fit.of(design(Along(past, origins[whole])), targets[whole])


def design(behind: Behind) -> FloatArray:
    """[B, features], all relative to the last value, in the series' unit; the last columns are the calendar."""
    day = DAY // behind.step
    recent = behind.held(-int(_BACK.max()), 1)
    last = recent[:, -1]
    columns = [recent[:, -1 - _BACK] - last[:, None], behind.means((*_MEANS, day)) - last[:, None]]
    columns += _ago(behind, last, day)
    angle = 2 * np.pi * (behind.clock % day) / day
    columns += [np.stack([f(k * angle) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1)]
    return np.concatenate([*columns, np.ones((len(last), 1))], axis=1)


def _ago(behind: Behind, last: FloatArray, day: int) -> list[FloatArray]:
    """[B, HORIZON + 4] for each group of lags: how it went on then, how it had come there, and that level less today's.

    The mean over the days of a group that are there.
    """
    before, near = int(_BEFORE.max()), np.concatenate([_STEPS, -_BEFORE])
    by_day = {}
    for lag in {d * day for days in _LAGS_DAYS for d in days}:
        there = behind.age - lag >= before
        window = behind.held(-lag - before, -lag + HORIZON + 1)
        then = window[:, before]
        moves = np.concatenate([window[:, before + near] - then[:, None], (then - last)[:, None]], axis=1)
        by_day[lag] = np.where(there[:, None], moves, 0.0), there
    made = []
    for group in ([by_day[d * day] for d in days] for days in _LAGS_DAYS):
        total, count = (sum(part) for part in zip(*group, strict=True))
        made.append(total / np.maximum(count, 1)[:, None])
    return made


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients, and how far features and answers may reach: an outage must not be extrapolated.

    Of one workload: size [features less calendar], reach [HORIZON], weights [features, HORIZON]. Or of B workloads,
    stacked along a first axis.
    """

    size: FloatArray
    reach: FloatArray
    weights: FloatArray

    @staticmethod
    def of(design: FloatArray, targets: FloatArray) -> Fit:
        size = _rms(design[:, :-_CALENDAR])
        reach = np.asarray(_CLIP * _rms(targets), dtype=np.float64)
        x, y = _scaled(design, size), np.clip(targets, -reach, reach)
        penalty = _PENALTY * len(x) * np.eye(x.shape[1])
        weights = np.linalg.solve(x.T @ x + penalty, x.T @ y)
        for _ in range(_ROUNDS):
            miss = np.abs(y - x @ weights).mean(axis=1)
            trust = 1 / np.maximum(miss, 0.3 * np.median(miss) + 0.01 * miss.mean() + 1e-300)
            weighed = x * (trust / trust.mean())[:, None]
            weights = np.linalg.solve(weighed.T @ x + penalty, weighed.T @ y)
        return Fit(size, reach, np.asarray(weights, dtype=np.float64))

    def moves(self, design: FloatArray) -> FloatArray:
        """[B, HORIZON] for a design [B, features]; row by row where B fits are stacked."""
        rows = _scaled(design, self.size)
        made = rows @ self.weights if self.weights.ndim == 2 else (rows[:, None] @ self.weights)[:, 0]
        return np.clip(made, -2 * self.reach, 2 * self.reach)

    @staticmethod
    def none(count: int) -> Fit:
        """Of so many workloads, each of which is foretold to stay where it is."""
        size = np.ones((count, FEATURES - _CALENDAR))
        # Filled, not only reserved: memory that is there when a fleet begins is there at midnight.
        return Fit(size, np.full((count, HORIZON), 0.0), np.full((count, FEATURES, HORIZON), 0.0))

    def of_one(self, row: int) -> Fit:
        """One of the stacked fits."""
        return Fit(self.size[row], self.reach[row], self.weights[row])

    def of_some(self, rows: IntArray) -> Fit:
        """Some of the stacked fits, stacked."""
        return Fit(self.size[rows], self.reach[rows], self.weights[rows])

    def put(self, row: int, fit: Fit) -> None:
        """Replaces one of the stacked fits."""
        self.size[row], self.reach[row], self.weights[row] = fit.size, fit.reach, fit.weights


def _rms(values: FloatArray) -> FloatArray:
    root = np.sqrt((values**2).mean(axis=0))
    positive: FloatArray = np.where(root > 0, root, 1.0)
    return positive


def _scaled(design: FloatArray, size: FloatArray) -> FloatArray:
    moves = np.clip(design[:, :-_CALENDAR] / size, -_CLIP, _CLIP)
    return np.concatenate([moves, design[:, -_CALENDAR:]], axis=1)
