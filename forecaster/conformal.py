"""Upper quantiles that cover what they say, corrected online by how often they were passed of late.

Each upper level of each step, and of the peak, has a stretch: by so much of its own distance from the median it is
moved. A stretch follows the quantile tracker of adaptive conformal inference (Gibbs and Candes 2021; Angelopoulos,
Candes and Tibshirani 2023): up by `rate * level` when the truth passed the quantile, down by `rate * (1 - level)` when
it did not.

Two things keep it from running away where a forecast's width goes to zero and comes back: the stretch is bounded, and
the distance never counts as less than a share of the workload's usual move. Only upper levels are moved, because only
they buy capacity. A stretch starts at zero two midnights back, so that it can be rebuilt from history alone, and a
forecast does not depend on when its forecaster was started. Pure: numpy only.
"""

from __future__ import annotations

import numpy as np

from forecaster.forecast import LEVELS
from forecaster.series import FloatArray, IntArray

STRIDE = 7
"""Bins between the origins that are learned from. They lie on a grid of the clock, whatever the history or the day, and
7 shares no factor with an hour: every 5 or 15 minutes, they would see a periodic job always or never."""
MEMORY_DAYS = 2
RATE = 0.03
LEAST, MOST = -0.4, 1.0
_UPPER = np.array(LEVELS) > 0.5
_UPPER_LEVELS = np.array(LEVELS)[_UPPER]
_MEDIAN = LEVELS.index(0.5)
_SHARE_OF_MOVE = 0.05


def reach(quantiles: FloatArray, moves: FloatArray) -> FloatArray:
    """[N, C, levels], what one unit of stretch moves each level of quantiles [N, C, levels] by; moves [N] as below."""
    away: FloatArray = np.abs(quantiles - quantiles[..., _MEDIAN : _MEDIAN + 1])
    return np.minimum(away, moves[:, None, None]) + _SHARE_OF_MOVE * moves[:, None, None]


def stretched(quantiles: FloatArray, moves: FloatArray, stretch: FloatArray) -> FloatArray:
    """[N, C, levels], the quantiles with their upper levels moved by `stretch` [N, C, levels]; they still ascend.

    `moves` [N] is the usual size of this workload's moves, in the unit of the quantiles.
    """
    moved = quantiles + np.where(_UPPER, stretch, 0.0) * reach(quantiles, moves)
    ascending: FloatArray = np.maximum.accumulate(moved, axis=-1)
    return ascending


def track(runs: IntArray, quantiles: FloatArray, truths: FloatArray, moves: FloatArray, due: IntArray) -> FloatArray:
    """[R, K, C, levels], the stretch that holds after each of the K origins of each of R runs.

    runs       [R, K], which of the N origins each run goes through, in order; -1 where it has none
    quantiles  [N, C, levels] as the model gave them at the origins, C columns each: steps and the peak
    truths     [N, C], what came; NaN where it was not measured
    moves      [N], the usual size of a move
    due        [C], after so many further origins of a run the column's truth is known

    A run starts with no stretch. At each origin it learns from what became known since the one before.
    """
    count, steps = runs.shape
    tracker = Tracker(np.tile(due, (count, 1)), int(due.max(initial=0)))
    held = np.zeros((count, steps, len(due), len(LEVELS)))
    for k in range(steps):
        now, then = runs[:, k], k - due
        origin = runs[:, np.maximum(then, 0)]
        ready = (then >= 0) & (origin >= 0) & (now >= 0)[:, None]
        truth = np.where(ready, truths[origin, np.arange(len(due))], np.nan)
        held[:, k] = tracker.step(quantiles[now], moves[now], truth)
    return held


class Tracker:
    """The stretches of R runs, moved from one origin to the next."""

    def __init__(self, due: IntArray, latest: int) -> None:
        """`due` [R, C], after so many further origins each column's truth is known; at most `latest`."""
        self.stretch = np.zeros((*due.shape, len(LEVELS)))
        """[R, C, levels], as it holds after the latest origin; zero at the levels that are not moved."""
        self._due, self._steps = due, 0
        self._served = np.full((latest + 1, *due.shape, int(_UPPER.sum())), np.nan)

    def step(self, quantiles: FloatArray, moves: FloatArray, truths: FloatArray) -> FloatArray:
        """The stretch that holds after the next origin.

        quantiles  [R, C, levels] as the model gives them at this origin; moves [R] as above
        truths     [R, C], what came after the origin `due` steps before this one; NaN where nothing is to be learned
        """
        runs, columns = np.ogrid[: truths.shape[0], : truths.shape[1]]
        served = self._served[(self._steps - self._due) % len(self._served), runs, columns]
        move = RATE * (_UPPER_LEVELS - ~(truths[..., None] > served))
        known = ~np.isnan(truths)[..., None]
        self.stretch[..., _UPPER] = np.clip(self.stretch[..., _UPPER] + np.where(known, move, 0.0), LEAST, MOST)
        made = stretched(quantiles, moves, self.stretch)
        self._served[self._steps % len(self._served)] = made[..., _UPPER]
        self._steps += 1
        return self.stretch

    def forget(self, run: int, due: IntArray) -> None:
        """Begins a run anew, whose columns are due after `due` [C]."""
        self.stretch[run], self._due[run] = 0.0, due
