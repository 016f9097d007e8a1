"""Losses of one arm on one trace, summed by day of the origin: days are what a bootstrap draws.

Every figure is a ratio of two such sums, so that the days' sums give it for all days together, and for any of them
drawn again. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecaster.evaluate import Yardstick, pinball
from forecaster.evaluate.yardstick import UP
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import FloatArray, Series

Sums = dict[str, FloatArray]
"""[days] for each column."""

RATIOS = {
    "mae": ("absolute", "absolute"),
    "empirical": ("pinball", "empirical"),
    "empirical_ramp": ("pinball_ramp", "empirical_ramp"),
    "adaptive": ("pinball", "adaptive"),
    "adaptive_ramp": ("pinball_ramp", "adaptive_ramp"),
    "adaptive_0.95": ("pinball_0.95", "adaptive_0.95"),
    "adaptive_0.99": ("pinball_0.99", "adaptive_0.99"),
    "coverage_0.95": ("covered_0.95", "targets"),
    "coverage_ramp_0.95": ("covered_ramp_0.95", "rises"),
}
"""Each figure as (column of the arm, column of persistence) whose sums are divided."""
_MEDIAN = LEVELS.index(0.5)


class Ruler:
    """One trace's targets and persistence, with the day of each origin."""

    def __init__(self, series: Series, yard: Yardstick) -> None:
        self._truth = yard.truth[:, :HORIZON]
        self._last = yard.last
        self._known = ~np.isnan(self._truth) & ~np.isnan(self._last)[:, None]
        self._y = np.where(self._known, self._truth, 0.0)
        rise = self._y - self._last[:, None]
        self._ramp = self._known & (rise > yard.usual[UP, :HORIZON])
        self._yard = yard
        days = [series.time(int(origin)).date().isoformat() for origin in yard.origins]
        self.days, self._day = np.unique(days, return_inverse=True)

    def persistence(self) -> Sums:
        """What every arm is divided by."""
        sums = {
            "targets": self._by_day(np.ones_like(self._y)),
            "rises": self._by_day(np.ones_like(self._y), ramp=True),
            "absolute": self._by_day(np.abs(self._y - self._last[:, None])),
        }
        for name, quantiles in (("empirical", self._yard.empirical), ("adaptive", self._yard.adaptive)):
            sums |= self._pinball(name, quantiles[:, :HORIZON])
        return sums

    def arm(self, quantiles: FloatArray) -> Sums:
        """What an arm's quantiles [origins, HORIZON, levels] lose and cover."""
        hits = self._y <= quantiles[..., LEVELS.index(0.95)]
        return {
            "absolute": self._by_day(np.abs(self._y - quantiles[..., _MEDIAN])),
            **self._pinball("pinball", quantiles),
            "covered_0.95": self._by_day(hits.astype(np.float64)),
            "covered_ramp_0.95": self._by_day(hits.astype(np.float64), ramp=True),
        }

    def coverage(self, quantiles: FloatArray) -> dict[str, float]:
        """Share of all targets at or below each level's quantile."""
        hits = self._y[..., None] <= quantiles
        return {f"{level:g}": float(hits[..., k][self._known].mean()) for k, level in enumerate(LEVELS)}

    def _pinball(self, name: str, quantiles: FloatArray) -> Sums:
        losses = pinball(self._y, quantiles)
        return {
            name: self._by_day(losses.sum(axis=2)),
            f"{name}_ramp": self._by_day(losses.sum(axis=2), ramp=True),
            f"{name}_0.95": self._by_day(losses[..., LEVELS.index(0.95)]),
            f"{name}_0.99": self._by_day(losses[..., LEVELS.index(0.99)]),
        }

    def _by_day(self, losses: FloatArray, ramp: bool = False) -> FloatArray:
        """[days] of losses [origins, HORIZON], over the targets that were measured, or of those over the rises."""
        per_origin = np.where(self._ramp if ramp else self._known, losses, 0.0).sum(axis=1)
        sums: FloatArray = np.bincount(self._day, per_origin, len(self.days)).astype(np.float64)
        return sums


def figures(arm: Mapping[str, FloatArray], persistence: Mapping[str, FloatArray]) -> dict[str, float]:
    """The figures over all days; NaN where persistence loses nothing, as without a single rise."""
    return {name: _ratio(arm[ours].sum(), persistence[theirs].sum()) for name, (ours, theirs) in RATIOS.items()}


def _ratio(ours: float, theirs: float) -> float:
    return float(ours / theirs) if theirs > 0 else float("nan")
