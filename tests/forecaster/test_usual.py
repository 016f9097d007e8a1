"""Quantiles of a workload's own moves: those of numpy, of the last full hour, and of nothing that came later."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.forecast import HORIZON, LEVELS
from forecaster.past import Past
from forecaster.series import DAY, BoolArray, FloatArray, Series
from forecaster.steps import MAX_STEP, MIN_STEP
from forecaster.usual import GAPS, SPANS_DAYS, Usual, drawn_bins, over_the_horizon, usual_across
from tests.helpers.histories import MINUTE, a_load, a_series, loads, with_another_future

NAN = float("nan")


def usual_at(series: Series, *origins: int) -> tuple[FloatArray, BoolArray]:
    return Usual(Past(series)).at(np.array(origins, dtype=np.int64))


def assert_same(ours: tuple[FloatArray, BoolArray], theirs: tuple[FloatArray, BoolArray]) -> None:
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


@given(loads(), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=25, deadline=None)
def test_the_future_changes_nothing(series: Series, seed: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    made = usual_at(series, origin)
    assert_same(usual_at(with_another_future(series, origin, seed), origin), made)
    assert_same(usual_at(series.part(0, origin + 1), origin), made)


@given(loads(1, 9), st.data())
@settings(max_examples=25, deadline=None)
def test_they_are_the_quantiles_of_all_moves_up_to_the_last_full_hour(series: Series, data: st.DataObject) -> None:
    origin = data.draw(st.integers(276, len(series) - 1))  # before that, holes may leave too few moves
    quantiles, enough = usual_at(series, origin)
    end = (origin + 1) // 12 * 12
    assert enough.all()
    for s, days in enumerate(SPANS_DAYS):
        for g, gap in enumerate(GAPS):
            moves = series.values[gap:end] - series.values[: end - gap]
            expected = np.nanquantile(moves[-days * series.bins_per_day :], LEVELS)
            np.testing.assert_allclose(quantiles[0, s, g], expected, rtol=1e-5, atol=1e-3)


@given(loads(), st.floats(1e-2, 1e7), st.data())
@settings(max_examples=20, deadline=None)
def test_they_scale_with_the_load(series: Series, factor: float, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    (plain, enough), (scaled, still) = usual_at(series, origin), usual_at(series.scaled(factor), origin)
    np.testing.assert_allclose(scaled / factor, plain, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(still, enough)


@given(loads(9, 10), st.integers(1, 287), st.integers(-40, 40))
@settings(max_examples=15, deadline=None)
def test_neither_whole_days_nor_an_older_start_change_them(series: Series, later: int, days: int) -> None:
    origins = np.arange(len(series) - 150, len(series), 37)
    made = usual_at(series, *origins)
    assert_same(usual_at(replace(series, start=series.start + days * DAY), *origins), made)
    assert_same(usual_at(series.part(later, len(series)), *(origins - later)), made)


@given(loads(1, 3), st.permutations(range(0, 280, 9)))
@settings(max_examples=10, deadline=None)
def test_they_are_the_same_in_any_order_and_number(series: Series, order: list[int]) -> None:
    usual = Usual(Past(series))
    for origin in order[:8]:
        usual.at(np.array([origin]))
    assert_same(usual.at(np.array(order)), usual_at(series, *order))


def test_they_stay_as_they_are_until_the_hour_is_full() -> None:
    series = a_load(days=2, gaps=0)
    quantiles, _ = usual_at(series, *range(299, 312))
    assert (quantiles[:-1] == quantiles[0]).all()
    assert (quantiles[-1] != quantiles[0]).any()


@pytest.mark.parametrize(("known", "enough"), [(19, False), (20, True)])
def test_too_few_moves_are_none(known: int, enough: bool) -> None:
    values = np.full(288, NAN)
    values[240 - known - max(GAPS) : 240] = np.arange(known + max(GAPS))
    quantiles, flags = usual_at(a_series(values, 5 * MINUTE), 239)
    assert (flags == enough).all()
    assert (quantiles[0, :, -1] == enough * max(GAPS)).all()


def test_a_flat_load_does_not_move() -> None:
    quantiles, enough = usual_at(a_series([7.0] * 3000), 2999)
    assert not quantiles.any()
    assert enough.all()


def test_what_is_drawn_is_enough_and_never_in_step_with_the_hour() -> None:
    steps = [timedelta(seconds=s) for s in range(15, 301) if 3600 % s == 0]
    assert MIN_STEP in steps
    assert MAX_STEP in steps
    for step in steps:
        hour = timedelta(hours=1) // step
        for days in SPANS_DAYS:
            bins = days * 24 * hour
            drawn = drawn_bins(bins, hour)
            assert math.gcd(int(drawn[1] - drawn[0]), hour) == 1
            assert min(bins, 400) <= len(drawn) <= 2 * 1440


@given(st.integers(0, 239))
@settings(max_examples=12, deadline=None)
def test_an_hourly_job_is_seen_whenever_it_starts(first: int) -> None:
    hour = np.zeros(240)
    hour[(first + np.arange(20)) % 240] = 100.0  # five minutes of each hour, in steps of 15 seconds
    series = a_series(np.tile(hour, 8 * 24), timedelta(seconds=15))
    quantiles, _ = usual_at(series, len(series) - 1)
    rises, falls = quantiles[0, :, GAPS.index(15), -2:], quantiles[0, :, GAPS.index(15), 0]
    np.testing.assert_array_equal(rises, 100.0)
    np.testing.assert_array_equal(falls, -100.0)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_over_the_horizon_they_are_interpolated_and_stay_in_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at_gaps = np.sort(rng.normal(size=(3, len(SPANS_DAYS), len(GAPS), len(LEVELS))), axis=3)
    made = over_the_horizon(at_gaps)
    assert made.shape == (3, len(SPANS_DAYS), HORIZON, len(LEVELS))
    assert (np.diff(made, axis=3) >= -1e-12).all()
    np.testing.assert_allclose(made[:, :, [g - 1 for g in GAPS]], at_gaps, atol=1e-12)
    np.testing.assert_allclose(made[:, :, 1], (at_gaps[:, :, 0] + at_gaps[:, :, 1]) / 2, atol=1e-12)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3), st.integers(0, 8 * 24))
@settings(max_examples=15, deadline=None)
def test_many_workloads_at_one_hour_have_those_that_each_has_alone(seeds: list[int], hours: int) -> None:
    all_loads = [a_load(seed, days=9) for seed in seeds]
    top = len(all_loads[0]) - 12 * hours
    values = np.stack([load.values for load in all_loads], axis=1)

    def raw(first: int, stop: int) -> FloatArray:
        before = np.full((max(-(top + first), 0), len(seeds)), NAN)
        return np.concatenate([before, values[max(top + first, 0) : max(top + stop, 0)]])[: stop - first]

    made, enough = usual_across(raw, 288, 12)
    for column, load in enumerate(all_loads):
        quantiles, flags = usual_at(load.part(0, top), top - 1)
        np.testing.assert_array_equal(made[column], quantiles[0])
        np.testing.assert_array_equal(enough[column], flags[0])
