"""Does a forecast see a rise coming, or does it repeat it afterwards? Pure: numpy only."""

from __future__ import annotations

import numpy as np

from forecaster.forecast import HORIZON
from forecaster.series import BoolArray, FloatArray, IntArray

LAGS = np.array(sorted(range(-HORIZON, 2 * HORIZON + 1), key=abs))
"""From a horizon too early to two too late, the smallest first: it wins where several fit equally well."""
_FEWEST = 20
_EQUAL = 9
"""Decimals of a correlation that count; what is below is rounding."""


def peak_lag(median: FloatArray, step: int, values: FloatArray, origins: IntArray) -> float:
    """Bins by which forecasts of `step` bins ahead come late: 0 is in time, `step` is a copy of the last value.

    median   [origins], the forecast of bin origin + step
    values   [bins], the series; nothing after the last origin's horizon is looked at
    origins  ascending

    The lag at which the changes of the forecast from one origin to the next correlate best with those of the truth over
    as many bins. NaN where one of them never changes, or fewer than 20 pairs were measured.
    """
    if len(origins) <= _FEWEST:
        return float("nan")
    at = origins[:, None] + step - LAGS
    inside = (at >= 0) & (at <= min(int(origins[-1]) + HORIZON, len(values) - 1))
    truth = np.where(inside, values[np.where(inside, at, 0)], np.nan)
    changes, expected = np.diff(truth, axis=0), np.diff(median)
    found = np.array([_correlation(expected, changes[:, k], ~np.isnan(changes[:, k])) for k in range(len(LAGS))])
    if np.isnan(found).all():
        return float("nan")
    return float(LAGS[np.nanargmax(np.round(found, _EQUAL))])


def _correlation(a: FloatArray, b: FloatArray, where: BoolArray) -> float:
    if where.sum() < _FEWEST:
        return float("nan")
    x, y = a[where] - a[where].mean(), b[where] - b[where].mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else float("nan")
