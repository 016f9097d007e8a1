"""Scenarios are the same for the same seed, and reach every source, target and rule of selection."""

from __future__ import annotations

from controller.hpa_manifest import hpa_spec
from controller.simulation.hpa_spec import Flags, SelectPolicy, Source, TargetType
from tests.conformance.recorder import RUNS
from tests.conformance.scenarios import Scenario, scenarios

ALL = [one for run in RUNS for one in scenarios(run.seed, run.count, run.steps, scale_to_zero=run.scale_to_zero)]


def test_there_are_two_hundred_and_more() -> None:
    assert len(ALL) >= 200
    assert len({scenario.name for scenario in ALL}) == len(ALL)


def test_a_seed_makes_the_same_scenarios_however_many_are_asked_for() -> None:
    assert scenarios(7, 12, 5)[:6] == scenarios(7, 6, 5)
    assert scenarios(7, 3, 5) != scenarios(8, 3, 5)


def test_every_spec_can_be_read_and_every_source_and_target_occurs() -> None:
    flags = Flags(scale_to_zero=True)
    specs = [hpa_spec(manifest(scenario), scenario.name, flags) for scenario in ALL]
    found = {(metric.source, metric.target_type) for spec in specs for metric in spec.metrics}
    assert found == {
        (Source.RESOURCE, TargetType.UTILIZATION),
        (Source.RESOURCE, TargetType.AVERAGE_VALUE),
        (Source.CONTAINER_RESOURCE, TargetType.UTILIZATION),
        (Source.PODS, TargetType.AVERAGE_VALUE),
        (Source.OBJECT, TargetType.VALUE),
        (Source.OBJECT, TargetType.AVERAGE_VALUE),
        (Source.EXTERNAL, TargetType.VALUE),
        (Source.EXTERNAL, TargetType.AVERAGE_VALUE),
    }
    behaviors = [spec.behavior for spec in specs]
    assert None in behaviors
    selected = {behavior.scale_down.select_policy for behavior in behaviors if behavior is not None}
    assert selected == set(SelectPolicy)


def manifest(scenario: Scenario) -> dict[str, object]:
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": scenario.spec}
