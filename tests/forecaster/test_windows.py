"""What the network sees: nothing after the origin, nothing of the unit, and each lag and candidate where it belongs."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS
from forecaster.lags import BEFORE
from forecaster.past import Past
from forecaster.ridge import Fits, Ridge
from forecaster.series import DAY, Series
from forecaster.success import Success
from forecaster.usual import SPANS_DAYS, Usual, over_the_horizon
from forecaster.windows import (
    AFTER,
    CALENDAR,
    CANDIDATES,
    CHANNELS,
    CONTEXT,
    DAYS,
    FEATURE_PARTS,
    FEATURES,
    HOURS,
    LAGS,
    LEVEL_STEPS,
    RULE_STEPS,
    RULES,
    SPREADS,
    SUCCESS,
    USUAL,
    Inputs,
    Windows,
)
from tests.helpers.histories import MINUTE, MONDAY, a_load, a_series, loads, with_another_future

NAN = float("nan")
PER_LAG = BEFORE + HORIZON + AFTER + 2
RIDGE = len(LAGS) + len(HOURS)
"""The ridge's place among the candidates; the recent levels follow."""


def inputs_at(series: Series, *origins: int) -> Inputs:
    return Windows(series).inputs(np.array(origins))


def assert_same(a: Inputs, b: Inputs) -> None:
    for part in fields(Inputs):
        np.testing.assert_array_equal(getattr(a, part.name), getattr(b, part.name), err_msg=part.name)


def is_there(inputs: Inputs) -> list[float]:
    """Which share of each lag is there, of the first origin."""
    lagged = np.sinh(inputs.features[0, : len(LAGS) * PER_LAG].reshape(len(LAGS), PER_LAG))
    return [round(float(x), 5) for x in lagged[:, -1]]


@given(loads(), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=40, deadline=None)
def test_a_corrupted_future_changes_no_input(series: Series, seed: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    assert_same(inputs_at(series, origin), inputs_at(with_another_future(series, origin, seed), origin))


@given(loads(), st.data())
@settings(max_examples=20, deadline=None)
def test_a_series_that_ends_at_the_origin_gives_the_same_inputs(series: Series, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    assert_same(inputs_at(series, origin), inputs_at(series.part(0, origin + 1), origin))


@given(loads(), st.floats(1e-4, 1e7), st.data())
@settings(max_examples=40, deadline=None)
def test_inputs_know_nothing_of_the_unit(series: Series, factor: float, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    plain, scaled = inputs_at(series, origin), inputs_at(series.scaled(factor), origin)
    for name in ("sequence", "features", "increments", "usual"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-4, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(scaled.last, factor * plain.last)
    np.testing.assert_allclose(scaled.scale, factor * plain.scale)


@pytest.mark.parametrize("step", [timedelta(seconds=15), MINUTE, 5 * MINUTE])
def test_the_increments_of_a_daily_pattern_are_what_comes_next(step: timedelta) -> None:
    per_day = timedelta(days=1) // step
    pattern = np.random.default_rng(1).uniform(10, 20, size=per_day)
    series = a_series(np.tile(pattern, 9), step)
    origin = 8 * per_day + 77
    inputs = inputs_at(series, origin)
    comes = (series.values[origin + 1 : origin + 1 + HORIZON] - series.values[origin]) / inputs.scale[0]
    for lag, days in enumerate(LAGS):
        expected = comes if min(days) <= 7 else np.zeros(HORIZON)
        np.testing.assert_allclose(inputs.increments[0, lag], expected, atol=1e-6, err_msg=f"days {days}")
    np.testing.assert_allclose(inputs.sequence[0, :, 1], inputs.sequence[0, :, 0], atol=1e-6)


def test_what_an_hour_adds_each_hour_is_a_candidate() -> None:
    hour = np.random.default_rng(4).uniform(10, 20, size=60)
    series = a_series(np.tile(hour, 40))
    origin = 30 * 60 + 7
    inputs = inputs_at(series, origin)
    comes = (series.values[origin + 1 : origin + 1 + HORIZON] - series.values[origin]) / inputs.scale[0]
    for place in (len(LAGS), len(LAGS) + 1):
        np.testing.assert_allclose(inputs.increments[0, place], comes, atol=1e-6)


def test_an_hour_that_is_shorter_than_the_horizon_is_not_read_beyond_the_origin() -> None:
    series = a_load(days=3, gaps=0)  # twelve bins an hour, fifteen to the horizon
    last_day = inputs_at(series, len(series) - 1)
    assert last_day.features[0, len(LAGS) * PER_LAG + BEFORE + HORIZON + 1] == pytest.approx(np.arcsinh(2 / 3))


@given(loads(2, 9), st.data())
@settings(max_examples=15, deadline=None)
def test_the_slow_parts_stand_where_they_are_named(series: Series, data: st.DataObject) -> None:
    origins = np.sort(data.draw(st.lists(st.integers(0, len(series) - 1), min_size=1, max_size=4)))
    inputs, past = Windows(series).inputs(origins), Past(series)
    ridge, scale = Ridge(past), inputs.scale[:, None]
    moves, enough = Usual(past).at(origins)
    rates = Success(past, Ridge(past), RULES, RULE_STEPS).at(origins, CONTEXT)
    usual = over_the_horizon(moves) / inputs.scale[:, None, None, None]
    forecast, _ = ridge.moves(origins)
    np.testing.assert_allclose(inputs.features[:, SUCCESS], rates, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(inputs.features[:, USUAL][:, -len(SPANS_DAYS) :], enough)
    np.testing.assert_allclose(inputs.usual[:, : len(SPANS_DAYS)], usual, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(inputs.increments[:, RIDGE], np.clip(forecast / scale, -30, 30), rtol=1e-5, atol=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
@settings(max_examples=10, deadline=None)
def test_how_a_minute_differs_from_day_to_day_is_that_of_the_days_there(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    series = a_series(rng.uniform(10, 20, size=(days + 1) * 288), 5 * MINUTE)
    origin = days * 288 + 40
    inputs = inputs_at(series, origin)
    then = [origin - 288 * d for d in DAYS if origin - 288 * d >= BEFORE]
    moves = np.array([series.values[k + 1 : k + 1 + HORIZON] - series.values[k] for k in then]) / inputs.scale[0]
    highest, lowest, deviation = np.sinh(inputs.features[0, FEATURE_PARTS["days"]]).reshape(3, HORIZON)
    np.testing.assert_allclose(highest, moves.max(axis=0), atol=1e-5)
    np.testing.assert_allclose(lowest, moves.min(axis=0), atol=1e-5)
    np.testing.assert_allclose(deviation, moves.std(axis=0, ddof=1), atol=1e-5)
    upper = inputs.usual[0, -1, :, LEVELS.index(0.95)]
    np.testing.assert_allclose(upper, 1.6448536 * deviation, atol=1e-5)


def test_one_other_day_says_nothing_of_how_days_differ() -> None:
    inputs = inputs_at(a_load(days=2, gaps=0), 400)
    assert not inputs.features[:, FEATURE_PARTS["days"]].any()
    assert not inputs.usual[:, -1].any()


def test_the_recent_levels_are_candidates_for_every_step() -> None:
    values = np.random.default_rng(5).uniform(50, 60, size=600)
    inputs = inputs_at(a_series(values), 500)
    assert LEVEL_STEPS == (15, 5, 15)
    levels = np.median(values[486:501]), values[496:501].mean(), values[486:501].mean()
    for place, level in enumerate(levels):
        expected = np.full(HORIZON, (level - values[500]) / inputs.scale[0])
        np.testing.assert_allclose(inputs.increments[0, RIDGE + 1 + place], expected, rtol=1e-4, atol=1e-7)


@given(loads(2, 9), st.data())
@settings(max_examples=10, deadline=None)
def test_preparing_changes_no_input(series: Series, data: st.DataObject) -> None:
    origins = np.array(data.draw(st.lists(st.integers(0, len(series) - 1), min_size=1, max_size=5)))
    windows = Windows(series)
    windows.prepare()
    prepared, plain = windows.inputs(origins), Windows(series).inputs(origins)
    for part in fields(Inputs):
        np.testing.assert_allclose(
            getattr(prepared, part.name), getattr(plain, part.name), rtol=1e-5, atol=1e-6, err_msg=part.name
        )


def test_a_series_without_a_measured_bin_can_be_prepared() -> None:
    Windows(a_series(np.full(500, np.nan))).prepare()


def test_fits_that_were_made_before_give_the_same_inputs() -> None:
    fits, series = Fits(), a_load(days=6)
    first = Windows(series, fits).inputs(np.array([len(series) - 1]))
    assert_same(Windows(series, fits).inputs(np.array([len(series) - 1])), first)
    assert_same(inputs_at(series, len(series) - 1), first)


@pytest.mark.parametrize(("late", "there"), [(0, 1.0), (1, 0.0)])
def test_a_lag_counts_from_the_first_bin_of_its_window_on(late: int, there: float) -> None:
    series = a_load(days=3, gaps=0)
    origin = series.bins_per_day + BEFORE - 1 - late
    assert is_there(inputs_at(series, origin))[0] == there


def test_a_lag_that_was_hardly_measured_is_not_there() -> None:
    series = a_load(days=3, gaps=0)
    origin = 2 * series.bins_per_day
    yesterday = origin - series.bins_per_day
    values = series.values.copy()
    values[yesterday : yesterday + 20] = np.nan
    inputs = inputs_at(replace(series, values=values), origin)
    assert is_there(inputs)[:2] == [0.0, 0.0]
    assert not inputs.increments[0, 0].any()


def test_the_context_of_yesterday_is_there_as_a_whole_or_not_at_all() -> None:
    series = a_load(days=3, gaps=0)
    whole = series.bins_per_day + CONTEXT
    partly, there = inputs_at(series, whole - 1), inputs_at(series, whole)
    assert not partly.sequence[0, :, 1].any()
    expected = (series.values[1 : CONTEXT + 1] - there.last[0]) / there.scale[0]
    np.testing.assert_allclose(there.sequence[0, :, 1], np.arcsinh(expected), rtol=1e-5)


def test_recent_means_are_of_a_day_and_of_a_week_up_to_the_last_full_hour() -> None:
    series = a_load(days=9, gaps=0)
    origin = len(series) - 20
    hour = (origin + 1) // 12 * 12
    assert hour < origin + 1
    inputs = inputs_at(series, origin)
    first = FEATURES - CALENDAR - 6
    for column, days in ((first, 1), (first + 1, 7)):
        mean = series.values[hour - days * series.bins_per_day : hour].mean()
        expected = np.arcsinh((mean - inputs.last[0]) / inputs.scale[0])
        assert inputs.features[0, column] == pytest.approx(expected, rel=1e-5)


def test_the_mean_of_several_days_says_how_many_of_them_are_there() -> None:
    series = a_load(days=4, gaps=0)
    shares = is_there(inputs_at(series, len(series) - 1))
    assert shares == [1.0, 1.0, 0.0, 0.0, round(3 / 7, 5), 0.0]


def test_a_missing_bin_holds_the_value_before_it_and_says_so() -> None:
    values = [10.0] * 200
    values[198:200] = [NAN, NAN]
    values[150] = NAN
    inputs = inputs_at(a_series(values), 199)
    assert inputs.last.tolist() == [10.0]
    assert not inputs.sequence[0, :, 0].any()
    assert np.flatnonzero(inputs.sequence[0, :, 4] == 0).tolist() == [CONTEXT - 50, CONTEXT - 2, CONTEXT - 1]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.0] * 3000, id="all zeros"),
        pytest.param([7.0] * 3000, id="constant"),
        pytest.param([0.0] * 1500 + [1e15] + [0.0] * 1499, id="a single spike"),
        pytest.param([NAN] * 40 + [3.0] + [NAN] * 2959, id="one bin measured"),
        pytest.param([5.0], id="one bin"),
        pytest.param([1e15, 0.0, 1e15], id="three absurd bins"),
    ],
)
def test_odd_histories_give_finite_inputs(values: list[float]) -> None:
    series = a_series(values)
    first = int(np.argmax(series.known))
    inputs = inputs_at(series, first, len(series) - 1)
    assert inputs.sequence.shape == (2, CONTEXT, CHANNELS)
    assert inputs.features.shape == (2, FEATURES)
    assert inputs.increments.shape == (2, CANDIDATES, HORIZON)
    assert inputs.usual.shape == (2, SPREADS, HORIZON, len(LEVELS))
    assert all(np.isfinite(getattr(inputs, part.name)).all() for part in fields(Inputs))
    assert (inputs.scale > 0).all()


def test_a_quiet_stretch_does_not_make_a_workload_infinitely_small() -> None:
    busy_then_quiet = a_series([1000.0] * 1200 + [0.0] * 240)
    assert inputs_at(busy_then_quiet, 1439).scale[0] > 50


@pytest.mark.parametrize("origin", [-1, 39])
def test_an_origin_without_a_known_bin_is_refused(origin: int) -> None:
    with pytest.raises(NoForecast, match="load: nothing measured"):
        inputs_at(a_series([NAN] * 40 + [1.0] * 60), origin)


@pytest.mark.parametrize("step", [timedelta(seconds=10), timedelta(seconds=32), timedelta(minutes=10)])
def test_a_step_that_the_network_does_not_know_is_refused(step: timedelta) -> None:
    with pytest.raises(NoForecast, match="the network takes 0:00:15 to 0:05:00"):
        Windows(a_series([1.0, 2.0], step))


def test_targets_follow_the_origin_and_are_missing_where_they_are_not_over() -> None:
    values = np.arange(20.0)
    values[3] = NAN
    targets = Windows(a_series(values)).targets(np.array([0, 10]))
    np.testing.assert_array_equal(targets[0], [1, 2, NAN, *range(4, 16)])
    np.testing.assert_array_equal(targets[1], [*range(11, 20), *[NAN] * 6])


def test_the_calendar_is_that_of_the_next_step() -> None:
    series = a_series([1.0] * 100, start=MONDAY - 50 * MINUTE)
    calendar = inputs_at(series, 49).features[0, FEATURE_PARTS["calendar"]]
    np.testing.assert_allclose(calendar, [0, 1, 0, 1, 0, 1], atol=1e-6)


@given(loads(), st.integers(-400, 400), st.data())
@settings(max_examples=15, deadline=None)
def test_inputs_know_nothing_of_the_day(series: Series, days: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    moved = replace(series, start=series.start + days * DAY)
    assert_same(inputs_at(series, origin), inputs_at(moved, origin))


def test_inputs_are_joined_in_order() -> None:
    series = a_load(days=2)
    windows = Windows(series)
    parts = [windows.inputs(np.array([k])) for k in (300, 301)]
    assert_same(Inputs.concatenate(parts), windows.inputs(np.array([300, 301])))


def test_no_origins_give_empty_inputs() -> None:
    inputs = Windows(a_series(np.ones(500))).inputs(np.zeros(0, dtype=np.int64))
    assert inputs.features.shape == (0, FEATURES)
    assert inputs.sequence.shape == (0, CONTEXT, CHANNELS)
    assert inputs.increments.shape == (0, CANDIDATES, HORIZON)
    assert inputs.usual.shape == (0, SPREADS, HORIZON, len(LEVELS))


def test_an_origin_beyond_the_series_says_where_the_series_ends() -> None:
    with pytest.raises(NoForecast, match="the series ends at"):
        Windows(a_series(np.ones(500))).inputs(np.array([500]))


def test_a_series_without_a_measured_bin_says_so() -> None:
    with pytest.raises(NoForecast, match="none of its 500 bins was measured"):
        Windows(a_series(np.full(500, np.nan))).inputs(np.array([400]))
