"""A calibrated forecaster: its answer follows from history alone, and memory only saves work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.baselines import BASELINES
from forecaster.calibrated import Calibrated
from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts
from forecaster.series import Series
from tests.helpers.forecasters import Counted, assert_only_news_are_asked_for, assert_same, at
from tests.helpers.histories import a_load, a_series, with_another_future

NAN = float("nan")
RULE = BASELINES["level-plus-yesterday"]
loads = st.builds(a_load, st.integers(0, 2**32 - 1), st.integers(3, 5), gaps=st.integers(0, 4))


def origin_of(data: st.DataObject, series: Series) -> int:
    return data.draw(st.integers(150, len(series) - 1))


@given(loads, st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=15, deadline=None)
def test_a_corrupted_future_changes_nothing(series: Series, seed: int, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    a, b = (at(Calibrated(RULE), s, origin) for s in (series, with_another_future(series, origin, seed)))
    assert_same(a, b)


@given(loads, st.data())
@settings(max_examples=15, deadline=None)
def test_an_origin_is_answered_alike_alone_and_among_others(series: Series, data: st.DataObject) -> None:
    origins = sorted({origin_of(data, series) for _ in range(4)})
    together = at(Calibrated(RULE), series, *origins)
    for row, origin in enumerate(origins):
        alone = at(Calibrated(RULE), series, origin)
        np.testing.assert_allclose(together.quantiles[row], alone.quantiles[0], rtol=1e-12)
        np.testing.assert_allclose(together.peak[row], alone.peak[0], rtol=1e-12)


@given(loads, st.data())
@settings(max_examples=10, deadline=None)
def test_a_forecaster_that_ran_all_along_says_what_a_fresh_one_says(series: Series, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    old = Calibrated(RULE)
    for earlier in range(max(origin - 40, 150), origin, 7):
        at(old, series.part(0, earlier + 1), earlier)
    assert_same(at(old, series, origin), at(Calibrated(RULE), series, origin))


@pytest.mark.parametrize("remember", [0, 3, 20_000])
def test_forgetting_changes_no_answer(remember: int) -> None:
    series = a_load(4, days=5)
    small = Calibrated(RULE, remember)
    for origin in (900, 905, 912, 1300):
        assert_same(at(small, series, origin), at(Calibrated(RULE), series, origin))


def test_more_workloads_than_it_remembers_are_answered_tick_after_tick() -> None:
    small = Calibrated(RULE, 300)
    for origin in (1300, 1305, 1312):
        asks = [Ask(replace(a_load(seed, days=5), name=f"load-{seed}"), np.array([origin])) for seed in range(3)]
        for ask, made in zip(asks, small.forecast(asks), strict=True):
            assert_same(made, Calibrated(RULE).forecast([ask])[0])


def test_with_room_for_all_of_them_no_workload_is_worked_out_anew() -> None:
    inner = Counted(RULE)
    small = Calibrated(inner, 100)
    small.make_room(3)
    assert_only_news_are_asked_for(small, inner)


def test_a_tick_asks_the_inner_forecaster_for_what_is_new_only() -> None:
    series, inner = a_load(1, days=5), Counted(RULE)
    forecaster = Calibrated(inner)
    at(forecaster, series.part(0, 1301), 1300)
    first = inner.asked
    assert first > 100
    at(forecaster, series.part(0, 1302), 1301)
    assert inner.asked - first <= 2


def test_a_corrected_history_is_noticed() -> None:
    series = a_load(2, days=5)
    values = series.values.copy()
    values[1200:1290] *= 3.0
    corrected = replace(series, values=values)
    forecaster = Calibrated(RULE)
    at(forecaster, series, 1300)
    assert_same(at(forecaster, corrected, 1300), at(Calibrated(RULE), corrected, 1300))


@pytest.mark.parametrize(("factor", "left"), [(0.9, 0.6), (1.1, 0.9)])
def test_it_covers_where_the_inner_forecaster_does_not(factor: float, left: float) -> None:
    """Forecasts a tenth too low, or too high; what costs capacity only is mended more slowly."""
    series = a_load(3, days=9, gaps=0)
    origins = np.arange(6 * 288, len(series) - HORIZON)
    truth = series.values[origins[:, None] + np.arange(1, HORIZON + 1)]
    top = LEVELS.index(0.9)

    def misses(made: Forecasts) -> float:
        return abs(float((truth <= made.quantiles[..., top]).mean()) - 0.9)

    ask = [Ask(series, origins)]
    bare, calibrated = (misses(f.forecast(ask)[0]) for f in (Counted(RULE, factor), Calibrated(Counted(RULE, factor))))
    assert calibrated < left * bare


@given(loads, st.floats(1e-3, 1e5), st.data())
@settings(max_examples=10, deadline=None)
def test_the_unit_does_not_matter(series: Series, factor: float, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    plain, scaled = at(Calibrated(RULE), series, origin), at(Calibrated(RULE), series.scaled(factor), origin)
    size = float(plain.peak.max())
    np.testing.assert_allclose(scaled.quantiles / factor, plain.quantiles, rtol=1e-6, atol=1e-6 * size)


@given(loads, st.integers(1, 60), st.data())
@settings(max_examples=10, deadline=None)
def test_whole_weeks_later_is_the_same(series: Series, weeks: int, data: st.DataObject) -> None:
    origin = origin_of(data, series)
    later = replace(series, start=series.start + timedelta(weeks=weeks))
    assert_same(at(Calibrated(RULE), series, origin), at(Calibrated(RULE), later, origin))


@pytest.mark.parametrize("later", [288, 3 * 288 + 31])
def test_a_history_that_starts_earlier_gives_the_same(later: int) -> None:
    """A day is no whole number of strides."""
    series = a_load(5, days=16, gaps=0)
    late, rule = series.part(later, len(series)), BASELINES["last-value"]
    for back in (30, 130):
        a, b = (at(Calibrated(rule), s, len(s) - back) for s in (series, late))
        np.testing.assert_allclose(a.quantiles, b.quantiles, rtol=1e-9)
        np.testing.assert_allclose(a.peak, b.peak, rtol=1e-9)


def test_a_young_history_is_served_as_it_comes() -> None:
    series = a_load(6, days=1, gaps=0)
    made, bare = at(Calibrated(RULE), series, 100), RULE.forecast([Ask(series, np.array([100]))])[0]
    assert_same(made, bare)


def test_nothing_measured_is_refused_by_name() -> None:
    with pytest.raises(NoForecast, match="none of its 300 bins was measured"):
        at(Calibrated(RULE), a_series([NAN] * 300), 200)


def test_no_origins_give_no_forecasts() -> None:
    made = at(Calibrated(RULE), a_load(0))
    assert made.quantiles.shape == (0, HORIZON, len(LEVELS))
