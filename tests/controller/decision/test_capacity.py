"""The window that is planned for, pods for a load, and the chance that so many pods are too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.capacity import overload_chances, planning_window, pods_for
from controller.domain import RampDown
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.series import FloatArray
from tests.helpers.builders import CONNECTIONS, MINUTE, a_policy

seconds = st.integers(0, 1800).map(lambda s: timedelta(seconds=s))


@pytest.mark.parametrize(
    ("lead_s", "hold_s", "lag_s", "last"),
    [
        (60, 300, 30, 8),
        (0, 0, 0, 1),
        (60, 300, 0, 7),
        (240, 300, 30, 11),
        (240, 900, 30, HORIZON),
        (3600, 300, 30, HORIZON),
    ],
)
def test_the_window_for_known_lead_times(lead_s: int, hold_s: int, lag_s: int, last: int) -> None:
    policy = a_policy(lead_time=timedelta(seconds=lead_s), ramp_down=RampDown(hold=timedelta(seconds=hold_s)))
    assert planning_window(policy, MINUTE, timedelta(seconds=lag_s)) == Window(1, last)


@given(
    lead=seconds, hold=seconds, lag=seconds, step=st.sampled_from([15, 60, 300]), use=st.floats(0, 1, exclude_max=True)
)
def test_the_window_covers_lead_time_and_hold_whenever_the_forecast_is_in_use(
    lead: timedelta, hold: timedelta, lag: timedelta, step: int, use: float
) -> None:
    width = timedelta(seconds=step)
    window = planning_window(a_policy(lead_time=lead, ramp_down=RampDown(hold=hold)), width, lag)
    latest = lag + use * width + lead + hold  # since the end of the origin
    assert window.first == 1
    assert latest <= window.last * width or window.last == HORIZON


@given(lead=seconds, hold=seconds, lag=seconds)
def test_the_window_is_no_wider_than_one_step_of_use_demands(lead: timedelta, hold: timedelta, lag: timedelta) -> None:
    window = planning_window(a_policy(lead_time=lead, ramp_down=RampDown(hold=hold)), MINUTE, lag)
    assert window.last * MINUTE < lag + lead + hold + 2 * MINUTE


@pytest.mark.parametrize(
    ("load", "pods"), [(0, 0), (1, 1), (20, 1), (20.001, 2), (171, 9), (180, 9), (20 * (0.1 + 0.2) * 10, 3), (-5, 0)]
)
def test_pods_for_a_load(load: float, pods: int) -> None:
    assert pods_for(load, CONNECTIONS) == pods


@given(n=st.integers(1, 100_000), capacity=st.floats(1e-3, 1e6))
def test_n_capacities_are_carried_by_n_pods(n: int, capacity: float) -> None:
    assert pods_for(n * capacity, replace(CONNECTIONS, capacity_per_pod=capacity)) == n


@given(low=st.floats(0, 1e9), more=st.floats(0, 1e9))
def test_more_load_never_needs_fewer_pods(low: float, more: float) -> None:
    assert pods_for(low + more, CONNECTIONS) >= pods_for(low, CONNECTIONS)


def chances(peak: Sequence[float], capacity: float = 20.0, most: int = 40) -> FloatArray:
    return overload_chances(LEVELS, tuple(peak), capacity, most)


def test_at_its_levels_the_chance_is_what_the_forecast_says() -> None:
    peak = [20.0 * k for k in (1, 2, 3, 5, 8, 9, 10, 14)]
    np.testing.assert_allclose(chances(peak)[[1, 2, 3, 5, 8, 9, 10, 14]], 1 - np.array(LEVELS), atol=1e-6)
    np.testing.assert_allclose(chances(peak)[4], 0.625, atol=1e-6, err_msg="between levels in proportion")


def test_above_the_highest_level_it_goes_on_falling_as_between_the_last_two() -> None:
    peak = [20.0 * k for k in (1, 2, 3, 5, 8, 9, 10, 14)]
    np.testing.assert_allclose(chances(peak)[[18, 22]], [0.01 / 5, 0.01 / 25], rtol=1e-6)


def test_what_a_forecast_is_certain_of_needs_exactly_so_many_pods() -> None:
    made = chances([180.0] * len(LEVELS))
    assert (made[:9] == 1).all()
    assert not made[9:].any()


@given(st.lists(st.floats(0, 1e9), min_size=8, max_size=8).map(sorted), st.floats(1e-3, 1e6), st.integers(0, 300))
def test_chances_are_chances_and_more_pods_are_never_more_in_danger(
    peak: list[float], capacity: float, most: int
) -> None:
    made = chances(peak, capacity, most)
    assert made.shape == (most + 1,)
    assert ((made >= 0) & (made <= 1)).all()
    assert (np.diff(made) <= 1e-12).all()


@given(st.lists(st.floats(0, 1e6), min_size=8, max_size=8).map(sorted), st.floats(0, 1e5))
def test_a_higher_peak_is_never_less_dangerous(peak: list[float], more: float) -> None:
    assert (chances([q + more for q in peak]) >= chances(peak) - 1e-9).all()
