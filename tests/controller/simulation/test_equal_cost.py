"""The plain HPA at another arm's cost: not cheaper than asked, hardly dearer, and itself where that is enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.simulation.equal_cost import hpa_at_cost, lowered
from controller.simulation.hpa_spec import MetricSpec, Source
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from tests.helpers.builders import a_policy
from tests.helpers.worlds import a_load, connections, wave

SETTINGS = WorldSettings(pod_start=timedelta(minutes=3))
POLICY = a_policy(max_replicas=200)
LOAD = a_load(connections(wave(240, period=60)))
HPA = hpa_for(POLICY)
ALONE = replay(LOAD, POLICY, HPA, SETTINGS, None)


@pytest.mark.parametrize("share", [1.05, 1.2, 1.6])
def test_it_costs_what_was_asked_for_and_hardly_more(share: float) -> None:
    asked = share * score(ALONE).pod_minutes
    found = hpa_at_cost(LOAD, POLICY, HPA, SETTINGS, asked)
    assert 2 / 7 <= found.share < 1
    assert found.run.records == replay(LOAD, POLICY, found.hpa_spec, SETTINGS, None).records
    assert asked <= score(found.run).pod_minutes <= 1.05 * asked
    assert score(found.run).overload_minutes <= score(ALONE).overload_minutes


def test_an_hpa_that_costs_as_much_already_is_left_as_it_is() -> None:
    found = hpa_at_cost(LOAD, POLICY, HPA, SETTINGS, score(ALONE).pod_minutes)
    assert (found.share, found.hpa_spec) == (1.0, HPA)
    assert found.run.records == ALONE.records


def test_what_no_target_costs_is_given_up_at_the_lowest() -> None:
    found = hpa_at_cost(LOAD, POLICY, HPA, SETTINGS, 1e9)
    assert found.hpa_spec == hpa_for(POLICY, 0.2)


def test_every_target_is_lowered_and_stays_above_zero() -> None:
    two = replace(HPA, metrics=(*HPA.metrics, MetricSpec("messages", Source.EXTERNAL, 3)))
    assert [metric.target for metric in lowered(two, 0.5).metrics] == [HPA.metrics[0].target // 2, 2]
    assert [metric.target for metric in lowered(two, 0.01).metrics][1] == 1
    assert lowered(two, 1.0) == two
