"""How well simple rules did: against a plain count over the window, on a load whose answer is known, and with gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.past import Past
from forecaster.ridge import Ridge
from forecaster.series import DAY, FloatArray, Series
from forecaster.success import Success
from forecaster.windows import LAGS
from tests.helpers.histories import MINUTE, a_load, a_series, loads, with_another_future

PER_DAY = 288
RECENT = 120
WEEK = LAGS[4]
RULES = ((1,), (7,), WEEK)
STEPS = (3, 15)
MOST = 3.0


def success_of(series: Series) -> Success:
    past = Past(series)
    return Success(past, Ridge(past), RULES, STEPS)


def success_at(series: Series, *origins: int) -> FloatArray:
    return success_of(series).at(np.array(origins, dtype=np.int64), RECENT)


def of_rules(made: FloatArray) -> FloatArray:
    """[B, rules, steps, (recent, day, week)]"""
    return made[:, : len(RULES) * len(STEPS) * 3].reshape(len(made), len(RULES), len(STEPS), 3)


def of_ridge(made: FloatArray) -> FloatArray:
    """[B, steps, (recent, day)]"""
    return made[:, len(RULES) * len(STEPS) * 3 :].reshape(len(made), len(STEPS), 2)


def doubling(days: int) -> Series:
    """Each day twice as high as the one before, and still around midnight: yesterday foretells half of each move."""
    day = np.zeros(PER_DAY)
    day[20:-20] = np.random.default_rng(0).uniform(1, 2, size=PER_DAY - 40)
    return a_series(np.concatenate([2.0**k * day for k in range(days)]), 5 * MINUTE)


def counted(series: Series, days: tuple[int, ...], step: int, end: int, back: int) -> float:
    """The ratio of a rule, bin by bin as its definition says."""
    values, error, moved = series.values, 0.0, 0.0
    for bin_ in range(max(end - back, step), end):
        move = values[bin_] - values[bin_ - step]
        then = [bin_ - d * PER_DAY for d in days]
        moves = [values[k] - values[k - step] for k in then if k >= step]
        known = [m for m in moves if not np.isnan(m)]
        if known and not np.isnan(move):
            error += abs(move - np.mean(known))
            moved += abs(move)
    return float(np.clip(np.log((error + 1e-6 * moved) / (moved + 1e-6 * moved)), -MOST, MOST)) if moved else 0.0


@given(loads(1, 9), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=15, deadline=None)
def test_the_future_changes_nothing(series: Series, seed: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    made = success_at(series, origin)
    np.testing.assert_array_equal(success_at(with_another_future(series, origin, seed), origin), made)
    np.testing.assert_array_equal(success_at(series.part(0, origin + 1), origin), made)


@given(loads(2, 9), st.data())
@settings(max_examples=10, deadline=None)
def test_rules_are_scored_bin_by_bin_over_two_hours_a_day_and_a_week(series: Series, data: st.DataObject) -> None:
    origin = data.draw(st.integers(PER_DAY, len(series) - 1))
    top = (origin + 1) // 12 * 12
    made = of_rules(success_at(series, origin))[0]
    spans = ((origin + 1, RECENT), (top, PER_DAY), (top, 7 * PER_DAY))
    for r, days in enumerate(RULES):
        for s, step in enumerate(STEPS):
            expected = [counted(series, days, step, end, back) for end, back in spans]
            np.testing.assert_allclose(made[r, s], expected, atol=1e-6, err_msg=f"{days} {step}")


def test_a_load_that_doubles_daily_has_the_ratios_that_it_must() -> None:
    series = doubling(days=15)
    made = of_rules(success_at(series, 14 * PER_DAY + 150, 15 * PER_DAY - 1))
    halves = 0.5 ** np.arange(1, 8)
    for rule, left in ((0, 1 / 2), (1, 1 - 1 / 128), (2, 1 - halves.mean())):
        np.testing.assert_allclose(made[:, rule], np.log(left), atol=1e-5)


@given(loads(5, 8), st.data())
@settings(max_examples=6, deadline=None)
def test_the_ridge_is_scored_on_the_forecasts_that_it_made_then(series: Series, data: st.DataObject) -> None:
    origin = data.draw(st.integers(4 * PER_DAY, len(series) - 1))
    past = Past(series)
    forecast, fitted = Ridge(past).moves(np.arange(len(series)))
    made = of_ridge(success_at(series, origin))[0]
    for s, step in enumerate(STEPS):
        for column, (end, back) in enumerate(((origin + 1, RECENT), ((origin + 1) // 12 * 12, PER_DAY))):
            bins = np.arange(end - back, end)
            came = series.values[bins] - past.at(bins - step)
            counts = fitted[bins - step] & ~np.isnan(came)
            error = np.abs(came - forecast[bins - step, step - 1])[counts].sum()
            moved = np.abs(came)[counts].sum()
            expected = np.log((error + 1e-6 * moved) / (moved * (1 + 1e-6))) if moved else 0.0
            assert made[s, column] == pytest.approx(np.clip(expected, -MOST, MOST), abs=1e-5)


def test_a_day_that_repeats_is_as_good_as_a_rule_can_be() -> None:
    day = np.random.default_rng(3).uniform(1, 2, size=PER_DAY)
    made = of_rules(success_at(a_series(np.tile(day, 15), 5 * MINUTE), 15 * PER_DAY - 1))
    np.testing.assert_array_equal(made, -MOST)


def test_a_rule_that_fails_today_has_failed_lately_and_not_for_a_week() -> None:
    day = np.random.default_rng(3).uniform(1, 2, size=PER_DAY)
    values = np.tile(day, 15)
    values[-RECENT:] = np.random.default_rng(4).uniform(1, 2, size=RECENT)
    recent, today, week = of_rules(success_at(a_series(values, 5 * MINUTE), len(values) - 1))[0, 0].T
    assert (recent > 0.1).all()
    assert (recent > today + 0.3).all()
    assert (today > week + 0.3).all()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.full(9 * PER_DAY, 5.0), id="no move"),
        pytest.param(np.arange(200.0), id="no day before"),
        pytest.param(np.ones(1), id="one bin"),
        pytest.param(np.where(np.arange(3 * PER_DAY) % 2 == 1, 1.0, np.nan), id="no move of an odd number of steps"),
    ],
)
def test_nothing_to_compare_is_zero(values: FloatArray) -> None:
    series = a_series(values, 5 * MINUTE)
    assert not success_at(series, int(np.flatnonzero(series.known)[-1])).any()


@given(loads(5, 9), st.floats(1e-2, 1e7))
@settings(max_examples=8, deadline=None)
def test_ratios_know_nothing_of_the_unit(series: Series, factor: float) -> None:
    origins = range(0, len(series), 101)
    plain, scaled = success_at(series, *origins), success_at(series.scaled(factor), *origins)
    np.testing.assert_allclose(scaled, plain, atol=1e-5)


@given(loads(4, 8), st.integers(-50, 50))
@settings(max_examples=6, deadline=None)
def test_whole_days_change_nothing(series: Series, days: int) -> None:
    origins = range(len(series) - 200, len(series), 29)
    shifted = replace(series, start=series.start + days * DAY)
    np.testing.assert_array_equal(success_at(shifted, *origins), success_at(series, *origins))


def test_what_is_older_than_the_fits_and_the_week_changes_nothing() -> None:
    whole, older = a_load(2, days=26.5), 333
    origins = np.arange(26 * PER_DAY, len(whole), 17)
    part = success_at(whole.part(older, len(whole)), *(origins - older))
    np.testing.assert_allclose(part, success_at(whole, *origins), atol=1e-6)


@given(loads(5, 7), st.permutations(range(1200, 1440, 15)))
@settings(max_examples=5, deadline=None)
def test_the_answer_is_the_same_in_any_order_and_number(series: Series, order: list[int]) -> None:
    success = success_of(series)
    alone = np.concatenate([success.at(np.array([origin]), RECENT) for origin in order])
    np.testing.assert_allclose(alone, success_at(series, *order), atol=1e-9)


def test_day_and_week_wait_for_the_full_hour_and_two_hours_do_not() -> None:
    series = a_load(1, days=9, gaps=0)
    made = success_at(series, *range(8 * PER_DAY + 11, 8 * PER_DAY + 23))
    recent, slow = of_rules(made)[..., 0], of_rules(made)[..., 1:]
    assert (slow == slow[0]).all()
    assert (np.diff(recent, axis=0) != 0).all()
    assert (of_ridge(made)[..., 1] == of_ridge(made)[0, :, 1]).all()


def test_no_origins_give_no_rows() -> None:
    series = a_load(days=1)
    assert success_at(series).shape == (0, success_at(series, 5).shape[1])
