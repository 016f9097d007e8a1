"""Persistence, which forecasts are measured against: the last value, with the spread of increments around it.

Two spreads. *Empirical*: the quantiles of the increments of the past, fixed. *Adaptive*: the same at first, then
tracked online, which is what an operator gets for nothing from "last value plus a conformal band". An increment counts
from the moment its target is over, so neither knows anything after an origin. Pure: numpy only.

Columns are the steps of the horizon and then, as one more, the peak over a window of them.
"""

from __future__ import annotations

import numpy as np

from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.series import FloatArray, IntArray
from forecaster.targets import targets_and_peak

PEAK = HORIZON
"""The peak's column; step h is column h - 1."""
_RATE = 0.05
_HALF_LIFE = 1440
"""Bins after which an increment counts half in the running scale: a day of minutes."""


def reach(window: Window) -> IntArray:
    """[columns], bins from an origin until each column's target is over."""
    return np.append(np.arange(1, HORIZON + 1), window.last)


def increments(values: FloatArray, window: Window) -> FloatArray:
    """[bins, columns], how far each target lies above the bin it is seen from; NaN where either is missing."""
    return targets_and_peak(values, np.arange(len(values)), window) - values[:, None]


def past_quantiles(moves: FloatArray, reaches: IntArray, start: int, levels: tuple[float, ...]) -> FloatArray:
    """[columns, levels] of the increments whose targets lie before bin `start`; NaN where none was measured."""
    columns = [moves[: max(0, start - r), c] for c, r in enumerate(reaches)]
    return np.stack([_quantiles(column, levels) for column in columns])


def adaptive_quantiles(moves: FloatArray, reaches: IntArray, start: int, origins: IntArray) -> FloatArray:
    """[origins, columns, levels], the tracked quantiles of the increments as they were known at each origin.

    They begin with the increments seen from origins more than a horizon before `start`. From `start` on, each bin
    brings one increment per column, and each quantile takes a step down the pinball loss's gradient: up by
    rate x scale x level where the increment lay above it, down by rate x scale x (1 - level) where not. The scale is
    the running mean of the increments' size.
    """
    levels = np.array(LEVELS)
    past = moves[: max(0, start - HORIZON)]
    tracked = np.stack([_quantiles(column, LEVELS) for column in past.T])
    scale = np.nansum(np.abs(past), axis=0) / np.maximum((~np.isnan(past)).sum(axis=0), 1)
    bins = np.arange(start, int(origins.max(initial=start - 1)) + 1)
    arrived = moves[bins[:, None] - reaches, np.arange(len(reaches))]
    known = ~np.isnan(arrived)
    sizes, forgetting = np.abs(np.where(known, arrived, 0.0)), known * (1 - 0.5 ** (1 / _HALF_LIFE))
    history = np.empty((len(bins) + 1, *tracked.shape))
    history[0] = tracked
    for k in range(len(bins)):
        scale = scale + forgetting[k] * (sizes[k] - scale)
        step = _RATE * scale * known[k]
        tracked = tracked + step[:, None] * (levels - (arrived[k][:, None] <= tracked))
        history[k + 1] = tracked
    return np.sort(history[np.maximum(origins - start + 1, 0)], axis=2)


def _quantiles(moves: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    known = moves[~np.isnan(moves)]
    return np.quantile(known, levels) if len(known) else np.full(len(levels), np.nan)
