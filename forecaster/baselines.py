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
from forecaster.past import Past, out_of_step, running
from forecaster.ridge import Fits, Ridge
from forecaster.series import EPOCH, BoolArray, FloatArray, IntArray, Series, held
from forecaster.targets import targets_and_peak
from forecaster.usual import FEWEST, quantiles_of_rows

PointRule = Callable[[Series, FloatArray, IntArray], FloatArray]
"""(series, its held values, origins [O]) -> points [O, HORIZON]; NaN where the rule has nothing to look back on."""

_STEPS = np.arange(1, HORIZON + 1)
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


class RidgeRule:
    """The workload's own ridge, fitted at midnight; nothing to say before its first fit. Remembers the latest fits."""

    def __init__(self) -> None:
        self._fits = Fits()

    def __call__(self, series: Series, values: FloatArray, origins: IntArray) -> FloatArray:
        """As a PointRule; origins must not lie before the first measured bin."""
        moves, fitted = Ridge(Past(series), self._fits).moves(origins)
        return np.where(fitted[:, None], values[origins][:, None] + moves, np.nan)


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
        series, origins = ask.series, ask.origins
        enough = has_errors(series)
        if not enough[origins].all():
            raise self._too_short(series, int(origins[~enough[origins]][0]))
        top = np.maximum(_top_of_hour(series, origins), 0)
        hours, hour_of = np.unique(np.where(enough[top], top, origins), return_inverse=True)
        drawn = _drawn(series, hours)
        every = np.unique(np.concatenate([origins, *drawn]))
        points = self._points(series, every, ask.window)
        errors = np.ascontiguousarray((targets_and_peak(series.values, every, ask.window) - points).T, dtype=np.float32)
        spreads = [quantiles_of_rows(errors[:, np.searchsorted(every, past)])[0] for past in drawn]
        made = points[np.searchsorted(every, origins)][..., None] + _stacked(spreads)[hour_of]
        steps, peak = np.maximum(made[:, :HORIZON], 0.0), np.maximum(made[:, HORIZON], 0.0)
        return Forecasts(origins, LEVELS, steps, peak, ask.window, self.name)

    def _points(self, series: Series, origins: IntArray, window: Window) -> FloatArray:
        """[origins, HORIZON + 1], the rule's steps and the highest of the window's."""
        values = held(series.values)
        points = self.rule(series, values, origins)
        points = np.where(np.isnan(points), last_value(series, values, origins), points)
        return np.column_stack([points, points[:, window.first - 1 : window.last].max(axis=1)])

    def _too_short(self, series: Series, now: int) -> NoForecast:
        measured = int(series.known[: now + 1].sum())
        return NoForecast(
            f"{series.name}: only {measured} bins measured up to {series.time(now + 1)}; {self.name} needs "
            f"{HORIZON + FEWEST} without a gap: use a longer history"
        )


def has_errors(series: Series) -> BoolArray:
    """[bins], whether a rule has made enough errors by each bin to take quantiles of; before that none forecasts."""
    return _whole_until(series) >= FEWEST


def _whole(series: Series) -> BoolArray:
    """[bins], whether there is a value at or before an origin and all its targets were measured."""
    gaps = running(np.concatenate([~series.known, np.ones(HORIZON, dtype=bool)]))
    after = np.arange(len(series)) + 1
    whole: BoolArray = np.maximum.accumulate(series.known) & (gaps[after + HORIZON] == gaps[after])
    return whole


def _whole_until(series: Series) -> IntArray:
    """[bins], how many origins have had all their targets measured by the end of each bin."""
    whole = np.cumsum(_whole(series))
    return np.concatenate([np.zeros(min(HORIZON, len(series)), dtype=np.int64), whole[:-HORIZON]])


def _drawn(series: Series, hours: IntArray) -> list[IntArray]:
    """For each of `hours`, the origins whose errors count then: of the week before it, with all targets measured.

    Of all there is where the last week was hardly measured.
    """
    whole, week = np.flatnonzero(_whole(series)), _ERROR_DAYS * series.bins_per_day
    ends = np.searchsorted(whole, hours - HORIZON, side="right")
    starts = np.searchsorted(whole, hours - HORIZON - week)
    starts = np.where(ends - starts >= FEWEST, starts, 0)
    hour = Past(series).hour
    # Counted back from the newest, so that a history that starts earlier gives the same.
    return [
        whole[first:end][:: -out_of_step((end - first) // _MOST_ERRORS, hour)]
        for first, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _stacked(spreads: Sequence[FloatArray]) -> FloatArray:
    """[hours, HORIZON + 1, levels], also of no hours."""
    return np.stack(spreads) if spreads else np.zeros((0, HORIZON + 1, len(LEVELS)))


def _top_of_hour(series: Series, origins: IntArray) -> IntArray:
    """[origins], the bin that the clock's last full hour began with; may lie before the series."""
    hour = max(1, series.bins_per_day // 24)
    first = (series.start - EPOCH) // series.step
    return (first + origins) // hour * hour - first


BASELINES: dict[str, RuleForecaster] = {
    f.name: f
    for f in (
        RuleForecaster("last-value", last_value),
        RuleForecaster("same-time-yesterday", same_time(1)),
        RuleForecaster("same-time-last-week", same_time(7)),
        RuleForecaster("level-plus-yesterday", level_plus_increment(1)),
        RuleForecaster("offset-rule", highest_of(last_value, same_time(1))),
        RuleForecaster("ridge", RidgeRule()),
    )
}
