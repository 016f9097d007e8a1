"""The window that a new pod must cover, and pods for a load: exact at multiples, monotone, clipped to the horizon."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.capacity import planning_window, pods_for, replicas_for
from controller.domain import RampDown
from forecaster.forecast import HORIZON, LEVELS, Window
from tests.helpers.builders import CONNECTIONS, MINUTE, a_forecast, a_policy

seconds = st.integers(0, 1800).map(lambda s: timedelta(seconds=s))


@pytest.mark.parametrize(
    ("lead_s", "hold_s", "lag_s", "expected"),
    [
        (60, 300, 30, Window(2, 8)),
        (0, 0, 0, Window(1, 1)),
        (60, 300, 0, Window(2, 7)),
        (240, 300, 30, Window(5, 11)),
        (240, 900, 30, Window(5, HORIZON)),
        (3600, 300, 30, Window(HORIZON, HORIZON)),
    ],
)
def test_the_window_for_known_lead_times(lead_s: int, hold_s: int, lag_s: int, expected: Window) -> None:
    policy = a_policy(lead_time=timedelta(seconds=lead_s), ramp_down=RampDown(hold=timedelta(seconds=hold_s)))
    assert planning_window(policy, MINUTE, timedelta(seconds=lag_s)) == expected


@given(
    lead=seconds, hold=seconds, lag=seconds, step=st.sampled_from([15, 60, 300]), use=st.floats(0, 1, exclude_max=True)
)
def test_the_window_covers_lead_time_to_hold_whenever_the_forecast_is_in_use(
    lead: timedelta, hold: timedelta, lag: timedelta, step: int, use: float
) -> None:
    width = timedelta(seconds=step)
    window = planning_window(a_policy(lead_time=lead, ramp_down=RampDown(hold=hold)), width, lag)
    now = lag + use * width  # since the end of the origin
    earliest, latest = now + lead, now + lead + hold
    assert (window.first - 1) * width <= earliest or window.first == HORIZON
    assert latest <= window.last * width or window.last == HORIZON


@given(lead=seconds, hold=seconds, lag=seconds)
def test_the_window_is_no_wider_than_one_step_of_use_demands(lead: timedelta, hold: timedelta, lag: timedelta) -> None:
    window = planning_window(a_policy(lead_time=lead, ramp_down=RampDown(hold=hold)), MINUTE, lag)
    assert (window.last - window.first + 1) * MINUTE < hold + 3 * MINUTE


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


def test_replicas_follow_the_quantile_of_the_peak_and_not_of_a_step() -> None:
    peak = tuple(100.0 * level for level in LEVELS)
    forecast = replace(a_forecast(peak=1e6), peak=peak)
    assert replicas_for(forecast, CONNECTIONS, 0.5) == 3
    assert replicas_for(forecast, CONNECTIONS, 0.99) == 5
    assert replicas_for(forecast, CONNECTIONS, 0.7) == 4, "between 0.5 and 0.75 it is interpolated"
