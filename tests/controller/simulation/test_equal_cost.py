"""The plain HPA at another arm's cost: not cheaper than asked, hardly dearer, and itself where that is enough."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.simulation.equal_cost import hpa_at_cost
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from tests.helpers.builders import a_policy
from tests.helpers.worlds import a_load, connections, wave

SETTINGS = WorldSettings(pod_start=timedelta(minutes=3))
POLICY = a_policy(max_replicas=200)
LOAD = a_load(connections(wave(240, period=60)))
ALONE = replay(LOAD, POLICY, hpa_for(POLICY), SETTINGS, None)


@pytest.mark.parametrize("share", [1.05, 1.2, 1.6])
def test_it_costs_what_was_asked_for_and_hardly_more(share: float) -> None:
    asked = share * score(ALONE).pod_minutes
    found = hpa_at_cost(LOAD, POLICY, SETTINGS, asked, 0.7)
    assert 0.2 <= found.target < 0.7
    assert asked <= score(found.run).pod_minutes <= 1.05 * asked
    assert score(found.run).overload_minutes <= score(ALONE).overload_minutes


def test_an_hpa_that_costs_as_much_already_is_left_as_it_is() -> None:
    found = hpa_at_cost(LOAD, POLICY, SETTINGS, score(ALONE).pod_minutes, 0.7)
    assert found.target == 0.7
    assert found.run.records == ALONE.records


def test_what_no_target_costs_is_given_up_at_the_lowest() -> None:
    assert hpa_at_cost(LOAD, POLICY, SETTINGS, 1e9, 0.7).target == 0.2
