"""The simple rules: what each of them says, honest quantiles around it, and nothing from the future."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.baselines import (
    BASELINES,
    RuleForecaster,
    has_errors,
    highest_of,
    last_value,
    level_plus_increment,
    same_time,
)
from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.series import Series, held
from tests.helpers.histories import MINUTE, a_load, a_series, loads, with_another_future

NAN = float("nan")
MEDIAN = LEVELS.index(0.5)
rules = st.sampled_from(list(BASELINES.values()))
windows = st.tuples(st.integers(1, HORIZON), st.integers(1, HORIZON)).map(lambda w: Window(min(w), max(w)))


def forecasts_at(forecaster: RuleForecaster, series: Series, *origins: int, window: Window = Window()) -> Forecasts:  # noqa: B008
    return forecaster.forecast([Ask(series, np.array(origins, dtype=np.int64), window)])[0]


@given(rules, loads(), windows, st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=40, deadline=None)
def test_a_corrupted_future_changes_no_forecast(
    rule: RuleForecaster, series: Series, window: Window, seed: int, data: st.DataObject
) -> None:
    origin = data.draw(st.integers(200, len(series) - 1))
    changed = with_another_future(series, origin, seed)
    a, b = (forecasts_at(rule, s, origin, window=window) for s in (series, changed))
    np.testing.assert_array_equal(a.quantiles, b.quantiles)
    np.testing.assert_array_equal(a.peak, b.peak)


@pytest.mark.parametrize("origin", [36, 47, 48, 480, 481])
@pytest.mark.parametrize("rule", BASELINES.values(), ids=BASELINES)
def test_a_series_that_ends_at_the_origin_gives_the_same_forecast(rule: RuleForecaster, origin: int) -> None:
    """Among them the top of an hour, where the errors reach up to the origin itself."""
    series = a_load(days=3, gaps=0)
    a, b = (forecasts_at(rule, s, origin) for s in (series, series.part(0, origin + 1)))
    np.testing.assert_array_equal(a.quantiles, b.quantiles)
    np.testing.assert_array_equal(a.peak, b.peak)


@given(rules, loads(), windows, st.data())
@settings(max_examples=40, deadline=None)
def test_quantiles_ascend_and_no_load_is_negative(
    rule: RuleForecaster, series: Series, window: Window, data: st.DataObject
) -> None:
    origins = data.draw(st.lists(st.integers(200, len(series) - 1), min_size=1, max_size=5))
    made = forecasts_at(rule, series, *origins, window=window)
    assert made.quantiles.shape == (len(origins), HORIZON, len(LEVELS))
    for quantiles in (made.quantiles, made.peak):
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        assert (quantiles >= 0).all()


@given(rules, loads(), st.data())
@settings(max_examples=20, deadline=None)
def test_a_forecast_does_not_depend_on_the_others_asked_for(
    rule: RuleForecaster, series: Series, data: st.DataObject
) -> None:
    origins = data.draw(st.lists(st.integers(40, len(series) - 1), min_size=2, max_size=6))
    try:
        together = forecasts_at(rule, series, *origins)
    except NoForecast:
        return
    for row, origin in enumerate(origins):
        np.testing.assert_array_equal(together.quantiles[row], forecasts_at(rule, series, origin).quantiles[0])


def test_each_rule_looks_back_as_it_says() -> None:
    per_day = 288
    series = a_series(np.arange(9 * per_day, dtype=float), step=5 * MINUTE)
    origins = np.array([8 * per_day])
    now, steps = float(origins[0]), np.arange(1, HORIZON + 1)
    for rule, expected in [
        (last_value, np.full(HORIZON, now)),
        (same_time(1), now + steps - per_day),
        (same_time(7), now + steps - 7 * per_day),
        (level_plus_increment(1), now + steps),
        (highest_of(last_value, same_time(1)), np.full(HORIZON, now)),
    ]:
        np.testing.assert_array_equal(rule(series, series.values, origins)[0], expected)


def test_bins_of_hours_do_not_let_yesterday_reach_into_the_future() -> None:
    series = a_series(np.arange(100.0), step=timedelta(hours=2))
    points = same_time(1)(series, series.values, np.array([50]))[0]
    np.testing.assert_array_equal(points, [*range(39, 51), NAN, NAN, NAN])


def test_what_looks_back_too_far_is_the_last_value() -> None:
    series = a_load(days=3, gaps=0)
    week, last = (forecasts_at(BASELINES[name], series, 700) for name in ("same-time-last-week", "last-value"))
    np.testing.assert_array_equal(week.quantiles, last.quantiles)


def test_the_quantiles_are_those_of_recent_errors() -> None:
    rng = np.random.default_rng(4)
    series = a_series(1000 + rng.normal(size=4000))
    made = forecasts_at(BASELINES["last-value"], series, *range(2000, 3900, 13))
    truth = series.values[made.origins[:, None] + np.arange(1, HORIZON + 1)]
    share = (truth[..., None] <= made.quantiles).mean(axis=(0, 1))
    np.testing.assert_allclose(share, LEVELS, atol=0.03)


def test_the_peak_is_that_of_its_window_and_not_the_highest_quantile() -> None:
    rng = np.random.default_rng(4)
    series = a_series(1000 + rng.normal(size=2000))
    whole, one = (forecasts_at(BASELINES["last-value"], series, 1900, window=w) for w in (Window(), Window(3, 3)))
    np.testing.assert_allclose(one.peak[0], one.quantiles[0, 2])
    assert whole.peak[0, MEDIAN] > whole.quantiles[0, :, MEDIAN].max() + 0.5


def test_errors_across_a_long_gap_come_from_before_it() -> None:
    series = a_load(days=12, gaps=0)
    values = series.values.copy()
    values[2 * 288 : 11 * 288] = NAN
    made = forecasts_at(BASELINES["last-value"], a_series(values, series.step), 11 * 288 + 5)
    assert made.quantiles[0, -1, -1] > made.quantiles[0, -1, 0]


@pytest.mark.parametrize(
    ("values", "origin"),
    [
        pytest.param([1.0] * 100, 33, id="too little past"),
        pytest.param([NAN] * 100, 99, id="nothing measured"),
        pytest.param([NAN] * 80 + [1.0] * 30, 105, id="measured too late"),
        pytest.param([1.0, *([NAN] * 9)] * 10, 99, id="no stretch without a gap"),
    ],
)
def test_too_little_to_go_on_is_said(values: list[float], origin: int) -> None:
    with pytest.raises(NoForecast, match=r"load: only \d+ bins measured up to .*; last-value needs 35"):
        forecasts_at(BASELINES["last-value"], a_series(values), origin)


def test_the_first_origin_with_enough_past_has_a_forecast() -> None:
    made = forecasts_at(BASELINES["last-value"], a_series(np.arange(100.0)), 34)
    np.testing.assert_allclose(made.quantiles[0, :, MEDIAN], 34 + np.arange(1, HORIZON + 1))


def test_every_baseline_answers_every_ask_in_order() -> None:
    asks = [Ask(a_load(seed), np.array([400, 500 + seed])) for seed in range(3)]
    for name, rule in BASELINES.items():
        made = rule.forecast(asks)
        assert [m.model for m in made] == [name] * 3
        assert [m.origins.tolist() for m in made] == [[400, 500 + seed] for seed in range(3)]
        held_last = held(asks[2].series.values)[502]
        assert made[2].quantiles[1, 0, -1] >= held_last * 0.2


def test_no_origins_give_no_rows() -> None:
    assert forecasts_at(BASELINES["last-value"], a_load()).quantiles.shape == (0, HORIZON, len(LEVELS))


def test_the_ridge_learns_how_much_of_a_move_goes_back() -> None:
    """Half of each move is gone a step later; who has seen a week of it says so, and the last value cannot."""
    rng = np.random.default_rng(8)
    values = np.zeros(12 * 288)
    for k in range(1, len(values)):
        values[k] = 0.5 * values[k - 1] + rng.normal()
    series = a_series(1000 + 10 * values, step=5 * MINUTE)
    origins = np.arange(10 * 288, 12 * 288 - HORIZON, 7)
    truth = series.values[origins[:, None] + np.arange(1, HORIZON + 1)]
    ridge, last = (
        float(np.abs(BASELINES[name].forecast([Ask(series, origins)])[0].quantiles[..., MEDIAN] - truth).mean())
        for name in ("ridge", "last-value")
    )
    assert ridge < 0.85 * last


def test_a_history_too_short_for_a_fit_leaves_the_ridge_with_the_last_value() -> None:
    series = a_load(days=0.9, gaps=0)
    ridge, last = (forecasts_at(BASELINES[name], series, 200, 250) for name in ("ridge", "last-value"))
    np.testing.assert_array_equal(ridge.quantiles, last.quantiles)


@given(loads(), st.data())
@settings(max_examples=20, deadline=None)
def test_whether_there_are_errors_enough_is_said_beforehand(series: Series, data: st.DataObject) -> None:
    enough = has_errors(series)
    origin = data.draw(st.integers(0, 120))
    if enough[origin]:
        assert forecasts_at(BASELINES["last-value"], series, origin).quantiles.shape[0] == 1
    else:
        with pytest.raises(NoForecast, match="use a longer history"):
            forecasts_at(BASELINES["last-value"], series, origin)


def test_a_history_that_starts_earlier_gives_the_same() -> None:
    series = a_load(5, days=40, gaps=20)
    late = series.part(8 * 288 + 31, len(series))
    for name, rule in BASELINES.items():
        whole = forecasts_at(rule, series, len(series) - 30)
        short = forecasts_at(rule, late, len(late) - 30)
        np.testing.assert_allclose(whole.quantiles, short.quantiles, rtol=1e-9, err_msg=name)
