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

from collections.abc import Iterator

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


def follow(
    tracker: Tracker, runs: IntArray, done: IntArray, quantiles: FloatArray, truths: FloatArray, moves: FloatArray
) -> Iterator[IntArray]:
    """Takes R runs from where they stand to their ends, all at once; after each step, which origin each run stood at.

    runs       [R, K], which of the N origins each run goes through, in order; -1 after its end
    done       [R], how many of them it has gone through already, as `tracker` has it
    quantiles  [N, C, levels] as the model gave them at the origins, C columns each: steps and the peak
    truths     [N, C], what came; NaN where it was not measured
    moves      [N], the usual size of a move

    A run that is at its end stays where it is, and is given as -1.
    """
    left = (runs >= 0).sum(axis=1) - done
    rows = np.arange(len(runs))
    for more in range(int(left.max(initial=0))):
        going = more < left
        k = np.minimum(done + more, runs.shape[1] - 1)
        now, then = runs[rows, k], k[:, None] - tracker.due
        origin = runs[rows[:, None], np.maximum(then, 0)]
        ready = (then >= 0) & (origin >= 0) & going[:, None]
        truth = np.where(ready, truths[origin, np.arange(truths.shape[1])], np.nan)
        tracker.step(quantiles[now], moves[now], truth)
        yield np.where(going, k, -1)


class Tracker:
    """The stretches of R runs, moved from one origin to the next."""

    def __init__(self, due: IntArray, latest: int) -> None:
        """`due` [R, C], after so many further origins each column's truth is known; at most `latest`."""
        self.stretch = np.zeros((*due.shape, len(LEVELS)))
        """[R, C, levels], as it holds after the latest origin; zero at the levels that are not moved."""
        self.due, self._steps = due, 0
        self._served = np.full((latest + 1, *due.shape, int(_UPPER.sum())), np.nan)

    def step(self, quantiles: FloatArray, moves: FloatArray, truths: FloatArray) -> FloatArray:
        """The stretch that holds after the next origin.

        quantiles  [R, C, levels] as the model gives them at this origin; moves [R] as above
        truths     [R, C], what came after the origin `due` steps before this one; NaN where nothing is to be learned
        """
        runs, columns = np.ogrid[: truths.shape[0], : truths.shape[1]]
        served = self._served[(self._steps - self.due) % len(self._served), runs, columns]
        move = RATE * (_UPPER_LEVELS - ~(truths[..., None] > served))
        known = ~np.isnan(truths)[..., None]
        self.stretch[..., _UPPER] = np.clip(self.stretch[..., _UPPER] + np.where(known, move, 0.0), LEAST, MOST)
        made = stretched(quantiles, moves, self.stretch)
        self._served[self._steps % len(self._served)] = made[..., _UPPER]
        self._steps += 1
        return self.stretch

    def standing(self) -> FloatArray:
        """[R, C, numbers], all that the further steps of each run depend on."""
        ages = 1 + np.arange(len(self._served) - 1)
        served = self._served[(self._steps - ages) % len(self._served)]
        return np.concatenate([self.stretch[..., _UPPER], *served], axis=2)

    def resume(self, run: int, standing: FloatArray) -> None:
        """Lets a run go on from where one has stood [C, numbers]."""
        ages = 1 + np.arange(len(self._served) - 1)
        stretch, *served = np.split(standing, len(self._served), axis=1)
        self.stretch[run][:, _UPPER] = stretch
        self._served[(self._steps - ages) % len(self._served), run] = served

    def forget(self, run: int, due: IntArray) -> None:
        """Begins a run anew, whose columns are due after `due` [C]."""
        self.stretch[run], self.due[run] = 0.0, due
