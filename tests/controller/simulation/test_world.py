"""Pods and connections: nothing is lost or made, and each rule of the tick in its order.

* pods and connections are conserved whatever the scaler does;
* pods become ready after their start, surplus ones end in the order of a ReplicaSet, broken connections come back;
* a pod at its limit turns clients away, who try again; without a ready pod all are turned away;
* clients spread evenly, and closing ones are drawn evenly from all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.world import World, WorldSettings
from tests.helpers.worlds import a_load, connections, messages

SETTINGS = WorldSettings()


def still(*levels: float) -> Load:
    """A load without churn, one level per minute."""
    return load_from_series([connections(levels)], TICK, timedelta(days=9999), 0)


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=10),
    st.lists(st.integers(0, 12), min_size=40, max_size=40),
    st.integers(0, 2**32),
)
def test_pods_and_connections_are_conserved(levels: list[float], replicas: list[int], seed: int) -> None:
    load = a_load(connections(levels), seed=seed)
    world = World(load, 20.0, replace(SETTINGS, seed=seed), 3)
    created, ended = 3, 0
    for tick in range(len(load)):
        clients = int(world.connections.sum()) + world.waiting
        measured = world.advance(tick)
        assert measured.connections + measured.waiting == load.signals["connections"][tick]
        assert measured.opened + measured.refused == clients - load.closes[tick] + load.opens[tick] - (
            measured.connections - measured.opened
        )
        assert measured.ready <= world.pods
        assert world.connections.max(initial=0) <= 30
        before = world.pods
        broken = world.scale(replicas[tick], load.time(tick))
        created, ended = created + max(0, replicas[tick] - before), ended + max(0, before - replicas[tick])
        assert world.pods == created - ended == replicas[tick]
        assert world.waiting == measured.waiting + broken


def test_a_pod_takes_traffic_when_its_start_is_over() -> None:
    load = still(10, 10, 10)
    world = World(load, 20.0, SETTINGS, 1)
    ready = []
    for tick in range(6):
        ready.append(world.advance(tick).ready)
        world.scale(2, load.time(tick))
    assert ready == [1, 1, 1, 1, 2, 2]


def test_connections_stay_where_they_are_after_a_scale_up() -> None:
    load = still(10, 10, 10)
    world = World(load, 20.0, replace(SETTINGS, pod_start=timedelta(0)), 1)
    world.advance(0)
    world.scale(2, load.time(0))
    assert world.advance(1).ready == 2
    assert world.connections.tolist() == [10, 0]


def test_surplus_pods_end_unready_ones_first_and_then_the_youngest() -> None:
    load = still(40, 40, 40, 40)
    world = World(load, 20.0, SETTINGS, 2)
    world.advance(0)
    oldest, youngest = world.connections.tolist()
    world.scale(4, load.time(0))
    assert world.scale(3, load.time(0)) == 0
    assert world.scale(2, load.time(0)) == 0
    assert world.connections.tolist() == [oldest, youngest]
    assert world.scale(1, load.time(0)) == youngest
    assert world.connections.tolist() == [oldest]


def test_broken_connections_come_back_at_the_next_tick() -> None:
    load = still(20, 20)
    world = World(load, 20.0, SETTINGS, 2)
    world.advance(0)
    broken = world.scale(1, load.time(0))
    assert world.waiting == broken > 0
    measured = world.advance(1)
    assert (measured.opened, measured.connections, measured.waiting) == (broken, 20, 0)


def test_a_pod_at_its_limit_turns_clients_away_until_there_is_room() -> None:
    load = still(50, 50, 50)
    world = World(load, 20.0, replace(SETTINGS, pod_start=timedelta(seconds=15)), 1)
    first = world.advance(0)
    assert (first.connections, first.waiting, first.refused, first.hot) == (30, 20, 20, 10.0)
    world.scale(4, load.time(0))
    second = world.advance(1)
    assert second.ready == 4
    assert 0 < second.refused < 20
    assert second.opened == 20 - second.refused


def test_without_a_ready_pod_all_are_turned_away() -> None:
    load = still(7, 7)
    world = World(load, 20.0, SETTINGS, 0)
    measured = world.advance(0)
    assert (measured.ready, measured.connections, measured.waiting, measured.refused) == (0, 0, 7, 7)


def test_clients_pick_pods_evenly_and_close_evenly() -> None:
    load = still(20_000, 10_000)
    world = World(load, 5000.0, SETTINGS, 4)
    world.advance(0)
    assert np.abs(world.connections / 5000 - 1).max() < 0.05
    for tick in range(1, 5):
        world.advance(tick)
    assert world.connections.sum() == 10_000
    assert np.abs(world.connections / 2500 - 1).max() < 0.05


def test_those_who_wait_close_as_likely_as_those_who_are_connected() -> None:
    load = still(20_000, 10_000)
    world = World(load, 10_000.0, replace(SETTINGS, admission_factor=1.0), 1)
    world.advance(0)
    assert world.waiting == 10_000
    for tick in range(1, 4):
        world.advance(tick)
    measured = world.advance(4)
    # About half of the connected 10,000 closed, and the waiting half of the rest took their places.
    assert measured.connections == 10_000
    assert measured.opened == pytest.approx(5000, abs=250)


def test_a_load_without_a_stock_has_no_connections() -> None:
    world = World(a_load(messages([5, 5])), 0.0, SETTINGS, 2)
    measured = world.advance(0)
    assert (measured.ready, measured.connections, measured.opened, measured.hot) == (2, 0, 0, 0.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"pod_start": timedelta(seconds=-1)},
        {"metric_lag": timedelta(seconds=-1)},
        {"session": timedelta(0)},
        {"admission_factor": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        WorldSettings(**changes)  # type: ignore[arg-type]
