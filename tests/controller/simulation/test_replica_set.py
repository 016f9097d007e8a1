"""The pods of a workload: how they start, and which of them end first.

* starts are fixed, or lognormal with the median and p95 that were given; failed ones wait as the kubelet waits;
* surplus pods end in the order of a ReplicaSet: without a node, not ready, doubled up, young, by UID;
* pods are conserved, ended ones hold their place and their node's for the drain, and a seed gives the same pods.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.nodes import Node, NodeSettings
from controller.simulation.replica_set import Pod, PodStart, ReplicaSet, Uids, first_to_end
from tests.helpers.builders import at

MINUTE = timedelta(minutes=1)
TICK = timedelta(seconds=15)
FIXED = PodStart(MINUTE, MINUTE)


def seconds(start: PodStart, count: int, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [start.draw(rng).total_seconds() for _ in range(count)]


def some_pods(start: PodStart = FIXED, nodes: NodeSettings | None = None, seed: int = 0) -> ReplicaSet:
    return ReplicaSet(start, nodes, TICK, seed)


def test_a_fixed_start_takes_always_the_same() -> None:
    assert set(seconds(FIXED, 20)) == {60.0}


def test_a_start_has_the_median_and_the_p95_that_were_given() -> None:
    drawn = seconds(PodStart(MINUTE, 3 * MINUTE), 20_000)
    assert np.quantile(drawn, [0.5, 0.95]) == pytest.approx([60, 180], rel=0.05)
    assert min(drawn) > 0


def test_a_quantile_of_starts_is_what_so_many_draws_take_at_most() -> None:
    start, rng = PodStart(timedelta(seconds=40), timedelta(seconds=120)), np.random.default_rng(0)
    assert start.quantile(0.5) == start.median
    assert start.quantile(0.95).total_seconds() == pytest.approx(120)
    taken = [start.draw(rng) for _ in range(4000)]
    assert sum(one <= start.quantile(0.9) for one in taken) == pytest.approx(0.9 * 4000, rel=0.02)
    fixed = PodStart(timedelta(0), timedelta(0))
    assert fixed.quantile(0.9) == timedelta(0)


def test_a_failed_start_is_begun_again_at_once_and_then_after_growing_delays() -> None:
    drawn = seconds(PodStart(MINUTE, MINUTE, failed=0.5), 20_000)
    delays = [0, 0, 10, 20, 40, 80, 160, 300, 300]
    possible = np.cumsum([60 + delay for delay in delays])
    assert set(drawn) > set(possible[:7])
    assert set(drawn) <= {*possible, *(possible[-1] + 360 * n for n in range(1, 20))}
    for failures in range(4):
        assert np.mean(np.array(drawn) > possible[failures]) == pytest.approx(0.5 ** (failures + 1), abs=0.02)


@pytest.mark.parametrize(
    "start", [(-1.0, 60.0, 0.0), (60.0, 59.0, 0.0), (0.0, 60.0, 0.0), (60.0, 60.0, 1.0), (60.0, 60.0, -0.1)]
)
def test_a_start_that_cannot_be_is_refused(start: tuple[float, float, float]) -> None:
    median, p95, failed = start
    with pytest.raises(ValueError, match="must be"):
        PodStart(timedelta(seconds=median), timedelta(seconds=p95), failed)


def test_the_order_of_ending_is_that_of_a_replica_set() -> None:
    now = at(minutes=10)
    lonely, crowded, coming = Node(at(), at()), Node(at(), at()), Node(at(minutes=11), at())
    old = Pod(0.9, at(), at(minutes=1), lonely)
    doubled = [Pod(0.8, at(), at(minutes=1), crowded), Pod(0.1, at(), at(minutes=1), crowded)]
    unready = Pod(0.5, at(), at(minutes=11), lonely)
    unassigned = Pod(0.7, at(minutes=9), at(minutes=12), coming)
    young = Pod(0.6, at(), at(minutes=9, seconds=30), Node(at(), at()))
    pods = [old, *doubled, unready, unassigned, young]
    third = Pod(0.2, at(), at(minutes=1), crowded)
    ordered = first_to_end([*pods, third], {old, *doubled, young, third}, now)
    assert ordered == [unassigned, unready, doubled[1], third, doubled[0], old, young]


def test_without_nodes_the_youngest_end_first_by_power_of_two_of_their_age_and_then_by_uid() -> None:
    now = at(minutes=60)
    ages = {0.3: 600, 0.2: 300, 0.9: 301, 0.1: 3600, 0.4: 0}  # 2**38 ns are 275 s, 2**39 are 550 s
    pods = {uid: Pod(uid, at(), now - timedelta(seconds=age), None) for uid, age in ages.items()}
    assert [pod.uid for pod in first_to_end([*pods.values()], {*pods.values()}, now)] == [0.4, 0.2, 0.9, 0.3, 0.1]


@given(st.lists(st.integers(0, 12), max_size=40), st.integers(0, 2**32), st.booleans())
def test_pods_are_conserved(replicas: list[int], seed: int, on_nodes: bool) -> None:
    start = PodStart(MINUTE, 3 * MINUTE, failed=0.3)
    pods = some_pods(start, NodeSettings(3) if on_nodes else None, seed)
    pods.begin(3, at())
    ready = 3
    for tick, asked in enumerate(replicas):
        now = at(seconds=15 * tick)
        ready += pods.become_ready(now)
        ended = pods.scale(asked, now)
        assert ended == sorted(set(ended))
        assert all(0 <= place < ready for place in ended)
        ready -= len(ended)
        assert len(pods) == asked >= ready
        assert pods.ending == len(ended)


def test_a_pod_takes_its_start_and_its_nodes_to_become_ready() -> None:
    pods = some_pods(nodes=NodeSettings(2, start=2 * MINUTE))
    pods.begin(1, at())
    pods.scale(3, at())
    assert pods.become_ready(at(seconds=59)) == 0
    assert pods.become_ready(at(seconds=60)) == 1
    assert pods.become_ready(at(seconds=179)) == 0
    assert pods.become_ready(at(seconds=180)) == 1


def test_a_pod_that_drains_holds_its_place_on_its_node() -> None:
    pods = ReplicaSet(FIXED, NodeSettings(1), 2 * MINUTE, 0)
    pods.begin(2, at())
    assert len(pods.scale(1, at())) == 1
    assert (len(pods), pods.ending) == (1, 1)
    pods.scale(2, at(minutes=1))
    assert pods.become_ready(at(minutes=2)) == 0
    pods.scale(2, at(minutes=3))
    assert pods.ending == 0
    assert pods.become_ready(at(minutes=4)) == 1


def test_pods_that_were_not_ready_are_gone_at_once() -> None:
    pods = some_pods()
    pods.begin(1, at())
    pods.scale(4, at())
    assert pods.scale(1, at()) == []
    assert pods.ending == 0


def test_without_a_drain_a_pod_is_gone_at_once() -> None:
    pods = ReplicaSet(FIXED, None, timedelta(0), 0)
    pods.begin(2, at())
    assert len(pods.scale(1, at())) == 1
    assert pods.ending == 0


def test_uids_are_those_of_the_seed() -> None:
    one, same, other = Uids(1), Uids(1), Uids(2)
    uids = [one.next() for _ in range(5)]
    assert uids == [same.next() for _ in range(5)] != [other.next() for _ in range(5)]
    assert len(set(uids)) == 5
