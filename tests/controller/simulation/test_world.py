"""Pods and connections: nothing is lost or made, and each rule of the tick in its order.

* pods and connections are conserved whatever the scaler does, and a seed gives the same world;
* pods become ready after their start, surplus ones end in the order of a ReplicaSet, broken connections come back;
* a pod at its limit turns clients away, who try again; without a ready pod all are turned away;
* clients spread evenly, and closing ones are drawn evenly from all; a constant load is at rest;
* each setting does what it says, and one out of range is refused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.nodes import NodeSettings
from controller.simulation.world import World, WorldSettings
from tests.helpers.worlds import a_load, connections, messages, wave

SETTINGS = WorldSettings()


def still(*levels: float) -> Load:
    """A load without churn, one level per minute."""
    return load_from_series([connections(levels)], TICK, timedelta(days=9999), 0)


def spans(most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(0, most).map(lambda seconds: timedelta(seconds=seconds))


worlds = st.builds(
    WorldSettings,
    pod_start=spans(240).map(lambda span: span + timedelta(seconds=1)),
    pod_start_p95=st.none() | st.just(timedelta(minutes=10)),
    failed_starts=st.floats(0, 0.5),
    nodes=st.none() | st.builds(NodeSettings, room=st.integers(1, 4)),
    drain=spans(90),
    retry_within=spans(90),
    rebalance=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
REPLICAS = st.lists(st.integers(0, 12), min_size=40, max_size=40)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=10), REPLICAS, worlds)
def test_pods_and_connections_are_conserved(levels: list[float], replicas: list[int], settings: WorldSettings) -> None:
    load = a_load(connections(levels), seed=settings.seed)
    world = World(load, 20.0, settings, 3)
    for tick in range(len(load)):
        measured = world.advance(tick)
        assert measured.connections + measured.draining + measured.waiting == load.signals["connections"][tick]
        assert measured.connections == world.connections.sum()
        assert measured.back <= measured.opened
        assert measured.ready <= world.pods
        assert world.connections.max(initial=0) <= 30
        before = measured.connections
        broken = world.scale(replicas[tick], load.time(tick))
        assert world.pods == replicas[tick]
        assert world.connections.sum() == before - broken
        assert world.draining + world.waiting == measured.draining + measured.waiting + broken


@given(REPLICAS, worlds)
def test_a_seed_gives_the_same_world(replicas: list[int], settings: WorldSettings) -> None:
    load = a_load(connections(wave(10)), seed=settings.seed)
    one, other = (World(load, 20.0, settings, 3) for _ in range(2))
    for tick in range(len(load)):
        assert one.advance(tick) == other.advance(tick)
        now = load.time(tick)
        assert one.scale(replicas[tick], now) == other.scale(replicas[tick], now)
        assert one.ending == other.ending


@given(st.integers(0, 60), worlds)
def test_a_constant_load_is_at_rest(level: int, settings: WorldSettings) -> None:
    load = still(*[level] * 5)
    world = World(load, 20.0, replace(settings, rebalance=0.0), 3)
    before = world.connections.tolist()
    for tick in range(len(load)):
        measured = world.advance(tick)
        assert (measured.connections, measured.opened, measured.refused) == (level, 0, 0)
        assert world.scale(3, load.time(tick)) == 0
    assert world.connections.tolist() == before


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
    load = still(*[5] * 4, *[25] * 6)
    world = World(load, 20.0, SETTINGS, 1)
    for tick in range(20):
        world.advance(tick)
        world.scale(2, load.time(tick))
    oldest, youngest = world.connections.tolist()
    assert 0 < youngest < oldest
    world.scale(4, load.time(20))
    assert world.scale(3, load.time(20)) == 0
    assert world.scale(2, load.time(20)) == 0
    assert world.connections.tolist() == [oldest, youngest]
    assert world.scale(1, load.time(20)) == youngest
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


def test_a_pod_that_drains_keeps_its_clients_for_a_while_and_its_place() -> None:
    load = still(40, 40)
    world = World(load, 20.0, replace(SETTINGS, drain=timedelta(seconds=45)), 2)
    world.advance(0)
    broken = world.scale(1, load.time(0))
    away = -(-broken // 3)
    assert (world.ending, world.waiting, world.draining) == (1, away, broken - away)
    measured = world.advance(1)
    assert (measured.back, measured.draining) == (away, broken - away)
    for tick in range(1, 4):
        world.scale(1, load.time(tick))
    assert (world.ending, world.draining) == (0, 0)


def test_without_a_drain_the_pod_is_gone_at_once_and_its_clients_come_back_at_the_next_tick() -> None:
    load = still(20, 20)
    world = World(load, 20.0, replace(SETTINGS, drain=timedelta(0)), 2)
    world.advance(0)
    broken = world.scale(1, load.time(0))
    assert (world.ending, world.waiting) == (0, broken)
    assert world.advance(1).back == broken


def test_those_who_lost_their_pod_come_back_over_the_time_that_they_take() -> None:
    load = still(2000, 2000)
    world = World(load, 2000.0, replace(SETTINGS, retry_within=timedelta(minutes=1)), 2)
    world.advance(0)
    broken = world.scale(1, load.time(0))
    back = [world.advance(tick).back for tick in range(1, 5)]
    assert sum(back) == broken
    assert back == pytest.approx([broken / 4] * 4, rel=0.3)


def test_pods_above_the_mean_ask_clients_to_connect_again() -> None:
    load = still(*[400] * 20)
    world = World(load, 500.0, replace(SETTINGS, pod_start=timedelta(0), rebalance=0.2), 1)
    world.scale(2, load.start)
    moved = [world.advance(tick).moved for tick in range(len(load))]
    assert moved[0] == pytest.approx(400 * (1 - 0.8**0.25), abs=1)
    assert world.connections.tolist() == pytest.approx([200, 200], abs=30)
    assert world.connections.sum() == 400


def test_a_pod_waits_for_its_node_and_for_its_failed_starts() -> None:
    load = still(*[10] * 20)
    nodes = NodeSettings(room=1, start=timedelta(minutes=2))
    slow = World(load, 20.0, replace(SETTINGS, nodes=nodes), 1)
    flaky = World(load, 20.0, replace(SETTINGS, failed_starts=0.9), 1)
    for world in (slow, flaky):
        world.scale(2, load.start)
    assert [slow.advance(tick).ready for tick in (11, 12)] == [1, 2]
    assert [flaky.advance(tick).ready for tick in (4, 7)] == [1, 1]


def test_the_world_can_begin_later_in_its_load() -> None:
    load = still(10, 30)
    world = World(load, 20.0, SETTINGS, 2, 6)
    assert world.connections.sum() == 30
    assert world.advance(6).connections == 30


def test_a_bin_is_known_when_it_was_scraped_and_read() -> None:
    assert SETTINGS.known_after == SETTINGS.metric_lag
    assert replace(SETTINGS, scrape_interval=timedelta(minutes=1)).known_after == timedelta(seconds=90)


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
        {"pod_start_p95": timedelta(seconds=59)},
        {"failed_starts": 1.0},
        {"scrape_interval": timedelta(seconds=-1)},
        {"rate_window": timedelta(seconds=-1)},
        {"drain": timedelta(seconds=-1)},
        {"retry_within": timedelta(seconds=-1)},
        {"rebalance": 1.5},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        WorldSettings(**changes)  # type: ignore[arg-type]
