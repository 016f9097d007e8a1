"""Is a refitted model better than the one in use, or is the difference noise? Pure: numpy only.

Both forecast the same origins, so their losses are compared in pairs: what makes an hour hard is hard for both. Errors
of neighbouring origins share their targets, and a load's surprises last for a while; blocks of three hours are drawn
again and again, never single origins, which would count one surprise many times. Days would be safer still, and are too
few. (Circular block bootstrap: Politis and Romano, 1992.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.evaluate import Yardstick, pinball
from forecaster.forecast import HORIZON, LEVELS, Forecasts
from forecaster.series import FloatArray, IntArray

LEAST_GAIN = 0.01
"""A refit that gains less than this is not worth a change, however certain."""
CONFIDENCE = 0.975
"""By simulation, equal forecasters are then promoted in 5 % of the cases where hours are independent, and in 9 % where
neighbouring ones correlate by 0.5: so few blocks make the bound a little too sure of itself."""
LEAST_HOURS = 24
"""A day has its calm and its busy hours; fewer say nothing about the others."""
_BLOCK_HOURS = 3
_DRAWS = 2000
_UPPER = LEVELS.index(0.95)


@dataclass(frozen=True, eq=False)
class Losses:
    """Pinball losses of one forecaster: sums over what was measured after each origin.

    steps  [origins], over the steps of the horizon and all levels
    upper  [origins], over the steps and the peak, at the levels from 0.95 on: what capacity is bought for
    """

    steps: FloatArray
    upper: FloatArray

    def rows(self, picked: IntArray) -> Losses:
        return Losses(self.steps[picked], self.upper[picked])


@dataclass(frozen=True)
class Verdict:
    """promoted  whether the refit is to take the place of what is in use; `reason` says why, or why not
    ratio     its pinball loss over that of what is in use, on the same targets; below 1 is better
    bound     below which that ratio lies with a confidence of CONFIDENCE, by the blocks that were drawn
    upper     the ratio at the levels from 0.95 on, of the steps and of the peak
    hours     in which something was measured
    """

    promoted: bool
    reason: str
    ratio: float
    bound: float
    upper: float
    hours: int


def losses(yard: Yardstick, forecasts: Forecasts) -> Losses:
    """The losses of `forecasts`, made from the yardstick's origins."""
    truth = np.where(yard.known, yard.truth, 0.0)
    quantiles = np.concatenate([forecasts.quantiles, forecasts.peak[:, None]], axis=1)
    lost = np.where(yard.known[..., None], pinball(truth, quantiles), 0.0)
    return Losses(lost[:, :HORIZON].sum(axis=(1, 2)), lost[..., _UPPER:].sum(axis=(1, 2)))


def judge(used: Losses, refitted: Losses, hours: IntArray) -> Verdict:
    """Whether `refitted` is better than `used`; `hours` [origins] says in which hour each origin lies.

    An origin after which nothing was measured is to be left out of all three.
    """
    of_hour = np.unique(hours, return_inverse=True)[1]
    count = int(of_hour.max(initial=-1)) + 1
    ours, theirs = (np.bincount(of_hour, x.steps, count).astype(np.float64) for x in (refitted, used))
    ratio = float(_ratios(ours.sum(), theirs.sum()))
    upper = float(_ratios(refitted.upper.sum(), used.upper.sum()))
    bound = _bound(ours, theirs) if count else float("nan")
    reason = _objection(ratio, bound, upper, count)
    return Verdict(not reason, reason or "better, beyond what chance explains", ratio, bound, upper, count)


def _objection(ratio: float, bound: float, upper: float, hours: int) -> str:
    """What speaks against the refit; empty where nothing does."""
    if hours < LEAST_HOURS:
        return f"{hours} hours to compare on; expected {LEAST_HOURS} or more"
    if not ratio <= 1 - LEAST_GAIN:
        return f"not better by {LEAST_GAIN:.0%}"
    if not bound < 1:
        return "better, but not beyond what chance explains"
    if not upper <= 1:
        return "better, but worse at the levels that capacity is bought for"
    return ""


def _bound(ours: FloatArray, theirs: FloatArray) -> float:
    """The CONFIDENCE quantile of the ratio of sums over as many hours [hours], drawn with replacement in blocks."""
    count = len(ours)
    within = (np.arange(count)[:, None] + np.arange(_BLOCK_HOURS)) % count  # the last block goes on with the first hour
    drawn = np.random.default_rng(0).multinomial(-(-count // _BLOCK_HOURS), np.full(count, 1 / count), size=_DRAWS)
    ratios = _ratios(drawn @ ours[within].sum(axis=1), drawn @ theirs[within].sum(axis=1))
    return float(np.quantile(ratios, CONFIDENCE, method="higher"))


def _ratios(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    """Ours over theirs, one by one; 1 where neither lost anything."""
    of_nothing = np.where(ours > 0, np.inf, 1.0)
    return np.divide(ours, theirs, out=of_nothing, where=theirs > 0)
