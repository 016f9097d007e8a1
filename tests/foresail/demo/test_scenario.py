"""What the demo plays: the made-up evening and stretches of traces; the history ends where the load begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.simulation.load import TICK
from controller.simulation.replay import first_replicas, hpa_for
from forecaster.series import DAY, FloatArray, Series
from foresail.demo.scenario import (
    BOUNDS,
    CHATTER,
    CLIENTS,
    CONNECTIONS,
    FEWEST_CLIENTS,
    HISTORY,
    MESSAGES,
    MOST_CLIENTS,
    Scenario,
    from_trace,
    made_up,
    policy,
)
from foresail.errors import UsageError
from tests.helpers.builders import MINUTE
from tests.helpers.histories import a_series

LENGTH = timedelta(hours=4)
POD_START = timedelta(minutes=3)


def a_trace(days: int = 8, step: timedelta = 5 * MINUTE, seed: int = 0) -> FloatArray:
    """A day's wave in bins, a little uneven so that no two are alike."""
    bins = np.arange(days * (DAY // step))
    wave = 1000 + 900 * np.sin(2 * np.pi * bins / (DAY // step))
    return np.asarray(wave + np.random.default_rng(seed).uniform(0, 50, len(bins)))


def check_joints(scenario: Scenario, length: timedelta) -> None:
    """History and load are of the policy's signals, the one ends where the other starts, and nothing is missing."""
    load = scenario.load
    assert len(load) * load.tick == length
    assert {s.name for s in scenario.history} == set(load.signals) == {s.name for s in scenario.policy.signals}
    assert all(s.end == load.start for s in scenario.history)
    assert load.stock == CONNECTIONS
    assert load.known.all()


@pytest.mark.parametrize("seed", range(21))
def test_every_seed_makes_an_evening(seed: int) -> None:
    scenario = made_up(seed, LENGTH, POD_START)
    check_joints(scenario, LENGTH)
    level = scenario.load.signals[CONNECTIONS]
    assert level.max() <= 1.5 * CLIENTS
    assert level.min() >= 20
    for series in scenario.history:
        assert series.step == MINUTE
        assert series.end - series.start == HISTORY
    for segment in scenario.segments:
        assert scenario.load.start <= segment.start < segment.end <= scenario.load.start + LENGTH


def test_the_same_seed_makes_the_same_load() -> None:
    one, again, other = (made_up(seed, LENGTH, POD_START) for seed in (5, 5, 6))
    for name in one.load.signals:
        assert np.array_equal(one.load.signals[name], again.load.signals[name])
        assert not np.array_equal(one.load.signals[name], other.load.signals[name])
    assert np.array_equal(one.load.opens, again.load.opens)
    assert np.array_equal(one.history[0].values, again.history[0].values)


def test_the_rise_recurs_every_evening_and_the_flash_crowd_does_not() -> None:
    scenario = made_up(0, LENGTH, POD_START)
    rise, flash = scenario.segments
    connections = next(s for s in scenario.history if s.name == CONNECTIONS)
    level = scenario.load.signals[CONNECTIONS]

    def grown(day: int) -> float:
        """By how much the load of a day before grew in the segment."""
        first = connections.index(rise.start - day * DAY)
        return float(np.ptp(connections.values[first : first + (rise.end - rise.start) // MINUTE]))

    assert all(grown(day) > 90 for day in range(1, 8))
    first = (flash.start - scenario.load.start) // TICK
    before, during = level[first], level[first : first + timedelta(minutes=15) // TICK].max()
    assert during - before > 70


@pytest.mark.parametrize("length", [timedelta(minutes=59), timedelta(hours=25), timedelta(0)])
def test_a_run_that_is_too_short_or_too_long_is_refused(length: timedelta) -> None:
    with pytest.raises(UsageError, match="minutes times --speed"):
        made_up(0, length, POD_START)
    with pytest.raises(UsageError, match="minutes times --speed"):
        from_trace(a_series(a_trace(), 5 * MINUTE), 100, length, POD_START, 0)


@settings(max_examples=20)
@given(clients=st.integers(FEWEST_CLIENTS, MOST_CLIENTS), hours=st.integers(1, 12), seed=st.integers(0, 100))
def test_a_trace_is_scaled_to_the_clients_at_its_highest(clients: int, hours: int, seed: int) -> None:
    length = timedelta(hours=hours)
    scenario = from_trace(a_series(a_trace(seed=seed), 5 * MINUTE), clients, length, POD_START, seed)
    check_joints(scenario, length)
    assert scenario.load.signals[CONNECTIONS].max() == clients


@pytest.mark.parametrize("step", [MINUTE, 5 * MINUTE, timedelta(hours=1)])
def test_the_history_of_a_trace_is_what_was_before_and_nothing_of_what_comes(step: timedelta) -> None:
    values = a_trace(step=step)
    trace = a_series(values, step)
    scenario = from_trace(trace, 300, LENGTH, POD_START, 0)
    first = trace.index(scenario.load.start)
    live = values[first : first + LENGTH // step]
    connections = next(s for s in scenario.history if s.name == CONNECTIONS)
    assert connections.step == step
    assert np.array_equal(connections.values, np.rint(values[:first] * 300 / live.max()))
    assert np.array_equal(scenario.load.signals[CONNECTIONS], np.repeat(np.rint(live * 300 / live.max()), step // TICK))
    assert first >= 0.7 * len(values)


def test_the_history_is_at_most_four_weeks() -> None:
    trace = a_series(a_trace(days=120, step=timedelta(hours=1)), timedelta(hours=1))
    scenario = from_trace(trace, 100, LENGTH, POD_START, 0)
    assert all(s.end - s.start == 28 * DAY for s in scenario.history)


def test_a_gap_is_never_played_and_stays_a_gap_in_the_history() -> None:
    values = a_trace()
    values[300:310] = np.nan
    values[len(values) * 8 // 10] = np.nan
    scenario = from_trace(a_series(values, 5 * MINUTE), 100, LENGTH, POD_START, 0)
    assert scenario.load.known.all()
    for series in scenario.history:
        assert np.isnan(series.values[300:310]).all()
        assert series.known[:300].all()


@pytest.mark.parametrize(
    "trace",
    [
        a_series(np.full(8 * 288, 7.0), 5 * MINUTE),
        a_series(np.zeros(8 * 288), 5 * MINUTE),
        a_series(a_trace(days=3), 5 * MINUTE),
        a_series(np.where(np.arange(8 * 288) % 12, a_trace(), np.nan), 5 * MINUTE),
    ],
    ids=["constant", "zero", "short", "full of gaps"],
)
def test_a_trace_with_nothing_to_show_is_refused(trace: Series) -> None:
    with pytest.raises(UsageError, match="choose a longer trace"):
        from_trace(trace, 100, LENGTH, POD_START, 0)


def test_bins_that_are_not_whole_ticks_are_refused() -> None:
    step = timedelta(seconds=80)
    with pytest.raises(UsageError, match=r"0:01:20 are not whole ticks of 0:00:15; resample"):
        from_trace(a_series(a_trace(step=step), step), 100, LENGTH, POD_START, 0)


def test_the_messages_follow_the_clients() -> None:
    scenario = made_up(3, LENGTH, POD_START)
    each = scenario.load.signals[MESSAGES] / scenario.load.signals[CONNECTIONS]
    assert each.mean() == pytest.approx(1 / 30, rel=0.2)
    assert each.min() > 0


def test_the_most_clients_are_those_for_which_the_hpa_needs_every_pod_and_no_more() -> None:
    unbounded = replace(hpa_for(policy(POD_START)), max_replicas=1000)
    needs = [
        first_replicas(unbounded, {CONNECTIONS: c, MESSAGES: c * CHATTER}) for c in (MOST_CLIENTS, MOST_CLIENTS + 1)
    ]
    assert needs == [BOUNDS.max_replicas, BOUNDS.max_replicas + 1]
