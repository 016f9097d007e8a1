"""A workload's own linear forecast: what it recovers, what it must not see, when there is none, and its bounds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.forecast import HORIZON
from forecaster.past import Past
from forecaster.ridge import Fit, Fits, Ridge
from forecaster.series import DAY, BoolArray, FloatArray, IntArray, Series
from tests.helpers.histories import MINUTE, a_load, a_series, loads, with_another_future

PER_DAY = 288
STEPS = np.arange(1, HORIZON + 1)


class Counted(Fits):
    """Fits that know how many of them had to be made."""

    made = 0

    def get(self, key: Hashable, make: Callable[[], Fit | None]) -> Fit | None:
        def counted() -> Fit | None:
            self.made += 1
            return make()

        return super().get(key, counted)


def moves_at(series: Series, *origins: int, fits: Fits | None = None) -> tuple[FloatArray, BoolArray]:
    return Ridge(Past(series), fits).moves(np.array(origins, dtype=np.int64))


def assert_same(ours: tuple[FloatArray, BoolArray], theirs: tuple[FloatArray, BoolArray]) -> None:
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


def came(series: Series, origins: IntArray) -> FloatArray:
    """[B, HORIZON], how far the load had moved after each step."""
    moved: FloatArray = series.values[origins[:, None] + STEPS] - series.values[origins, None]
    return moved


def reverting(keeps: float, days: int = 7) -> Series:
    """AR(1) around 100, a step a minute."""
    noise = np.random.default_rng(0).normal(size=days * 1440)
    off = np.zeros(len(noise))
    for k in range(1, len(noise)):
        off[k] = keeps * off[k - 1] + noise[k]
    return a_series(100 + off)


@given(loads(1, 9), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=20, deadline=None)
def test_the_future_changes_nothing(series: Series, seed: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    made = moves_at(series, origin)
    assert_same(moves_at(with_another_future(series, origin, seed), origin), made)
    assert_same(moves_at(series.part(0, origin + 1), origin), made)


@given(loads(6, 9), st.floats(1e-2, 1e7))
@settings(max_examples=10, deadline=None)
def test_moves_scale_with_the_load(series: Series, factor: float) -> None:
    origins = range(0, len(series), 97)
    (plain, fitted), (scaled, still) = moves_at(series, *origins), moves_at(series.scaled(factor), *origins)
    assert fitted.any()
    np.testing.assert_array_equal(still, fitted)
    np.testing.assert_allclose(scaled / factor, plain, rtol=1e-6, atol=1e-6)


@given(loads(4, 8), st.integers(-100, 100))
@settings(max_examples=10, deadline=None)
def test_whole_days_change_nothing(series: Series, days: int) -> None:
    origins = range(len(series) - 300, len(series), 23)
    assert_same(moves_at(replace(series, start=series.start + days * DAY), *origins), moves_at(series, *origins))


@pytest.mark.parametrize("older", [1, 60, 288, 500])
def test_what_is_older_than_three_weeks_changes_nothing(older: int) -> None:
    whole = a_load(3, days=24.5, gaps=6)
    part = whole.part(older, len(whole))
    origins = np.arange(24 * PER_DAY - 1, len(whole), 11)
    ours, fitted = moves_at(part, *(origins - older))
    theirs, _ = moves_at(whole, *origins)
    assert fitted.all()
    np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("keeps", [0.8, 0.95, 1.0])
def test_how_much_of_a_move_reverts_is_found_out(keeps: float) -> None:
    series = reverting(keeps)
    origins = np.arange(6 * 1440, len(series) - HORIZON, 3)
    made, fitted = moves_at(series, *origins)
    moved = came(series, origins)
    least = np.abs(moved - (keeps**STEPS - 1) * (series.values[origins, None] - 100)).mean(axis=0)
    error, persistence = (np.abs(moved - guess).mean(axis=0) for guess in (made, 0.0))
    assert fitted.all()
    assert (error < 1.08 * least).all()
    assert error[-1] < {0.8: 0.8, 0.95: 0.95, 1.0: 1.05}[keeps] * persistence[-1]


def test_a_day_that_repeats_is_nearly_exact_after_a_few_days() -> None:
    day = 100 + np.cumsum(np.random.default_rng(2).normal(size=PER_DAY))
    series = a_series(np.tile(day, 6), 5 * MINUTE)
    origins = np.arange(5 * PER_DAY, 6 * PER_DAY - HORIZON)
    made, _ = moves_at(series, *origins)
    moved = came(series, origins)
    assert np.abs(moved - made).mean() < 0.05 * np.abs(moved).mean()


@pytest.mark.parametrize(
    ("step", "bins", "fits"),
    [
        pytest.param(MINUTE, 1439, False, id="no midnight yet"),
        pytest.param(MINUTE, 1440, True, id="the first midnight"),
        pytest.param(5 * MINUTE, 3 * PER_DAY, False, id="too few rows"),
        pytest.param(5 * MINUTE, 4 * PER_DAY, True, id="enough rows"),
        pytest.param(timedelta(seconds=15), 5760, True, id="steps of 15 seconds"),
    ],
)
def test_without_a_midnight_or_enough_rows_it_is_persistence(step: timedelta, bins: int, fits: bool) -> None:
    series = a_load(days=5, step=step, gaps=0).part(0, bins)
    made, fitted = moves_at(series, bins - 1)
    assert made.shape == (1, HORIZON)
    assert fitted.tolist() == [fits]
    assert made.any() == fits


def test_a_history_that_starts_after_midnight_waits_for_the_next() -> None:
    series = a_load(days=3, step=MINUTE, gaps=0).part(1, 3 * 1440)
    _, fitted = moves_at(series, *(1440 - 3, 1440 - 2, 2 * 1440 - 3, 2 * 1440 - 2))
    assert fitted.tolist() == [False, True, True, True]


def test_rows_with_a_missing_target_do_not_count() -> None:
    series = a_load(days=4.5, gaps=0)
    values = series.values.copy()
    values[100 : 100 + 2 * PER_DAY] = np.nan
    assert moves_at(series, 4 * PER_DAY)[1].all()
    assert not moves_at(replace(series, values=values), 4 * PER_DAY)[1].any()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_whatever_happens_today_the_answer_stays_near_what_was_usual(seed: int, future: int) -> None:
    series, midnight = a_load(seed, days=6, gaps=2), 5 * PER_DAY
    today = with_another_future(series, midnight - 1, future)
    made, fitted = moves_at(today, *range(midnight, 6 * PER_DAY - 1, 7))
    assert fitted.all()
    # Six times the root mean square, which is at most the largest move.
    for step in STEPS:
        largest = np.nanmax(np.abs(series.values[step:midnight] - series.values[: midnight - step]))
        assert np.abs(made[:, step - 1]).max() <= 6 * largest


def test_an_answer_is_at_most_six_times_the_usual_move_however_far_the_features_are() -> None:
    rng = np.random.default_rng(7)
    design = np.concatenate([rng.normal(size=(2000, 40)), np.zeros((2000, 7))], axis=1)
    targets = np.repeat(design.sum(axis=1, keepdims=True), HORIZON, axis=1)
    fit = Fit.of(design, targets)
    usual = np.sqrt((targets**2).mean())
    for far in (3.0, 1e9, -1e9):
        np.testing.assert_allclose(fit.moves(np.full((1, 47), far)), np.sign(far) * 6 * usual)


def test_an_outage_is_not_extrapolated() -> None:
    series = a_load(5, days=9, gaps=0)
    values = series.values.copy()
    values[8 * PER_DAY + 100 :] = 0.0
    made, _ = moves_at(replace(series, values=values), *range(8 * PER_DAY + 100, len(series)))
    assert np.abs(made).max() < series.values.max()


@pytest.mark.parametrize("value", [0.0, 7.0, 1e15])
def test_a_flat_load_stays_where_it_is(value: float) -> None:
    made, fitted = moves_at(a_series([value] * (5 * PER_DAY), 5 * MINUTE), 5 * PER_DAY - 1)
    assert fitted.all()
    np.testing.assert_allclose(made, 0.0, atol=1e-9)


def test_no_origins_give_no_moves() -> None:
    made, fitted = Ridge(Past(a_load())).moves(np.zeros(0, dtype=np.int64))
    assert made.shape == (0, HORIZON)
    assert fitted.shape == (0,)


def test_a_fit_is_made_once_a_day_and_found_again_by_whoever_has_the_same_history() -> None:
    fits, series = Counted(), a_load(days=6, gaps=0)
    for end in range(5 * PER_DAY, 5 * PER_DAY + 40, 10):
        moves_at(series.part(0, end), end - 1, fits=fits)
    assert fits.made == 1
    ridge = Ridge(Past(series), fits)
    assert_same(ridge.moves(np.array([5 * PER_DAY])), moves_at(series, 5 * PER_DAY))
    assert fits.made == 1
    ridge.moves(np.array([len(series) - 1]))
    assert fits.made == 2


@pytest.mark.parametrize(
    ("at", "again"),
    [
        pytest.param(23 * PER_DAY - 1, True, id="the last bin before midnight"),
        pytest.param(12 * PER_DAY, True, id="two weeks ago"),
        pytest.param(10, False, id="longer ago than a fit reads"),
        pytest.param(23 * PER_DAY, False, id="after midnight"),
    ],
)
def test_a_corrected_history_is_fitted_again_where_the_fit_read_it(at: int, again: bool) -> None:
    fits, series = Counted(), a_load(1, days=23.2, gaps=0)
    origin = 23 * PER_DAY + 20
    before, _ = moves_at(series, origin, fits=fits)
    values = series.values.copy()
    values[at] += 50.0
    corrected = replace(series, values=values)
    after, _ = moves_at(corrected, origin, fits=fits)
    assert fits.made == 1 + again
    np.testing.assert_allclose(after, moves_at(corrected, origin)[0], rtol=1e-7, atol=1e-7)
    assert before.any()


def test_a_fit_belongs_to_the_values_that_it_was_made_from_whatever_their_name() -> None:
    fits, series = Counted(), a_load(days=5, gaps=0)
    for one in (series, replace(series, name="other"), a_load(1, days=5, gaps=0)):
        moves_at(one, len(one) - 1, fits=fits)
    assert fits.made == 2


def test_the_fit_that_was_not_used_for_longest_is_forgotten() -> None:
    fits, made = Fits(most=2), []

    def ask(key: str) -> None:
        fits.get(key, lambda: made.append(key))

    for key in "abacab":
        ask(key)
    assert made == ["a", "b", "c", "b"]
