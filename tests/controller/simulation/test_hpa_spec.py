"""The HPA's spec: defaults as the API server fills them, whole milli-units, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from controller.errors import BadPolicy
from controller.simulation.hpa_spec import (
    Behavior,
    Flags,
    HpaSpec,
    MetricSpec,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    Source,
    TargetType,
    Tolerances,
    milli,
)

METRIC = MetricSpec("c", Source.EXTERNAL, 1000)
POLICY = ScalingPolicy(PolicyType.PODS, 4, timedelta(seconds=15))


def test_quantities_are_whole_milli_units() -> None:
    assert milli(0.7) == 700
    assert milli(1e-4) == 0
    assert milli(12.0006) == 12001


def test_without_behavior_the_flags_hold() -> None:
    spec = HpaSpec(1, 9, (METRIC,), flags=Flags(0.2, timedelta(seconds=60)))
    assert spec.windows == (timedelta(0), timedelta(seconds=60))
    assert spec.tolerances == Tolerances(0.2, 0.2)


def test_an_empty_behavior_takes_its_defaults_from_flags_and_api() -> None:
    spec = HpaSpec(1, 9, (METRIC,), Behavior())
    assert spec.windows == (timedelta(0), timedelta(minutes=5))
    assert spec.tolerances == Tolerances(0.1, 0.1)
    assert spec.behavior is not None
    assert spec.behavior.scale_down.longest_period == timedelta(seconds=15)


def test_each_direction_overrides_the_flags() -> None:
    up = ScalingRules((POLICY,), stabilization=timedelta(seconds=30), tolerance=0.0)
    down = ScalingRules((POLICY,), stabilization=timedelta(seconds=90), tolerance=0.4)
    spec = HpaSpec(1, 9, (METRIC,), Behavior(up, down))
    assert spec.windows == (timedelta(seconds=30), timedelta(seconds=90))
    assert spec.tolerances == Tolerances(down=0.4, up=0.0)


def test_changes_are_remembered_as_long_as_the_longest_policy_of_their_direction() -> None:
    slow = ScalingRules((POLICY, ScalingPolicy(PolicyType.PERCENT, 10, timedelta(minutes=5))))
    assert slow.longest_period == timedelta(minutes=5)


def test_on_the_path_of_behavior_the_flag_counts_in_whole_seconds() -> None:
    flags = Flags(downscale_stabilization=timedelta(seconds=20.9))
    assert HpaSpec(1, 9, (METRIC,), flags=flags).windows[1] == timedelta(seconds=20.9)
    assert HpaSpec(1, 9, (METRIC,), Behavior(), flags).windows[1] == timedelta(seconds=20)


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (METRIC, "c"),
        (MetricSpec("c", Source.EXTERNAL, 1, selector="queue=a"), "c{queue=a}"),
        (MetricSpec("cpu", Source.CONTAINER_RESOURCE, 1, container="app"), "app/cpu"),
        (MetricSpec("hits", Source.OBJECT, 1, described="Service/web", selector="a=b"), "Service/web/hits{a=b}"),
    ],
)
def test_a_metric_is_told_from_others_of_its_name(metric: MetricSpec, key: str) -> None:
    assert metric.key == key


def test_with_the_gate_and_a_metric_beyond_the_pods_the_minimum_may_be_zero() -> None:
    gate = Flags(scale_to_zero=True)
    assert HpaSpec(0, 9, (METRIC,), flags=gate).min_replicas == 0
    with pytest.raises(BadPolicy, match="expected 1 <= min"):
        HpaSpec(0, 9, (MetricSpec("cpu", Source.RESOURCE, 1),), flags=gate)
    with pytest.raises(BadPolicy, match="and max >= 1"):
        HpaSpec(0, 0, (METRIC,), flags=gate)


@pytest.mark.parametrize(("ratio", "inside"), [(0.9, True), (1.1, True), (0.8999, False), (1.1001, False)])
def test_both_ends_of_the_tolerance_are_inside(ratio: float, inside: bool) -> None:
    assert Tolerances(0.1, 0.1).within(ratio) is inside


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: HpaSpec(0, 9, (METRIC,)), "max; 0 is for the feature gate HPAScaleToZero, which is off"),
        (lambda: HpaSpec(5, 4, (METRIC,)), "maxReplicas 4"),
        (lambda: HpaSpec(1, 9, ()), "no metric"),
        (lambda: MetricSpec("c", Source.EXTERNAL, 0), "a target of 0 milli-units"),
        (lambda: MetricSpec("cpu", Source.RESOURCE, 0, TargetType.UTILIZATION), "a target of 0 percent"),
        (lambda: MetricSpec("c", Source.PODS, 1, TargetType.VALUE), "Pods metrics take AverageValue"),
        (lambda: MetricSpec("cpu", Source.RESOURCE, 1, TargetType.VALUE), "take AverageValue or Utilization"),
        (lambda: MetricSpec("c", Source.EXTERNAL, 1, TargetType.UTILIZATION), "take AverageValue or Value"),
        (lambda: MetricSpec("cpu", Source.CONTAINER_RESOURCE, 1), "a container goes with ContainerResource"),
        (lambda: MetricSpec("c", Source.EXTERNAL, 1, container="app"), "a container goes with ContainerResource"),
        (lambda: MetricSpec("hits", Source.OBJECT, 1), "a described object goes with Object"),
        (lambda: ScalingPolicy(PolicyType.PODS, 0, timedelta(seconds=15)), "a policy value of 0"),
        (lambda: ScalingPolicy(PolicyType.PODS, 1, timedelta(0)), "a policy period of 0:00:00"),
        (lambda: ScalingPolicy(PolicyType.PODS, 1, timedelta(minutes=31)), "a policy period of 0:31:00"),
        (lambda: ScalingRules(()), "no policy"),
        (lambda: ScalingRules((POLICY,), stabilization=timedelta(hours=2)), "a stabilization window of 2:00:00"),
        (lambda: ScalingRules((POLICY,), tolerance=-0.1), "a tolerance of -0.1"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused(make: Callable[[], object], found: str) -> None:
    with pytest.raises(BadPolicy, match=found):
        make()
