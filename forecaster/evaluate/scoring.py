"""How good were the forecasts of one series? By level, by step, by regime, and whether the quantiles cover.

Pure: numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.evaluate.losses import pinball, ratio, share_of
from forecaster.evaluate.persistence import PEAK
from forecaster.evaluate.runs import misses
from forecaster.evaluate.scores import Against, PeakScore, RegimeScore, Score, StepScore
from forecaster.evaluate.timing import peak_lag
from forecaster.evaluate.yardstick import DOWN, STEEP, UP, Yardstick
from forecaster.forecast import HORIZON, LEVELS, Forecasts
from forecaster.series import BoolArray, FloatArray, Series

STEPS = (1, 5, 10, 15)
"""Steps of the horizon that are shown one by one."""
REGIMES = UP_RAMP, DOWN_RAMP, CALM, SPIKE = ("up-ramp", "down-ramp", "calm", "spike")
_MEDIAN = LEVELS.index(0.5)
_UPPER = LEVELS.index(0.95)


def score(series: Series, forecasts: Forecasts, share: float) -> Score:
    """The forecasts against persistence, whose increments come from the part of the series before `share`.

    Raises BadHistory where nothing was measured there.
    """
    return score_against(Yardstick.of(series, forecasts.origins, share, forecasts.window), forecasts)


def score_against(yard: Yardstick, forecasts: Forecasts) -> Score:
    """The same with a yardstick that several forecasters share; raises ValueError where it is of other origins."""
    if not np.array_equal(yard.origins, forecasts.origins) or yard.window != forecasts.window:
        raise ValueError(f"{forecasts.model}: forecasts from other origins, or of another window, than the yardstick's")
    made = _Outcome.of(yard, forecasts)
    regimes = _regimes(yard)
    empirical = made.against(made.empirical, regimes[UP_RAMP])
    return Score(
        series=yard.series.name,
        model=forecasts.model,
        origins=len(forecasts.origins),
        targets=int(made.steps.sum()),
        mae=ratio(np.abs(made.error), made.naive, made.steps),
        pinball=empirical.pinball,
        ramp=empirical.ramp,
        by_level=empirical.by_level,
        coverage=made.coverage(made.steps),
        coverage_ramp=made.coverage(regimes[UP_RAMP]),
        adaptive=made.against(made.adaptive, regimes[UP_RAMP]),
        peak=made.peak(),
        by_step={str(h): made.step(h, yard, forecasts) for h in STEPS},
        by_regime={name: made.regime(where) for name, where in regimes.items()},
    )


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Forecasts and the truth side by side; columns are the steps of the horizon, then the window's peak.

    known                      [origins, columns], what can be scored
    ours, empirical, adaptive  [origins, columns, levels], pinball losses
    hits                       [origins, columns, levels], whether the truth lay at or below the quantile
    error, naive               [origins, columns], median minus truth, and the size of persistence's error
    """

    known: BoolArray
    ours: FloatArray
    empirical: FloatArray
    adaptive: FloatArray
    hits: BoolArray
    error: FloatArray
    naive: FloatArray

    @classmethod
    def of(cls, yard: Yardstick, forecasts: Forecasts) -> _Outcome:
        truth = np.where(yard.known, yard.truth, 0.0)
        quantiles = np.concatenate([forecasts.quantiles, forecasts.peak[:, None]], axis=1)
        return cls(
            known=yard.known,
            ours=pinball(truth, quantiles),
            empirical=pinball(truth, yard.empirical),
            adaptive=pinball(truth, yard.adaptive),
            hits=truth[..., None] <= quantiles,
            error=quantiles[..., _MEDIAN] - truth,
            naive=np.abs(truth - yard.last[:, None]),
        )

    @property
    def steps(self) -> BoolArray:
        """[origins, columns], what can be scored of the steps, without the peak."""
        return _only(slice(0, HORIZON), self.known)

    def ratio(self, theirs: FloatArray, where: BoolArray) -> float:
        return ratio(self.ours.sum(axis=2), theirs.sum(axis=2), where)

    def coverage(self, where: BoolArray) -> dict[str, float]:
        return {f"{x:g}": share_of(self.hits[..., k], where) for k, x in enumerate(LEVELS)}

    def against(self, theirs: FloatArray, rising: BoolArray) -> Against:
        by_level = {f"{x:g}": ratio(self.ours[..., k], theirs[..., k], self.steps) for k, x in enumerate(LEVELS)}
        return Against(self.ratio(theirs, self.steps), self.ratio(theirs, rising), by_level)

    def peak(self) -> PeakScore:
        where = _only(PEAK, self.known)
        return PeakScore(
            targets=int(where.sum()),
            pinball=self.ratio(self.empirical, where),
            adaptive=self.ratio(self.adaptive, where),
            coverage=self.coverage(where),
        )

    def step(self, step: int, yard: Yardstick, forecasts: Forecasts) -> StepScore:
        where = _only(step - 1, self.known)
        hits = self.hits[:, step - 1, _UPPER]
        median = forecasts.quantiles[:, step - 1, _MEDIAN]
        return StepScore(
            mae=ratio(np.abs(self.error), self.naive, where),
            pinball=self.ratio(self.empirical, where),
            adaptive=self.ratio(self.adaptive, where),
            lag=peak_lag(median, step, yard.series.values, forecasts.origins),
            misses=misses(~hits[self.known[:, step - 1]]),
        )

    def regime(self, where: BoolArray) -> RegimeScore:
        return RegimeScore(
            targets=int(where.sum()),
            mae=ratio(np.abs(self.error), self.naive, where),
            pinball=self.ratio(self.empirical, where),
            adaptive=self.ratio(self.adaptive, where),
            bias=ratio(self.error, self.naive, where),
            coverage=share_of(self.hits[..., _UPPER], where),
        )


def _regimes(yard: Yardstick) -> dict[str, BoolArray]:
    """[origins, columns] each, as Score defines them; the first, the second and calm are all of the steps' targets."""
    steps = _only(slice(0, HORIZON), yard.known)
    up, down = yard.rise > yard.usual[UP], yard.rise < yard.usual[DOWN]
    return {
        UP_RAMP: steps & up,
        DOWN_RAMP: steps & down,
        CALM: steps & ~up & ~down,
        SPIKE: steps & (yard.rise > yard.usual[STEEP]),
    }


def _only(columns: int | slice, known: BoolArray) -> BoolArray:
    """[origins, columns], what is known of these columns and nothing of the others."""
    chosen = np.zeros_like(known)
    chosen[:, columns] = known[:, columns]
    return chosen
