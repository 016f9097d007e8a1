"""Reading an HPA's manifest: every source and target, the API server's defaults, and what it would refuse."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.errors import BadPolicy
from controller.hpa_manifest import hpa_spec, load_hpa
from controller.simulation.hpa_spec import (
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    Behavior,
    Flags,
    HpaSpec,
    MetricSpec,
    PolicyType,
    ScalingPolicy,
    ScalingRules,
    SelectPolicy,
    Source,
    TargetType,
)

MINIMAL: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "resourceVersion": "7"},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9},
}


def manifest(**spec: Any) -> dict[str, Any]:
    document = deepcopy(MINIMAL)
    document["spec"] |= spec
    return document


def read(**spec: Any) -> HpaSpec:
    return hpa_spec(manifest(**spec), "hpa.yaml")


def read_metric(metric: dict[str, Any]) -> MetricSpec:
    (found,) = read(metrics=[metric]).metrics
    return found


def of(source: str, target: dict[str, Any], **rest: Any) -> dict[str, Any]:
    key = source[0].lower() + source[1:]
    return {"type": source, key: {"target": target, **rest}}


VALUE = {"type": "Value", "value": "2k"}
AVERAGE = {"type": "AverageValue", "averageValue": "1500m"}
UTILIZATION = {"type": "Utilization", "averageUtilization": 70}
HITS: dict[str, Any] = {"name": "hits"}
WEB = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}


def test_what_is_left_out_is_filled_as_the_api_server_fills_it() -> None:
    assert read() == HpaSpec(1, 9, (MetricSpec("cpu", Source.RESOURCE, 80, TargetType.UTILIZATION),))
    assert read(behavior={}).behavior == Behavior()
    assert read(behavior=None).behavior is None


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (of("Resource", UTILIZATION, name="cpu"), MetricSpec("cpu", Source.RESOURCE, 70, TargetType.UTILIZATION)),
        (of("Resource", AVERAGE, name="memory"), MetricSpec("memory", Source.RESOURCE, 1500)),
        (
            of("ContainerResource", UTILIZATION, name="cpu", container="app"),
            MetricSpec("cpu", Source.CONTAINER_RESOURCE, 70, TargetType.UTILIZATION, container="app"),
        ),
        (of("Pods", AVERAGE, metric=HITS), MetricSpec("hits", Source.PODS, 1500)),
        (
            of("Object", VALUE, metric=HITS, describedObject=WEB),
            MetricSpec("hits", Source.OBJECT, 2_000_000, TargetType.VALUE, described="Ingress.networking.k8s.io/web"),
        ),
        (
            of("Object", AVERAGE, metric=HITS, describedObject={"kind": "Service", "name": "s", "apiVersion": "v1"}),
            MetricSpec("hits", Source.OBJECT, 1500, described="Service/s"),
        ),
        (of("External", VALUE, metric=HITS), MetricSpec("hits", Source.EXTERNAL, 2_000_000, TargetType.VALUE)),
        (of("External", AVERAGE, metric=HITS), MetricSpec("hits", Source.EXTERNAL, 1500)),
    ],
)
def test_each_source_with_each_target(metric: dict[str, Any], expected: MetricSpec) -> None:
    assert read_metric(metric) == expected


def test_what_is_given_decides_where_the_type_says_something_else() -> None:
    assert read_metric(of("Resource", AVERAGE | {"type": "Utilization"}, name="cpu")).target_type == "AverageValue"


def test_a_selector_is_written_as_in_a_request() -> None:
    selector = {
        "matchLabels": {"queue": "b", "app": "web"},
        "matchExpressions": [
            {"key": "zone", "operator": "In", "values": ["b", "a"]},
            {"key": "tier", "operator": "NotIn", "values": ["x"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "new", "operator": "Exists"},
        ],
    }
    metric = read_metric(of("External", AVERAGE, metric=HITS | {"selector": selector}))
    assert metric.selector == "app=web,queue=b,!old,new,tier notin (x),zone in (a,b)"


@pytest.mark.parametrize(
    ("quantity", "milli"), [("1", 1000), (3, 3000), (0.5, 500), ("1100u", 2), ("2Ki", 2_048_000), ("1e2", 100_000)]
)
def test_quantities_become_whole_milli_units_rounded_up(quantity: object, milli: int) -> None:
    target = {"type": "AverageValue", "averageValue": quantity}
    assert read_metric(of("Pods", target, metric=HITS)).target == milli


def test_rules_replace_the_defaults_part_by_part() -> None:
    policies = [{"type": "Pods", "value": 2, "periodSeconds": 60}]
    behavior = read(
        behavior={
            "scaleUp": {"policies": policies, "tolerance": "50m"},
            "scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0},
        }
    ).behavior
    assert behavior is not None
    two = (ScalingPolicy(PolicyType.PODS, 2, timedelta(seconds=60)),)
    assert behavior.scale_up == ScalingRules(two, stabilization=DEFAULT_SCALE_UP.stabilization, tolerance=0.05)
    disabled = ScalingRules(DEFAULT_SCALE_DOWN.policies, SelectPolicy.DISABLED, timedelta(0))
    assert behavior.scale_down == disabled


@pytest.mark.parametrize(
    ("given", "tolerance"),
    [("0.57", 570 * 0.001), ("1", 1.0), (0, 0.0), ("500u", 500 * 1e-6), ("0.1n", 1e-9), ("0.00015", 150 * 1e-6)],
)
def test_a_tolerance_is_the_float_that_the_controller_makes_of_it(given: object, tolerance: float) -> None:
    behavior = read(behavior={"scaleUp": {"tolerance": given}}).behavior
    assert behavior is not None
    assert behavior.scale_up.tolerance == tolerance


def test_zero_replicas_need_the_gate() -> None:
    metrics = [of("External", AVERAGE, metric=HITS)]
    assert hpa_spec(manifest(minReplicas=0, metrics=metrics), "h", Flags(scale_to_zero=True)).min_replicas == 0
    with pytest.raises(BadPolicy, match=r"hpa\.yaml: hpa: minReplicas 0 and maxReplicas 9; expected 1 <= min"):
        read(minReplicas=0, metrics=metrics)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"maxReplicas": 0}, "spec.maxReplicas: found 0"),
        ({"minReplicas": 10}, "minReplicas 10 and maxReplicas 9"),
        ({"replicas": 3}, "spec.replicas: unknown key; allowed here are scaleTargetRef, minReplicas"),
        ({"behavior": {"scaleUp": {"policies": []}}}, "spec.behavior.scaleUp.policies"),
        ({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601}}}, "stabilizationWindowSeconds: found 3601"),
        ({"behavior": {"scaleDown": {"tolerance": "-1"}}}, "allowed is a quantity of 0 or more"),
        (
            {"behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}]}}},
            r"policies\[0\].value: found 0",
        ),
        (
            {"behavior": {"scaleDown": {"policies": [{"kind": "Pods"}]}}},
            "unknown key; allowed here are type, value, periodSeconds",
        ),
        ({"metrics": [of("Pods", AVERAGE, metric=HITS) | {"type": "External"}]}, "of type External with pods"),
        ({"metrics": [{"type": "Pods"}]}, "of type Pods with no source; allowed is pods alone"),
        ({"metrics": [of("Pods", VALUE, metric=HITS)]}, "none of averageValue"),
        ({"metrics": [of("External", AVERAGE | VALUE, metric=HITS)]}, "both of averageValue or value"),
        (
            {"metrics": [of("Object", UTILIZATION, metric=HITS, describedObject=WEB)]},
            "the type Utilization; allowed is Value or AverageValue",
        ),
        (
            {"metrics": [of("Object", VALUE | {"type": "AverageValue"}, metric=HITS, describedObject=WEB)]},
            "none of averageValue",
        ),
        ({"metrics": [of("Pods", AVERAGE | {"averageValue": "0"}, metric=HITS)]}, "found '0'; allowed is a quantity"),
        ({"metrics": [of("Pods", AVERAGE | {"averageValue": "1e30"}, metric=HITS)]}, "above 0, up to 9.223e"),
        ({"metrics": [of("Pods", AVERAGE | {"averageValue": "ten"}, metric=HITS)]}, "allowed is a quantity such as"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused(spec: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadPolicy, match=problem):
        read(**spec)


def test_every_problem_has_its_line() -> None:
    with pytest.raises(BadPolicy) as refused:
        hpa_spec(manifest(maxReplicas=-1, surplus=1) | {"apiVersion": "autoscaling/v1"}, "hpa.yaml")
    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("hpa.yaml: ") for line in lines)
    assert "apiVersion: found 'autoscaling/v1'; allowed is 'autoscaling/v2'" in lines[0]


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    file = tmp_path / "hpa.yaml"
    file.write_text(yaml.safe_dump(MINIMAL))
    assert load_hpa(file) == read()
    with pytest.raises(BadPolicy, match=r"gone\.yaml: cannot be read"):
        load_hpa(tmp_path / "gone.yaml")
