"""The conformance tables of tests/conformance/hpa, read into the HPA's own values.

A table has a spec, written as in autoscaling/v2, and cases; a case may change keys of the spec and lists syncs: seconds
since its start, what the metrics said, and what must come out. Left-out replicas are those of the sync before.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller.simulation.hpa_pods import Phase, Pod
from controller.simulation.hpa_spec import (
    DEFAULT_SCALE_DOWN,
    DEFAULT_SCALE_UP,
    Behavior,
    Flags,
    HpaSpec,
    Metrics,
    MetricSpec,
    PolicyType,
    Scale,
    ScalingPolicy,
    ScalingRules,
    SelectPolicy,
    Source,
    milli,
)

TABLES = Path(__file__).parents[1] / "conformance" / "hpa"
START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One case of a table; `syncs` as they stand in the file."""

    name: str
    spec: HpaSpec
    syncs: tuple[Mapping[str, Any], ...]


def read_cases() -> list[Case]:
    """Every case of every table, named by its table."""
    cases = []
    for path in sorted(TABLES.glob("*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        cases += [
            Case(f"{path.stem}: {case['name']}", _spec(table["spec"] | case.get("spec", {})), tuple(case["syncs"]))
            for case in table["cases"]
        ]
    return cases


def scale_of(sync: Mapping[str, Any], replicas: int) -> Scale:
    """The Scale of a sync, `replicas` being those of the sync before."""
    replicas = sync.get("replicas", replicas)
    pods = tuple(
        Pod(pod["name"], Phase(pod.get("phase", "Running")), pod.get("deleting", False)) for pod in sync.get("pods", ())
    )
    return Scale(replicas, sync.get("statusReplicas", replicas), pods)


def metrics_of(sync: Mapping[str, Any]) -> Metrics:
    """What the metrics said at a sync."""
    return Metrics(
        {name: tuple(milli(value) for value in series) for name, series in sync.get("external", {}).items()},
        {
            name: {pod: milli(value) for pod, value in samples.items()}
            for name, samples in sync.get("podMetrics", {}).items()
        },
    )


def _spec(fields: Mapping[str, Any]) -> HpaSpec:
    metrics = tuple(
        MetricSpec(metric["name"], Source(metric["type"]), milli(metric["averageValue"]))
        for metric in fields["metrics"]
    )
    flags = Flags(
        fields.get("tolerance", Flags.tolerance),
        timedelta(seconds=fields.get("downscaleStabilizationSeconds", 300)),
    )
    behavior = None
    if "behavior" in fields:
        rules = fields["behavior"]
        behavior = Behavior(
            _rules(rules.get("scaleUp", {}), DEFAULT_SCALE_UP), _rules(rules.get("scaleDown", {}), DEFAULT_SCALE_DOWN)
        )
    return HpaSpec(fields["minReplicas"], fields["maxReplicas"], metrics, behavior, flags)


def _rules(fields: Mapping[str, Any], default: ScalingRules) -> ScalingRules:
    rules = replace(default, tolerance=fields.get("tolerance"))
    if "selectPolicy" in fields:
        rules = replace(rules, select_policy=SelectPolicy(fields["selectPolicy"]))
    if "stabilizationWindowSeconds" in fields:
        rules = replace(rules, stabilization=timedelta(seconds=fields["stabilizationWindowSeconds"]))
    if "policies" in fields:
        policies = tuple(
            ScalingPolicy(PolicyType(p["type"]), p["value"], timedelta(seconds=p["periodSeconds"]))
            for p in fields["policies"]
        )
        rules = replace(rules, policies=policies)
    return rules
