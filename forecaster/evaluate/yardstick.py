"""What the forecasts of one series are measured against: the truth, and persistence in its two forms.

It follows from the series and the origins alone, so that several forecasters share one. Pure: numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.errors import BadHistory
from forecaster.evaluate.persistence import adaptive_quantiles, increments, past_quantiles, reach
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.series import BoolArray, FloatArray, IntArray, Series, held
from forecaster.targets import targets_and_peak

DOWN, UP, STEEP = 0, 1, 2
"""Rows of `Yardstick.usual`."""
_USUAL = (0.1, 0.9, 0.99)


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Columns are the steps of the horizon, then the peak over `window`.

    last       [origins], the value known last at each
    truth      [origins, columns], NaN where it was not measured
    empirical  [origins, columns, levels], the last value and the quantiles of the increments before the measured part
    adaptive   [origins, columns, levels], the same with quantiles that were tracked online
    usual      [3, columns], of those increments the quantiles 0.1, 0.9 and 0.99: what is beyond is a ramp, or a spike
    """

    series: Series
    origins: IntArray
    window: Window
    last: FloatArray
    truth: FloatArray
    empirical: FloatArray
    adaptive: FloatArray
    usual: FloatArray

    @classmethod
    def of(cls, series: Series, origins: IntArray, share: float, window: Window) -> Yardstick:
        """The yardstick for forecasts from `origins`; its increments come from the part of the series before `share`.

        Raises BadHistory where nothing was measured there.
        """
        start, reaches = int(share * len(series)), reach(window)
        moves = increments(series.values, window)
        fixed = past_quantiles(moves, reaches, start, LEVELS)
        tracked = adaptive_quantiles(moves, reaches, start, origins)
        if np.isnan(fixed[:HORIZON]).any() or np.isnan(tracked[:, :HORIZON]).any():
            raise BadHistory(
                f"{series.name}: nothing was measured before the part to score; start later, or use a longer history"
            )
        last = held(series.values)[origins]
        return cls(
            series=series,
            origins=origins,
            window=window,
            last=last,
            truth=targets_and_peak(series.values, origins, window),
            empirical=last[:, None, None] + fixed,
            adaptive=last[:, None, None] + tracked,
            usual=past_quantiles(moves, reaches, start, _USUAL).T,
        )

    @property
    def known(self) -> BoolArray:
        """[origins, columns], the targets that can be scored."""
        return ~np.isnan(self.truth) & ~np.isnan(self.last)[:, None]

    @property
    def rise(self) -> FloatArray:
        """[origins, columns], how far each target lies above the last value; 0 where it cannot be scored."""
        return np.where(self.known, self.truth - self.last[:, None], 0.0)


def origins_from(series: Series, share: float, every: int) -> IntArray:
    """Every `every`-th bin of the part after `share`, as far as all targets lie inside the series."""
    if not 0.0 < share < 1.0:
        raise BadHistory(f"a share of {share:g} to start from; expected more than 0 and less than 1")
    if every < 1:
        raise BadHistory(f"an origin every {every} steps; expected 1 or more")
    origins = np.arange(int(share * len(series)), len(series) - HORIZON, every)
    if not len(origins):
        raise BadHistory(f"{series.name}: no origin after {share:.0%} of {len(series)} bins; use a longer history")
    return origins
