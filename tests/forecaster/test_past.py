"""A series prepared once: what a missing bin holds, where hours and days begin, and means of what was measured."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.errors import NoForecast
from forecaster.past import Past, mean_before, out_of_step, running
from forecaster.series import DAY, Series
from tests.helpers.histories import MINUTE, MONDAY, a_load, a_series, loads

NAN = float("nan")
HOUR = timedelta(hours=1)
STEPS = st.sampled_from([timedelta(seconds=15), timedelta(seconds=30), MINUTE, 5 * MINUTE])


@given(STEPS, st.integers(0, 10**5), st.integers(1, 5000))
@settings(max_examples=60, deadline=None)
def test_hours_and_days_end_with_the_clock_and_never_after_the_origin(step: timedelta, late: int, bins: int) -> None:
    series = a_series(np.ones(bins), step, MONDAY + late * step)
    past, origins = Past(series), np.arange(bins)
    hours, midnights = past.last_hour(origins), past.midnight(origins)
    for origin in {0, bins // 2, bins - 1}:
        now = series.time(origin + 1)
        hour, midnight = series.time(int(hours[origin])), series.time(int(midnights[origin]))
        assert midnight == now.replace(hour=0, minute=0, second=0)
        assert hour == max(now.replace(minute=0, second=0), series.start)


@given(loads(1, 3), st.integers(0, 400))
@settings(max_examples=30, deadline=None)
def test_where_a_history_starts_does_not_move_hours_and_days(series: Series, later: int) -> None:
    later = min(later, len(series) - 1)
    whole, part = Past(series), Past(series.part(later, len(series)))
    origins = np.arange(later, len(series))
    np.testing.assert_array_equal(part.midnight(origins - later) + later, whole.midnight(origins))
    full_hours = whole.last_hour(origins) >= later
    np.testing.assert_array_equal(
        part.last_hour(origins - later)[full_hours] + later, whole.last_hour(origins)[full_hours]
    )


@pytest.mark.parametrize("seconds", [27, 32, 288, 3600 * 8])
def test_hours_are_those_of_the_day_also_where_a_step_does_not_divide_them(seconds: int) -> None:
    step = timedelta(seconds=seconds)
    series = a_series(np.ones(3 * (DAY // step)), step)
    whole, late = Past(series), Past(series.part(DAY // step, len(series)))
    origins = np.arange(2 * (DAY // step), len(series))
    tops = whole.last_hour(origins)
    np.testing.assert_array_equal(late.last_hour(origins - DAY // step) + DAY // step, tops)
    for origin, top in zip(origins.tolist(), tops.tolist(), strict=True):
        full_hour = series.time(origin + 1).replace(minute=0, second=0)
        assert top == (full_hour - series.start) // step


def test_a_missing_bin_holds_the_value_before_it_and_the_first_one_reaches_back() -> None:
    past = Past(a_series([NAN, NAN, 3.0, NAN, 5.0, NAN]))
    assert past.first == 2
    assert past.at(np.arange(-2, 8)).tolist() == [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 5.0, 5.0, 5.0, 5.0]
    assert past.is_known(np.arange(-2, 6)).tolist() == [0, 0, 0, 0, 1, 0, 1, 0]


def test_a_move_has_both_of_its_ends() -> None:
    past = Past(a_series([1.0, 4.0, NAN, 9.0, 16.0]))
    np.testing.assert_array_equal(past.move(1), [NAN, 3.0, NAN, NAN, 7.0])
    np.testing.assert_array_equal(past.move(2), [NAN, NAN, NAN, 5.0, NAN])
    assert np.isnan(past.move(7)).all()


@given(loads(1, 2), st.integers(1, 700), st.data())
@settings(max_examples=30, deadline=None)
def test_a_mean_is_of_what_was_measured_in_its_window(series: Series, back: int, data: st.DataObject) -> None:
    end = data.draw(st.integers(1, len(series)))
    past = Past(series)
    window = series.values[max(end - back, 0) : end]
    expected = 0.0 if np.isnan(window).all() else float(np.nanmean(window))
    made = mean_before(past.sizes, past.present, np.array([end]), back)
    assert made.tolist() == pytest.approx([expected], rel=1e-9, abs=1e-9)


def test_a_window_without_a_measured_bin_has_a_mean_of_zero() -> None:
    counts = running(np.zeros(4))
    assert mean_before(counts, counts, np.array([0, 4]), 3).tolist() == [0.0, 0.0]


def test_a_load_below_zero_has_a_size_too() -> None:
    assert Past(a_series([-1.0, 1.0, NAN])).sizes.tolist() == [0.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("values", "origin", "message"),
    [
        pytest.param([NAN, NAN], 0, "load: none of its 2 bins was measured; give a history", id="nothing measured"),
        pytest.param([1.0, 2.0], 2, "the series ends at 2026-01-05 00:02", id="after its end"),
        pytest.param([NAN, 2.0], 0, "the first known bin starts at 2026-01-05 00:01", id="before its first value"),
    ],
)
def test_an_origin_without_a_past_is_refused(values: list[float], origin: int, message: str) -> None:
    with pytest.raises(NoForecast, match=message):
        Past(a_series(values)).check(np.array([origin]))


def test_no_origins_and_origins_inside_are_taken() -> None:
    past = Past(a_load(days=1))
    past.check(np.zeros(0, dtype=np.int64))
    past.check(np.array([0, len(past.series) - 1]))


@given(st.integers(-30, 30), loads(1, 1))
@settings(max_examples=10, deadline=None)
def test_the_phase_is_that_of_the_day(days: int, series: Series) -> None:
    shifted = a_series(series.values, series.step, series.start + days * DAY + HOUR)
    assert Past(shifted).phase == 12


@given(st.integers(1, 9), st.integers(-500, 500), loads(1, 1))
@settings(max_examples=20, deadline=None)
def test_every_so_manieth_bin_is_the_same_wherever_a_history_starts(stride: int, bins: int, series: Series) -> None:
    def ends(start: int) -> set[datetime]:
        one = a_series(series.values, series.step, series.start + start * series.step)
        return {one.time(int(k) + 1) for k in Past(one).every(stride, 0, len(one))}

    here, there = ends(0), ends(bins)
    assert len(here) in (len(series) // stride, -(-len(series) // stride))
    shared = (max(0, bins) * series.step + series.start, (len(series) + min(0, bins)) * series.step + series.start)
    within = [{end for end in some if shared[0] < end <= shared[1]} for some in (here, there)]
    assert within[0] == within[1]


@given(st.integers(-2, 100), st.sampled_from([6, 12, 60, 240]))
def test_out_of_step_with_the_hour_an_hour_is_seen_at_every_minute(stride: int, hour: int) -> None:
    made = out_of_step(stride, hour)
    assert made >= max(stride, 1)
    assert len({k * made % hour for k in range(hour)}) == hour
