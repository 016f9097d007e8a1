"""The simple rules that a model must beat, behind the same interface as the model.

Each is a point rule plus the quantiles of its own recent errors: for every step, and for the peak of the window.
Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.series import EPOCH, FloatArray, IntArray, Series, held

PointRule = Callable[[Series, FloatArray, IntArray], FloatArray]
"""(series, its held values, origins [O]) -> points [O, HORIZON]; NaN where the rule has nothing to look back on."""

_STEPS = np.arange(1, HORIZON + 1)
_FEWEST_ERRORS = 20
_ERROR_DAYS = 7
_MOST_ERRORS = 2_000


def last_value(_series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
    """Everything stays as it is."""
    return np.repeat(values[origins][:, None], HORIZON, axis=1)


def same_time(days: int) -> PointRule:
    """What it was so many days ago at the same time."""

    def rule(series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
        return _back(values, origins, _STEPS - days * series.bins_per_day)

    return rule


def level_plus_increment(days: int) -> PointRule:
    """Today's level plus what was added then: the best simple rule on scheduled loads."""

    def rule(series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
        lag = days * series.bins_per_day
        then = _back(values, origins, _STEPS - lag)
        return values[origins][:, None] + then - _back(values, origins, np.array([-lag]))

    return rule


def highest_of(*rules: PointRule) -> PointRule:
    """The largest of several rules, as `max(x, x offset 1d)` is in PromQL."""

    def rule(series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
        points: FloatArray = np.fmax.reduce([r(series, values, origins) for r in rules])
        return points

    return rule


def _back(values: FloatArray, origins: IntArray, offsets: IntArray) -> FloatArray:
    """[O, offsets], values so many bins from each origin; NaN before the series, and after the origin.

    With bins of hours the horizon is longer than a day, and the same time yesterday is still to come.
    """
    index = origins[:, None] + offsets
    known = (index >= 0) & (offsets <= 0)
    return np.where(known, values[np.where(known, index, 0)], np.nan)


@dataclass(frozen=True)
class RuleForecaster:
    """A point rule with the quantiles of its own errors over the last week around it.

    Where the rule has nothing to look back on, the last value stands in. Errors are taken anew at the top of every
    hour, so that a long backtest costs what it is worth; only errors whose targets were over by then count. A forecast
    depends on its own origin alone, not on which others are asked for with it.
    """

    name: str
    rule: PointRule

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """Raises NoForecast where the past of an origin holds too few errors to take quantiles of."""
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Forecasts:
        series = ask.series
        values = held(series.values)
        known_from = int(np.argmax(series.known)) if series.known.any() else len(series)
        enough = known_from + HORIZON + _FEWEST_ERRORS
        if len(ask.origins) and ask.origins.min() < enough:
            raise self._too_short(series, int(ask.origins.min()))
        points = self._points(series, values, ask.origins)
        window = slice(ask.window.first - 1, ask.window.last)
        quantiles = np.empty((len(ask.origins), HORIZON, len(LEVELS)))
        peak = np.empty((len(ask.origins), len(LEVELS)))
        top = _top_of_hour(series, ask.origins)
        until = np.where(top >= enough, top, ask.origins)
        for now in np.unique(until):
            rows = np.flatnonzero(until == now)
            errors, peak_errors = self._errors(series, values, int(now), known_from, ask.window)
            quantiles[rows] = points[rows][:, :, None] + errors
            peak[rows] = points[rows][:, window].max(axis=1)[:, None] + peak_errors
        return Forecasts(ask.origins, LEVELS, np.maximum(quantiles, 0.0), np.maximum(peak, 0.0), ask.window, self.name)

    def _points(self, series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
        points = self.rule(series, values, origins)
        return np.where(np.isnan(points), last_value(series, values, origins), points)

    def _errors(
        self, series: Series, values: FloatArray, now: int, known_from: int, window: Window
    ) -> tuple[FloatArray, FloatArray]:
        """Error quantiles ([HORIZON, levels], [levels]) of origins whose targets lie at or before `now`.

        Of the last week; of all there is where the last week was hardly measured.
        """
        week = max(known_from, now - HORIZON - _ERROR_DAYS * series.bins_per_day)
        for first in (week, known_from):
            past, truth = _measured(series, first, now)
            if len(past) >= _FEWEST_ERRORS:
                break
        else:
            raise self._too_short(series, now)
        points = self._points(series, values, past)
        span = slice(window.first - 1, window.last)
        errors = np.quantile(truth - points, LEVELS, axis=0).T
        peaks = np.quantile(truth[:, span].max(axis=1) - points[:, span].max(axis=1), LEVELS)
        return errors, peaks

    def _too_short(self, series: Series, now: int) -> NoForecast:
        measured = int(series.known[: now + 1].sum())
        return NoForecast(
            f"{series.name}: only {measured} bins measured up to {series.time(now + 1)}; {self.name} needs "
            f"{HORIZON + _FEWEST_ERRORS + 1} without a gap: use a longer history"
        )


def _top_of_hour(series: Series, origins: IntArray) -> IntArray:
    """[origins], the bin that the clock's last full hour began with; may lie before the series."""
    hour = max(1, series.bins_per_day // 24)
    first = (series.start - EPOCH) // series.step
    return (first + origins) // hour * hour - first


def _measured(series: Series, first: int, now: int) -> tuple[IntArray, FloatArray]:
    """Origins from `first` whose targets were all measured and over by `now`, and those targets [origins, HORIZON]."""
    stop = now - HORIZON + 1
    past = np.arange(first, stop, max(1, (stop - first) // _MOST_ERRORS))
    truth = series.values[past[:, None] + _STEPS]
    whole = ~np.isnan(truth).any(axis=1)
    return past[whole], truth[whole]


BASELINES: dict[str, RuleForecaster] = {
    f.name: f
    for f in (
        RuleForecaster("last-value", last_value),
        RuleForecaster("same-time-yesterday", same_time(1)),
        RuleForecaster("same-time-last-week", same_time(7)),
        RuleForecaster("level-plus-yesterday", level_plus_increment(1)),
        RuleForecaster("offset-rule", highest_of(last_value, same_time(1))),
    )
}
