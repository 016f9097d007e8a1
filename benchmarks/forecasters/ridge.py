"""A ridge regression of a workload on its own last two weeks, solved anew every day. Numpy only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.forecasters.arm import Fit, Predict, Run
from benchmarks.forecasters.recent_errors import with_recent_errors
from forecaster.forecast import HORIZON
from forecaster.series import FloatArray, IntArray, Series, held

CONTEXT = 60
DAYS = 14
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Per observation, on inputs of unit variance."""
_STRIDE = 3
"""Steps between the rows of a fit; neighbours say nearly the same."""
_MEANS = (5, 15, 60, 240)
_LAGS = (1, 7)
_STEPS = np.arange(1, HORIZON + 1)


def ridge(_histories: Sequence[Series], _run: Run) -> Predict:
    """Learns from each series alone, up to the last midnight of its own grid before an origin."""

    def predict(series: Series, origins: IntArray) -> FloatArray:
        first = _first(series)
        return with_recent_errors(_points, first + series.bins_per_day, series, origins)

    return predict


def _first(series: Series) -> int:
    return int(np.argmax(series.known)) + max(_MEANS)


def _points(series: Series, origins: IntArray) -> FloatArray:
    """[origins, HORIZON], the last value plus the increments that the fit of the day gives."""
    values = held(series.values)
    increments = np.empty((len(origins), HORIZON))
    midnight = origins // series.bins_per_day * series.bins_per_day
    for now in np.unique(midnight):
        rows = np.flatnonzero(midnight == now)
        # A history younger than a day at midnight learns from what there is at its first whole day instead.
        until = max(int(now), _first(series) + series.bins_per_day)
        increments[rows] = _solve(series, values, until, origins[rows])
    return values[origins][:, None] + increments


def _solve(series: Series, values: FloatArray, until: int, origins: IntArray) -> FloatArray:
    """[origins, HORIZON] of increments, by a fit to targets that lie at or before bin `until`.

    The penalty is the one that does best on the last fifth of the past when fitted to what is before it.
    """
    start = max(_first(series), until - DAYS * series.bins_per_day)
    past = np.arange(start, until - HORIZON + 1, _STRIDE)
    truth = series.values[past[:, None] + _STEPS]
    past, truth = (part[~np.isnan(truth).any(axis=1)] for part in (past, truth))
    x, y = _inputs(series, values, past), truth - values[past][:, None]
    early = len(x) * 4 // 5
    tried = [float(np.abs(_fit(x[:early], y[:early], p)(x[early:]) - y[early:]).mean()) for p in PENALTIES]
    return _fit(x, y, PENALTIES[int(np.argmin(tried))])(_inputs(series, values, origins))


def _fit(x: FloatArray, y: FloatArray, penalty: float) -> Callable[[FloatArray], FloatArray]:
    """Targets from inputs: centred, inputs of unit variance, in closed form."""
    mean, spread, usual = x.mean(axis=0), x.std(axis=0), y.mean(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = (x - mean) / spread
    weights = np.linalg.solve(z.T @ z + penalty * len(z) * np.eye(z.shape[1]), z.T @ (y - usual))

    def answer(inputs: FloatArray) -> FloatArray:
        made: FloatArray = (inputs - mean) / spread @ weights + usual
        return made

    return answer


def _inputs(series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
    """[origins, inputs] less the last value: the last hour, longer means, how the load went on a day and a week ago."""
    last = values[origins][:, None]
    context = values[origins[:, None] - np.arange(1, CONTEXT)] - last
    sums = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values))])
    means = np.stack([(sums[origins + 1] - sums[origins + 1 - n]) / n for n in _MEANS], axis=1) - last
    ago = []
    for days in _LAGS:
        then = origins - days * series.bins_per_day
        there = (then >= np.argmax(series.known))[:, None]
        index = np.maximum(then, 0)[:, None]
        ago += [
            np.where(there, values[index + _STEPS] - values[index], 0.0),
            np.where(there, values[index] - last, 0.0),
        ]
    return np.concatenate([context, means, *ago], axis=1)


ARMS: dict[str, Fit] = {"ridge": ridge}
