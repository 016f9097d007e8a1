"""A series: its grid, what is known of it when, coarser bins, and holding the last value over a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecaster.errors import BadHistory
from forecaster.series import Series, held
from tests.helpers.histories import MINUTE, MONDAY, a_series

NAN = float("nan")


def test_a_bin_is_known_when_it_is_over() -> None:
    series = a_series([1, 2, 3])
    assert series.origin(MONDAY) == -1
    assert series.origin(MONDAY + timedelta(seconds=59)) == -1
    assert series.origin(MONDAY + MINUTE) == 0
    assert series.origin(MONDAY + timedelta(days=1)) == 2
    assert series.end == MONDAY + 3 * MINUTE


def test_times_and_indices_are_inverse_inside_and_outside() -> None:
    series = a_series([1, 2, 3], step=5 * MINUTE)
    for index in (-4, 0, 2, 9):
        assert series.index(series.time(index)) == index
        assert series.index(series.time(index) + 4 * MINUTE) == index


def test_a_part_keeps_its_times() -> None:
    part = a_series([1, 2, 3, 4]).part(1, 3)
    assert part.values.tolist() == [2, 3]
    assert part.start == MONDAY + MINUTE


def test_scaling_multiplies_what_is_known() -> None:
    np.testing.assert_array_equal(a_series([1, NAN, 3]).scaled(10).values, [10, NAN, 30])


def test_coarser_bins_are_means_of_what_was_measured() -> None:
    coarse = a_series([1, 3, NAN, 8, NAN, NAN, NAN, 5]).coarser(2 * MINUTE)
    np.testing.assert_array_equal(coarse.values, [2, 8, NAN, 5])


def test_a_coarse_bin_measured_to_less_than_half_is_missing() -> None:
    coarse = a_series([1, NAN, NAN, 2, 4, NAN]).coarser(3 * MINUTE)
    np.testing.assert_array_equal(coarse.values, [NAN, 3])


def test_coarser_bins_are_aligned_with_the_clock_and_whole() -> None:
    series = a_series([1, 2, 3, 4, 5, 6, 7, 8, 9], start=MONDAY + 3 * MINUTE)
    coarse = series.coarser(5 * MINUTE)
    assert coarse.start == MONDAY
    np.testing.assert_array_equal(coarse.values, [NAN, 5])


def test_the_same_step_changes_nothing() -> None:
    series = a_series([1, 2])
    assert series.coarser(MINUTE) is series


@pytest.mark.parametrize("step", [timedelta(seconds=90), timedelta(seconds=30)])
def test_bins_that_do_not_nest_are_refused(step: timedelta) -> None:
    with pytest.raises(BadHistory, match="take a multiple"):
        a_series([1, 2, 3]).coarser(step)


@pytest.mark.parametrize(
    ("start", "step", "values", "found"),
    [
        (datetime(2026, 1, 5), MINUTE, [1.0], "no time zone"),  # noqa: DTZ001
        (MONDAY, timedelta(0), [1.0], "does not divide a day"),
        (MONDAY, timedelta(seconds=-60), [1.0], "does not divide a day"),
        (MONDAY, 7 * MINUTE, [1.0], "does not divide a day"),
        (MONDAY, MINUTE, [[1.0]], "one dimension"),
    ],
)
def test_a_grid_that_is_none_is_refused(start: datetime, step: timedelta, values: list[float], found: str) -> None:
    with pytest.raises(BadHistory, match=found):
        Series(start, step, np.array(values))


def test_a_gap_holds_the_value_before_it() -> None:
    np.testing.assert_array_equal(held(np.array([NAN, 1, NAN, NAN, 4, NAN])), [NAN, 1, 1, 1, 4, 4])
    assert len(held(np.array([]))) == 0


def test_the_start_may_be_in_another_zone() -> None:
    there = datetime.fromisoformat("2026-01-05T02:00:00+02:00")
    assert a_series([1.0], start=there).end == datetime(2026, 1, 5, 0, 1, tzinfo=UTC)
