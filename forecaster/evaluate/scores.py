"""What is said about the forecasts of one series: values, filled in by `scoring`. Pure."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from forecaster.evaluate.runs import Misses


@dataclass(frozen=True)
class Against:
    """Pinball ratios to one form of persistence: over all targets, on up-ramps, and at each level."""

    pinball: float
    ramp: float
    by_level: dict[str, float]


@dataclass(frozen=True)
class PeakScore:
    """The forecast of the window's peak: pinball ratios to persistence, empirical and adaptive, and coverage."""

    targets: int
    pinball: float
    adaptive: float
    coverage: dict[str, float]


@dataclass(frozen=True)
class StepScore:
    """One step of the horizon: ratios as in Score, the peak-timing lag in bins, the misses of the 0.95 quantile."""

    mae: float
    pinball: float
    adaptive: float
    lag: float
    misses: Misses


@dataclass(frozen=True)
class RegimeScore:
    """The targets of one regime: ratios as in Score.

    bias      mean of median minus truth, in units of persistence's mean absolute error; -1 on up-ramps is persistence
    coverage  of the 0.95 quantile
    """

    targets: int
    mae: float
    pinball: float
    adaptive: float
    bias: float
    coverage: float


@dataclass(frozen=True)
class Figures:
    """What a row of results has in common."""

    def to_dict(self) -> dict[str, object]:
        """As JSON takes it: NaN becomes None."""
        return {key: without_nan(value) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Score(Figures):
    """mae, pinball, ramp: ratios to persistence; ramp counts only targets that rose more than nine in ten do.

    by_level       the pinball ratio at each level
    coverage       share of targets at or below each level's quantile; honest quantiles give the level itself
    coverage_ramp  the same on up-ramps
    adaptive       the pinball ratios to persistence whose quantiles are tracked online
    peak           the forecast of the window's peak
    by_step        steps 1, 5, 10 and 15 of the horizon
    by_regime      by how a target lies to the last value. up-ramp: above it by more than the 0.9 quantile of the past
                   increments of that step; down-ramp: above it by less than their 0.1 quantile; calm: neither;
                   spike: those of the up-ramps that lie beyond the 0.99 quantile

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
    coverage_ramp: dict[str, float]
    adaptive: Against
    peak: PeakScore
    by_step: dict[str, StepScore]
    by_regime: dict[str, RegimeScore]


def without_nan(value: object) -> object:
    """The value as JSON takes it: NaN becomes None, however deep."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
