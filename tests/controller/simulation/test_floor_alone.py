"""The planner without an HPA: it follows a forecast that is right, and keeps to one that is wrong."""

from __future__ import annotations

from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.floor_alone import FloorAlone
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Run, hpa_for, play
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from tests.helpers.builders import MESSAGES, a_policy
from tests.helpers.worlds import a_load, messages, wave

HISTORY = messages([20 * level for level in wave(240)])
POLICY = a_policy(signals=[MESSAGES], budget_percent=0.0)
WORLD = WorldSettings()


def played(*, foresees: bool) -> Run:
    load = a_load(HISTORY)
    right = feed_from(Perfect(), [HISTORY], POLICY, WORLD.known_after, load.start)
    feed = right if foresees else PrecomputedFeed((), WORLD.known_after)
    return play(load, {"messages": MESSAGES.capacity_per_pod}, WORLD, FloorAlone(POLICY, hpa_for(POLICY), feed))


def test_it_follows_a_forecast_that_is_right_whatever_the_budget() -> None:
    run = played(foresees=True)
    assert run.replicas == 5
    assert max(record.desired for record in run.records) >= 15
    assert score(run).overload_minutes == 0


def test_without_a_forecast_nothing_reacts() -> None:
    run = played(foresees=False)
    assert run.records[-1].desired == POLICY.bounds.min_replicas
    assert score(run).overload_minutes > 100
