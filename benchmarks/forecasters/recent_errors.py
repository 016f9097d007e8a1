"""Quantiles for what forecasts points only: the point plus the quantiles of the errors that it lately made.

That is split-conformal prediction on a rolling week, signed, per step. Errors are those of real forecasts, made as of
their own origin; one counts once its targets are over. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import FloatArray, IntArray, Series

Points = Callable[[Series, IntArray], FloatArray]
"""(series, origins [O]) -> points [O, HORIZON], from nothing after an origin."""

STRIDE = 7
"""Steps between the forecasts whose errors count: a week of minutes gives 1,440 of them."""
DAYS = 7
_FEWEST = 20
_STEPS = np.arange(1, HORIZON + 1)


def with_recent_errors(points: Points, first: int, series: Series, origins: IntArray) -> FloatArray:
    """[origins, HORIZON, levels] around `points`, which can be asked for from bin `first` on.

    The errors of an origin are those of the origins a multiple of STRIDE before it, so that its quantiles do not depend
    on which others are asked for. They are taken anew at the top of every sixtieth bin.
    """
    quantiles = np.empty((len(origins), HORIZON, len(LEVELS)))
    for phase in np.unique(origins % STRIDE):
        rows = np.flatnonzero(origins % STRIDE == phase)
        quantiles[rows] = _one_phase(points, first, series, origins[rows])
    return quantiles


def _one_phase(points: Points, first: int, series: Series, origins: IntArray) -> FloatArray:
    start = max(first, int(origins.min()) - 60 - HORIZON - DAYS * series.bins_per_day)
    start += int(origins.min() - start) % STRIDE
    asked = np.arange(start, int(origins.max()) + 1, STRIDE)
    made = points(series, asked)
    inside = np.minimum(asked[:, None] + _STEPS, len(series) - 1)
    errors = series.values[inside] - made
    hour = origins // 60 * 60
    quantiles = np.empty((len(origins), HORIZON, len(LEVELS)))
    for now in np.unique(hour):
        over = (asked + HORIZON <= now) & (asked > now - HORIZON - DAYS * series.bins_per_day)
        spread = _quantiles(errors[over], series, int(now))
        rows = np.flatnonzero(hour == now)
        quantiles[rows] = made[np.searchsorted(asked, origins[rows])][:, :, None] + spread
    return quantiles


def _quantiles(errors: FloatArray, series: Series, now: int) -> FloatArray:
    """[HORIZON, levels] of errors [origins, HORIZON]; ValueError where too few were measured."""
    whole = errors[~np.isnan(errors).any(axis=1)]
    if len(whole) < _FEWEST:
        raise ValueError(f"{series.name}: {len(whole)} errors before bin {now}; expected {_FEWEST}: score it later")
    spread: FloatArray = np.quantile(whole, LEVELS, axis=0).T
    return spread
