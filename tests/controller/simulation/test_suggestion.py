"""Which policy is suggested: the cheapest of all that bring no overload; none where none pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.domain import Lever
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.oracle import Perfect
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.suggestion import COST_RATIOS, HOTTEST, STEPS, candidates, suggested
from controller.simulation.world import WorldSettings
from forecaster.forecast import Ask, Forecaster, Forecasts
from tests.helpers.builders import a_policy
from tests.helpers.worlds import a_load, connections, wave

START = timedelta(minutes=3)
SETTINGS = WorldSettings(pod_start=START)
POLICY = replace(a_policy(max_replicas=200), lead_time=START)
CAPACITY = POLICY.signals[0].capacity_per_pod
HPA = hpa_for(POLICY)
HISTORY = connections(wave(360, period=60))
LOAD = a_load(HISTORY)


def a_feed(forecaster: Forecaster | None = None) -> PrecomputedFeed:
    """What a forecaster knows, by default all of the future; without any the planner has nothing to go on."""
    return feed_from(forecaster or Perfect(), [HISTORY], POLICY, SETTINGS.known_after, LOAD.start)


NOTHING_KNOWN = PrecomputedFeed((), SETTINGS.known_after)


def test_with_the_future_known_the_hottest_target_is_suggested_and_keeps_its_word() -> None:
    found = suggested(LOAD, POLICY, HPA, SETTINGS, a_feed())
    assert found.policy is not None
    assert found.score is not None
    assert found.policy.levers == tuple(Lever)
    assert found.policy.target is not None
    assert found.policy.target.highest == pytest.approx(HOTTEST * CAPACITY)
    assert found.score == score(replay(LOAD, found.policy, HPA, SETTINGS, a_feed()))
    assert found.score.overload_minutes <= found.hpa.overload_minutes
    assert found.score.pod_minutes < found.hpa.pod_minutes


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    found = suggested(LOAD, POLICY, HPA, SETTINGS, NOTHING_KNOWN)
    assert (found.policy, found.score) == (None, None)
    assert found.hpa == score(replay(LOAD, POLICY, HPA, SETTINGS, None))


class SeesNothing(Perfect):
    """Says that there will be no load."""

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        known = super().forecast(asks)
        return [replace(one, quantiles=0 * one.quantiles, peak=0 * one.peak) for one in known]


def test_a_forecast_that_sees_nothing_coming_gets_no_lever() -> None:
    blind = a_feed(SeesNothing())
    hot = next(candidates(POLICY, HPA))
    alone = score(replay(LOAD, POLICY, HPA, SETTINGS, None))
    assert score(replay(LOAD, hot, HPA, SETTINGS, blind)).overload_minutes > alone.overload_minutes
    assert suggested(LOAD, POLICY, HPA, SETTINGS, blind).policy is None


def test_an_hpa_that_is_hot_already_gets_the_floor_alone() -> None:
    found = suggested(LOAD, POLICY, hpa_for(POLICY, 0.95), SETTINGS, a_feed())
    assert found.policy is not None
    assert found.score is not None
    assert (found.policy.levers, found.policy.target) == ((Lever.FLOOR,), None)
    assert found.score.overload_minutes < found.hpa.overload_minutes


def test_the_targets_go_down_from_the_hottest_to_the_owners_and_end_with_the_floor_alone() -> None:
    *hot, cheap, safe = candidates(POLICY, HPA)
    highest = [one.target.highest / CAPACITY for one in hot if one.target]
    assert highest == pytest.approx([0.9, 0.9, 0.85, 0.85, 0.8, 0.8, 0.75, 0.75])
    assert tuple(one.cost_ratio for one in hot) == COST_RATIOS * STEPS
    assert all(one.target and one.target.lowest == pytest.approx(0.7 * CAPACITY) for one in hot)
    assert [(one.levers, one.target, one.cost_ratio) for one in (cheap, safe)] == [
        ((Lever.FLOOR,), None, ratio) for ratio in COST_RATIOS
    ]


def test_every_candidate_is_played_and_none_that_pays_is_cheaper_than_what_is_suggested() -> None:
    found = suggested(LOAD, POLICY, HPA, SETTINGS, a_feed())
    assert [policy for policy, _ in found.tried] == list(candidates(POLICY, HPA))
    assert found.score is not None
    assert (found.policy, found.score) in found.tried
    paying = [figures for _, figures in found.tried if figures.overload_minutes <= found.hpa.overload_minutes]
    assert found.score.pod_minutes == min(figures.pod_minutes for figures in paying)
    assert suggested(LOAD, POLICY, HPA, SETTINGS, NOTHING_KNOWN).tried != ()
