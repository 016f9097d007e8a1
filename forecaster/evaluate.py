"""How good were forecasts? Every figure is a ratio to persistence on the same targets: below 1 is better.

Persistence is the last known value, with the quantiles of the increments seen before the measured part. A target that
was never measured is left out, never filled. Pure: numpy only.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from forecaster.errors import BadHistory
from forecaster.forecast import HORIZON, LEVELS, Forecasts
from forecaster.series import BoolArray, FloatArray, IntArray, Series, held

_STEPS = np.arange(1, HORIZON + 1)


@dataclass(frozen=True)
class Score:
    """mae, pinball, ramp: ratios to persistence; ramp counts only targets that rose more than nine in ten do.

    by_level  the pinball ratio at each level
    coverage  share of targets at or below each level's quantile; honest quantiles give the level itself

    NaN where there is no target, or where persistence makes no error.
    """

    series: str
    model: str
    origins: int
    targets: int
    mae: float
    pinball: float
    ramp: float
    by_level: dict[str, float]
    coverage: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """As JSON takes it: NaN becomes None."""
        return {key: _without_nan(value) for key, value in asdict(self).items()}


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


def score(series: Series, forecasts: Forecasts, share: float) -> Score:
    """The forecasts against persistence, whose increments come from the part of the series before `share`."""
    seen = series.values[: int(share * len(series))]
    increments = [seen[h:] - seen[:-h] for h in _STEPS]
    usual = np.stack([_quantiles(x, series.name) for x in increments])
    steep = np.array([np.nanquantile(x, 0.9) for x in increments])
    last = held(series.values)[forecasts.origins]
    truth = series.values[forecasts.origins[:, None] + _STEPS]
    known = ~np.isnan(truth) & ~np.isnan(last)[:, None]
    y = np.where(known, truth, 0.0)
    persistence = last[:, None, None] + usual
    ours, theirs = pinball(y, forecasts.quantiles), pinball(y, persistence)
    rising = known & ((y - last[:, None]) > steep)
    median = LEVELS.index(0.5)
    return Score(
        series=series.name,
        model=forecasts.model,
        origins=len(forecasts.origins),
        targets=int(known.sum()),
        mae=_ratio(np.abs(y - forecasts.quantiles[..., median]), np.abs(y - last[:, None]), known),
        pinball=_ratio(ours.sum(axis=2), theirs.sum(axis=2), known),
        ramp=_ratio(ours.sum(axis=2), theirs.sum(axis=2), rising),
        by_level={f"{x:g}": _ratio(ours[..., k], theirs[..., k], known) for k, x in enumerate(LEVELS)},
        coverage={f"{x:g}": _share(y <= forecasts.quantiles[..., k], known) for k, x in enumerate(LEVELS)},
    )


def pinball(truth: FloatArray, quantiles: FloatArray) -> FloatArray:
    """[..., levels], the pinball loss of quantiles [..., levels] for truth [...]."""
    levels = np.array(LEVELS)
    error = truth[..., None] - quantiles
    return np.maximum(levels * error, (levels - 1) * error)


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _quantiles(increments: FloatArray, name: str) -> FloatArray:
    known = increments[~np.isnan(increments)]
    if not len(known):
        raise BadHistory(f"{name}: nothing was measured before the part to score; start later, or use a longer history")
    return np.quantile(known, LEVELS)


def _ratio(ours: FloatArray, theirs: FloatArray, where: BoolArray) -> float:
    if not where.any():
        return float("nan")
    theirs_mean = float(theirs[where].mean())
    return float(ours[where].mean()) / theirs_mean if theirs_mean > 0 else float("nan")


def _share(hits: BoolArray, where: BoolArray) -> float:
    return float(hits[where].mean()) if where.any() else float("nan")
