"""Reads the manifest of a HorizontalPodAutoscaler (autoscaling/v2) into the HPA that the simulation runs.

Gaps are filled as the API server fills them, and what it refuses is refused, with one error that lists every problem.
One thing more is refused: an Object target whose type and value do not fit. The API server takes it, and then the HPA
never gets a replica count from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.errors import BadPolicy
from controller.schema import Part, parse_yaml, quantity, read_text, validated
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

DEFAULT_FLAGS = Flags()
_LARGEST = Decimal(2**63 - 1) / 1000


def load_hpa(path: Path, flags: Flags = DEFAULT_FLAGS) -> HpaSpec:
    """The HPA in a YAML or JSON file. Raises BadPolicy, naming the file, where it cannot be read or followed."""
    return hpa_spec(parse_yaml(read_text(path), str(path)), str(path), flags)


def hpa_spec(document: object, where: str, flags: Flags = DEFAULT_FLAGS) -> HpaSpec:
    """The HPA that a manifest describes. Raises BadPolicy with a line for each problem; `where` names the manifest."""
    manifest = validated(_Manifest, document, where)
    try:
        return manifest.spec.spec(flags)
    except BadPolicy as error:
        raise BadPolicy(f"{where}: {error}") from error


def _positive(given: object) -> Decimal:
    found = quantity(given)
    if not 0 < found <= _LARGEST:
        raise ValueError(f"allowed is a quantity above 0, up to {_LARGEST:.3e}")
    return found


def _tolerance(given: object) -> float:
    """AsApproximateFloat64 of the quantity as the API server writes it: a whole number of some 10^-3n."""
    found = quantity(given)
    if not 0 <= found <= _LARGEST:
        raise ValueError('allowed is a quantity of 0 or more, such as "50m" or 0.05')
    for power in (0, -3, -6):
        scaled = found.scaleb(-power)
        if scaled == int(scaled):
            return int(scaled) * 10.0**power
    return math.ceil(found.scaleb(9)) * 1e-9


_Text = Annotated[str, Field(min_length=1)]
_Positive = Annotated[Decimal, BeforeValidator(_positive)]
_Seconds = Annotated[int, Field(ge=0, le=3600)]


class _Target(Part):
    type: Literal["Utilization", "Value", "AverageValue"]
    value: _Positive | None = None
    average_value: _Positive | None = None
    average_utilization: Annotated[int, Field(ge=1)] | None = None

    def one_of(self, *allowed: TargetType) -> tuple[int, TargetType]:
        """The one of these that is given; like the controller, by what is given and not by `type`."""
        values = {
            TargetType.VALUE: _milli(self.value),
            TargetType.AVERAGE_VALUE: _milli(self.average_value),
            TargetType.UTILIZATION: self.average_utilization,
        }
        found = [(value, kind) for kind in allowed if (value := values[kind]) is not None]
        if len(found) != 1:
            keys = " or ".join(_KEYS[kind] for kind in allowed)
            raise ValueError(f"the target gives {'none' if not found else 'both'} of {keys}; allowed is one")
        return found[0]


_KEYS = {
    TargetType.VALUE: "value",
    TargetType.AVERAGE_VALUE: "averageValue",
    TargetType.UTILIZATION: "averageUtilization",
}


def _milli(value: Decimal | None) -> int | None:
    """MilliValue, which rounds up."""
    return None if value is None else math.ceil(value * 1000)


class _Expression(Part):
    key: _Text
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = Field(default_factory=list)

    def text(self) -> str:
        listed = f"({','.join(sorted(self.values))})"
        texts = {"In": f"{self.key} in {listed}", "NotIn": f"{self.key} notin {listed}", "Exists": self.key}
        return texts.get(self.operator, f"!{self.key}")


class _Selector(Part):
    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[_Expression] = Field(default_factory=list)

    def text(self) -> str:
        """As it is written in a request."""
        return ",".join(
            sorted([f"{key}={value}" for key, value in self.match_labels.items()])
            + sorted(expression.text() for expression in self.match_expressions)
        )


class _Identifier(Part):
    name: _Text
    selector: _Selector = _Selector()


class _Reference(Part):
    api_version: str = ""
    kind: _Text
    name: _Text

    def text(self) -> str:
        group, slash, _ = self.api_version.partition("/")
        return f"{self.kind}{'.' + group if slash else ''}/{self.name}"


class _Resource(Part):
    name: _Text
    target: _Target

    def metric(self) -> MetricSpec:
        value, kind = self.target.one_of(TargetType.AVERAGE_VALUE, TargetType.UTILIZATION)
        return MetricSpec(self.name, Source.RESOURCE, value, kind)


class _ContainerResource(Part):
    name: _Text
    container: _Text
    target: _Target

    def metric(self) -> MetricSpec:
        value, kind = self.target.one_of(TargetType.AVERAGE_VALUE, TargetType.UTILIZATION)
        return MetricSpec(self.name, Source.CONTAINER_RESOURCE, value, kind, container=self.container)


class _Pods(Part):
    metric_: _Identifier = Field(alias="metric")
    target: _Target

    def metric(self) -> MetricSpec:
        value, kind = self.target.one_of(TargetType.AVERAGE_VALUE)
        return MetricSpec(self.metric_.name, Source.PODS, value, kind, selector=self.metric_.selector.text())


class _Object(Part):
    described_object: _Reference
    metric_: _Identifier = Field(alias="metric")
    target: _Target

    def metric(self) -> MetricSpec:
        allowed = {"Value": TargetType.VALUE, "AverageValue": TargetType.AVERAGE_VALUE}.get(self.target.type)
        if allowed is None:
            raise ValueError("the target has the type Utilization; allowed is Value or AverageValue")
        value, kind = self.target.one_of(allowed)
        identifier = self.metric_
        return MetricSpec(
            identifier.name,
            Source.OBJECT,
            value,
            kind,
            described=self.described_object.text(),
            selector=identifier.selector.text(),
        )


class _External(Part):
    metric_: _Identifier = Field(alias="metric")
    target: _Target

    def metric(self) -> MetricSpec:
        value, kind = self.target.one_of(TargetType.AVERAGE_VALUE, TargetType.VALUE)
        return MetricSpec(self.metric_.name, Source.EXTERNAL, value, kind, selector=self.metric_.selector.text())


_AnySource = _Resource | _ContainerResource | _Pods | _Object | _External


class _Metric(Part):
    type: Annotated[Source, Field(strict=False)]
    resource: _Resource | None = None
    container_resource: _ContainerResource | None = None
    pods: _Pods | None = None
    object: _Object | None = None
    external: _External | None = None

    @model_validator(mode="after")
    def one_source(self) -> Self:
        given = {name: part for name, part in self._sources().items() if part is not None}
        wanted = self.type[0].lower() + self.type[1:]
        if list(given) != [wanted]:
            raise ValueError(f"of type {self.type} with {', '.join(given) or 'no source'}; allowed is {wanted} alone")
        given[wanted].metric()
        return self

    def metric(self) -> MetricSpec:
        return next(part.metric() for part in self._sources().values() if part is not None)

    def _sources(self) -> dict[str, _AnySource | None]:
        return {
            "resource": self.resource,
            "containerResource": self.container_resource,
            "pods": self.pods,
            "object": self.object,
            "external": self.external,
        }


class _Policy(Part):
    type: Annotated[PolicyType, Field(strict=False)]
    value: Annotated[int, Field(ge=1, le=2**31 - 1)]
    period_seconds: Annotated[int, Field(ge=1, le=1800)]


class _Rules(Part):
    stabilization_window_seconds: _Seconds | None = None
    select_policy: Annotated[SelectPolicy, Field(strict=False)] | None = None
    policies: Annotated[list[_Policy], Field(min_length=1)] | None = None
    tolerance: Annotated[float, BeforeValidator(_tolerance)] | None = None

    def over(self, default: ScalingRules) -> ScalingRules:
        """Each part of the default that is not given; the policies are one part."""
        window = self.stabilization_window_seconds
        return ScalingRules(
            default.policies if self.policies is None else _policies(self.policies),
            default.select_policy if self.select_policy is None else self.select_policy,
            default.stabilization if window is None else timedelta(seconds=window),
            self.tolerance,
        )


def _policies(given: Sequence[_Policy]) -> tuple[ScalingPolicy, ...]:
    return tuple(ScalingPolicy(one.type, one.value, timedelta(seconds=one.period_seconds)) for one in given)


class _Behavior(Part):
    scale_up: _Rules | None = None
    scale_down: _Rules | None = None

    def behavior(self) -> Behavior:
        up, down = self.scale_up or _Rules(), self.scale_down or _Rules()
        return Behavior(up.over(DEFAULT_SCALE_UP), down.over(DEFAULT_SCALE_DOWN))


_DEFAULT_METRIC = MetricSpec("cpu", Source.RESOURCE, 80, TargetType.UTILIZATION)


class _Spec(Part):
    scale_target_ref: _Reference
    min_replicas: Annotated[int, Field(ge=0)] | None = None
    max_replicas: Annotated[int, Field(ge=1, le=2**31 - 1)]
    metrics: list[_Metric] | None = None
    behavior: _Behavior | None = None

    def spec(self, flags: Flags) -> HpaSpec:
        return HpaSpec(
            1 if self.min_replicas is None else self.min_replicas,
            self.max_replicas,
            tuple(metric.metric() for metric in self.metrics or ()) or (_DEFAULT_METRIC,),
            self.behavior.behavior() if self.behavior else None,
            flags,
        )


class _Manifest(Part):
    """Everything but the spec is of no interest here, and may be as a cluster gives it."""

    api_version: Literal["autoscaling/v2"]
    kind: Literal["HorizontalPodAutoscaler"]
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: _Spec
    status: dict[str, Any] = Field(default_factory=dict)
