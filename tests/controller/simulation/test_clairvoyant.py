"""The clairvoyant against every replica series there is, on short loads, and against the world that it is played in.

* at any price no series costs less, pods and overload together;
* without a budget it is exact, with one it keeps it, and more budget never costs more;
* what it promises is what a replay of it shows: overload and pod-ticks;
* ticks that do not count cost nothing; what the bounds cannot carry is given up.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.domain import Bounds
from controller.simulation.clairvoyant import Hindsight, Plan, hindsight
from controller.simulation.replay import play
from controller.simulation.replica_series import ReplicaSeries
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from forecaster.series import IntArray
from tests.helpers.builders import MESSAGES, a_policy
from tests.helpers.worlds import a_load, connections, messages, wave

BOUNDS = Bounds(1, 3)
EVERY = np.array(list(product((1, 2, 3), repeat=7)))
"""[series, 7], every replica series of six ticks, the first column what is there before them."""


@st.composite
def cases(draw: st.DrawFn) -> Hindsight:
    needs = draw(st.lists(st.integers(0, 4), min_size=6, max_size=6))
    counted = draw(st.lists(st.booleans() | st.just(True), min_size=6, max_size=6))
    return Hindsight(np.array(needs), np.array(counted), BOUNDS, draw(st.integers(1, 4)), draw(st.integers(0, 2)))


def ready(series: IntArray, start: int) -> IntArray:
    """[series, ticks], pods that stood for the whole start before each tick."""
    stood = np.concatenate([np.repeat(series[:, :1], start, axis=1), series[:, 1:]], axis=1)
    made: IntArray = np.stack([stood[:, k : k + start].min(axis=1) for k in range(series.shape[1] - 1)], axis=1)
    return made


def overloads(case: Hindsight, series: IntArray) -> IntArray:
    short: IntArray = ((ready(series, case.start_ticks) < case.needs) & case.counted).sum(axis=1)
    return short


def costs(case: Hindsight, series: IntArray) -> IntArray:
    paid = (series[:, 1:] * case.counted).sum(axis=1)
    total: IntArray = paid + case.drain_ticks * np.maximum(-np.diff(series, axis=1), 0).sum(axis=1)
    return total


def as_series(plan: Plan) -> IntArray:
    return np.array([[plan.first, *plan.replicas]])


def whole(case: Hindsight) -> Hindsight:
    return replace(case, counted=np.ones(6, dtype=np.bool_))


# What is there at the first tick is not paid: it may carry that tick and go, within a run of equal needs.
@example(Hindsight(np.array([2, 2, 0, 0, 0, 0]), np.ones(6, dtype=np.bool_), BOUNDS, 1), 1)
@given(cases().map(whole), st.integers(0, 40))
def test_at_a_price_no_series_costs_less(case: Hindsight, halves: int) -> None:
    price = halves / 2
    mine = as_series(case.at_price(price))
    least = (costs(case, EVERY) + price * overloads(case, EVERY)).min()
    assert costs(case, mine)[0] + price * overloads(case, mine)[0] == pytest.approx(least)


@given(cases())
def test_it_promises_what_its_replicas_do(case: Hindsight) -> None:
    for budget in (0, 2):
        plan = case.cheapest(budget)
        assert plan.overloaded == overloads(case, as_series(plan))[0]


@given(cases().map(whole))
def test_without_a_budget_it_is_exact(case: Hindsight) -> None:
    fewest = overloads(case, EVERY).min()
    plan = case.cheapest(0)
    assert plan.overloaded == fewest
    assert costs(case, as_series(plan))[0] == costs(case, EVERY[overloads(case, EVERY) == fewest]).min()


# Where two plans are joined the change itself costs, here more than it spares.
@example(Hindsight(np.array([3, 2, 0, 3, 3, 4]), np.ones(6, dtype=np.bool_), BOUNDS, 2, 2), 2)
@given(cases().map(whole), st.integers(1, 5))
def test_a_budget_is_kept_and_worth_something(case: Hindsight, budget: int) -> None:
    plan, strict = case.cheapest(budget), case.cheapest(0)
    allowed = max(budget, strict.overloaded)
    assert plan.overloaded <= allowed
    least = costs(case, EVERY[overloads(case, EVERY) <= allowed]).min()
    assert least <= costs(case, as_series(plan))[0] <= costs(case, as_series(strict))[0]


def test_the_budget_between_two_prices_is_spent_as_well() -> None:
    needs = np.tile([1] * 12 + [3] * 4, 10)
    case = Hindsight(needs, np.ones(len(needs), dtype=np.bool_), BOUNDS, 2)
    paid = [int(case.cheapest(budget).replicas.sum()) for budget in (0, 4, 12, 20, 40)]
    # Each hump given up saves two pods over its four ticks and the one in which they start.
    assert paid == [160 + 10 * 10 - spared for spared in (0, 10, 30, 50, 100)]


def test_ticks_that_do_not_count_are_not_paid_for() -> None:
    needs = np.array([1, 1, 3, 3, 1, 1, 2, 1])
    case = Hindsight(needs, np.arange(8) > 3, BOUNDS, 1)
    assert case.cheapest(0).replicas[4:].tolist() == [1, 2, 1, 1]


@pytest.mark.parametrize("pod_start", [0, 60, 240])
def test_a_replay_shows_what_was_promised(pod_start: int) -> None:
    load = a_load(messages([20 * level for level in wave(240, period=60)]))
    policy = a_policy(signals=[MESSAGES])
    world = WorldSettings(pod_start=timedelta(seconds=pod_start))
    case = hindsight(load, policy, world)
    for budget in (0, 40):
        plan = case.cheapest(budget)
        figures = score(play(load, {"messages": MESSAGES.capacity_per_pod}, world, ReplicaSeries(plan, load)))
        assert figures.overload_minutes * 4 == plan.overloaded <= budget
        falls = np.maximum(-np.diff([plan.first, *plan.replicas]), 0).sum()
        assert figures.pod_minutes * 4 == plan.replicas.sum() + falls


def test_connections_that_stay_do_not_change_the_overload() -> None:
    load, policy = a_load(connections(wave(120))), a_policy()
    plan = hindsight(load, policy, WorldSettings()).cheapest(0)
    run = play(load, {"connections": 20.0}, WorldSettings(), ReplicaSeries(plan, load))
    assert score(run).overload_minutes == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="needs of 2 ticks, 1 marked"):
        Hindsight(np.array([1, 2]), np.array([True]), BOUNDS, 1)
    with pytest.raises(ValueError, match="a start of 0 ticks, a drain of 0"):
        Hindsight(np.array([1]), np.array([True]), BOUNDS, 0)
