"""Loads that leave their ways, and networks that do not notice: what the gate is there for. All follow from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from forecaster.baselines import BASELINES
from forecaster.evaluate import pinball
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster, Forecasts
from forecaster.gate import RULES
from forecaster.series import BoolArray, FloatArray, Series, held
from tests.helpers.histories import MINUTE, a_series

PER_DAY = 288
DAYS = 13
BREAK = 10 * PER_DAY + 100
_NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 2.326])
"""The quantiles of LEVELS of a normal law."""


def scheduled() -> FloatArray:
    """Thirteen days in five-minute bins: two jumps a day over a plain level, with five percent of noise."""
    hour = (np.arange(DAYS * PER_DAY) % PER_DAY) / 12
    level = 40 + 160 * ((hour >= 9) & (hour < 11)) + 250 * ((hour >= 19.5) & (hour < 21.5))
    noise = np.exp(0.05 * np.random.default_rng(1).normal(size=DAYS * PER_DAY))
    loads: FloatArray = level * noise
    return loads


def _from_the_break(change: Callable[[FloatArray], FloatArray | float]) -> FloatArray:
    loads = scheduled()
    loads[BREAK:] = change(loads[BREAK:])
    return loads


def _out_for_hours(loads: FloatArray, value: float) -> FloatArray:
    return np.where(np.arange(len(loads)) < 72, value, loads)


ADVERSITIES: dict[str, FloatArray] = {
    "nothing happens": scheduled(),
    "the day moves by eight hours": _from_the_break(lambda loads: np.roll(loads, 97)),
    "zeros for good": _from_the_break(lambda loads: np.zeros(len(loads))),
    "an outage that reads as zeros": _from_the_break(lambda loads: _out_for_hours(loads, 0.0)),
    "an outage that is not measured": _from_the_break(lambda loads: _out_for_hours(loads, float("nan"))),
    "a hundred times as much": _from_the_break(lambda loads: 100 * loads),
    "a hundredth": _from_the_break(lambda loads: loads / 100),
    "the schedule stops": _from_the_break(lambda loads: np.minimum(loads, 45.0)),
}
"""The first ten days are alike; whoever learned those expects them to go on."""


class Believer:
    """Knows what was planned to the last bin, give or take a tenth, and looks at nothing else."""

    name = "believer"

    def __init__(self, plan: FloatArray) -> None:
        self._plan = np.concatenate([np.nan_to_num(plan), np.zeros(HORIZON)])

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        return [self._of(ask) for ask in asks]

    def _of(self, ask: Ask) -> Forecasts:
        middle = self._plan[ask.origins[:, None] + np.arange(1, HORIZON + 1)]
        quantiles = np.maximum(middle[..., None] * (1 + 0.06 * _NORMAL), 0.0)
        return Forecasts(ask.origins, LEVELS, quantiles, quantiles.max(axis=1), ask.window, self.name)


class Thrice:
    """Always says three times the last value."""

    name = "thrice"

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        return [self._of(ask) for ask in asks]

    def _of(self, ask: Ask) -> Forecasts:
        last = held(ask.series.values)[ask.origins]
        quantiles = np.broadcast_to(3 * last[:, None, None] * (1 + 0.06 * _NORMAL), (len(last), HORIZON, len(LEVELS)))
        return Forecasts(ask.origins, LEVELS, quantiles.copy(), quantiles[:, 0].copy(), ask.window, self.name)


def as_series(loads: FloatArray) -> Series:
    """The loads in five-minute bins."""
    return a_series(loads, step=5 * MINUTE)


EVERY = 4
"""Bins between the origins that are scored."""
ORIGINS = np.arange(8 * PER_DAY, DAYS * PER_DAY - HORIZON, EVERY)


def losses(forecaster: Forecaster, series: Series) -> FloatArray:
    """[ORIGINS], the pinball loss of each forecast, over what was measured of its targets."""
    made = forecaster.forecast([Ask(series, ORIGINS)])[0]
    lost: FloatArray = np.nan_to_num(pinball(_targets(series), made.quantiles).mean(axis=2)).sum(axis=1)
    return lost


def over(hours: int, lost: FloatArray) -> FloatArray:
    """[windows], sums over every so many hours of what was lost from ORIGINS."""
    return np.convolve(lost, np.ones(hours * 12 // EVERY), "valid")


@cache
def best_rule(adversity: str) -> FloatArray:
    """[windows], the least that any one of the simple rules loses over every 24 hours of that adversity."""
    series = as_series(ADVERSITIES[adversity])
    least: FloatArray = np.min([over(24, losses(BASELINES[name], series)) for name in RULES], axis=0)
    return least


def mostly_measured(series: Series) -> BoolArray:
    """[windows], whether half of the targets of every 24 hours or more were measured."""
    known: FloatArray = (~np.isnan(_targets(series))).mean(axis=1)
    return over(24, known) >= 0.5 * PER_DAY / EVERY


def _targets(series: Series) -> FloatArray:
    targets: FloatArray = series.values[ORIGINS[:, None] + np.arange(1, HORIZON + 1)]
    return targets
