"""What an arm is worth beside the HPA with every target, and between a tuned HPA and the clairvoyant.

Everything is in sums by day, so that days can be drawn again, the same for every arm; row 0 of a result is the figure
itself. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import numpy as np

from controller.simulation.replay import Run
from controller.simulation.score import score_by_day
from forecaster.series import FloatArray


class Daily(NamedTuple):
    """Overload minutes and pod-minutes of each day [days]."""

    overload: FloatArray
    pods: FloatArray

    @classmethod
    def of(cls, run: Run) -> Self:
        """Those of a run; runs of one load have the same days."""
        days = score_by_day(run).values()
        return cls(np.array([day.overload_minutes for day in days]), np.array([day.pod_minutes for day in days]))

    @property
    def total_overload(self) -> float:
        return float(self.overload.sum())

    @property
    def total_pods(self) -> float:
        return float(self.pods.sum())


def overload_at_cost(arm: Daily, curve: Sequence[Daily], weights: FloatArray) -> FloatArray:
    """[draws], overload minutes of the curve at the arm's pod-minutes, in proportion between two of its runs.

    Beyond either end of the curve that end counts, so that an arm dearer than every run is flattered. `weights` [draws,
    days].
    """
    costs = np.stack([weights @ one.pods for one in curve], axis=1)
    overloads = np.stack([weights @ one.overload for one in curve], axis=1)
    order = np.argsort(costs, axis=1)
    rows = zip(weights @ arm.pods, costs, overloads, order, strict=True)
    return np.array([np.interp(cost, at[by], over[by]) for cost, at, over, by in rows])


def equal_cost_ratio(arm: Daily, curve: Sequence[Daily], weights: FloatArray) -> FloatArray:
    """[draws], overload of the arm by that of the curve at the same pod-minutes.

    NaN where neither has any, infinite where only the arm has.
    """
    ours, theirs = weights @ arm.overload, overload_at_cost(arm, curve, weights)
    only = np.where(ours > 0, np.inf, np.nan)
    ratio: FloatArray = np.divide(ours, theirs, out=only, where=theirs > 0)
    return ratio


def tuned(runs: Iterable[Daily], overload: float) -> Daily | None:
    """The HPA tuned with hindsight: of these runs the cheapest with no more overload; None where all have more."""
    return min((one for one in runs if one.total_overload <= overload), key=lambda one: one.total_pods, default=None)


def share_of_saving(arm: Daily, hpa: Daily, clairvoyant: Daily, weights: FloatArray) -> FloatArray:
    """[draws], (HPA - arm) / (HPA - clairvoyant) in pod-minutes, the other two being taken at the arm's overload.

    NaN where the clairvoyant saves nothing.
    """
    saved, possible = weights @ (hpa.pods - arm.pods), weights @ (hpa.pods - clairvoyant.pods)
    share: FloatArray = np.divide(saved, possible, out=np.full(len(weights), np.nan), where=possible > 0)
    return share
