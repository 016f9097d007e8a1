"""What a HorizontalPodAutoscaler is told and what it sees: the part of `spec` that decides replicas, and its inputs.

Field names follow autoscaling/v2. Quantities are whole milli-units, because that is what the HPA computes in.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

from controller.errors import BadPolicy
from controller.simulation.hpa_pods import Pod, Sample

MILLI = 1000


def milli(value: float) -> int:
    """A quantity in whole milli-units, to the nearest."""
    return round(value * MILLI)


class Source(enum.StrEnum):
    """Where a metric comes from: the workload's pods, one object, or anywhere outside the cluster."""

    RESOURCE = "Resource"
    CONTAINER_RESOURCE = "ContainerResource"
    PODS = "Pods"
    OBJECT = "Object"
    EXTERNAL = "External"


class TargetType(enum.StrEnum):
    """What the target is compared with: the total, the total over all pods, or the part used of what is requested."""

    VALUE = "Value"
    AVERAGE_VALUE = "AverageValue"
    UTILIZATION = "Utilization"


_BY_POD = frozenset({TargetType.AVERAGE_VALUE, TargetType.UTILIZATION})
_BY_TOTAL = frozenset({TargetType.AVERAGE_VALUE, TargetType.VALUE})
TARGET_TYPES = {
    Source.RESOURCE: _BY_POD,
    Source.CONTAINER_RESOURCE: _BY_POD,
    Source.PODS: frozenset({TargetType.AVERAGE_VALUE}),
    Source.OBJECT: _BY_TOTAL,
    Source.EXTERNAL: _BY_TOTAL,
}
"""What each source may be compared with."""


@dataclass(frozen=True)
class MetricSpec:
    """One metric of the HPA and its target.

    name       of the metric, or of the resource
    target     in milli-units; for Utilization in percent of what is requested
    container  of a ContainerResource: whose samples count
    described  of an Object: which one, as kind/name or kind.group/name
    selector   of labels that narrow the metric down, as text
    """

    name: str
    source: Source
    target: int
    target_type: TargetType = TargetType.AVERAGE_VALUE
    container: str = ""
    described: str = ""
    selector: str = ""

    def __post_init__(self) -> None:
        if self.target <= 0:
            unit = "percent" if self.target_type is TargetType.UTILIZATION else "milli-units"
            raise BadPolicy(f"hpa metric {self.name}: a target of {self.target} {unit}; it must be above zero")
        allowed = TARGET_TYPES[self.source]
        if self.target_type not in allowed:
            raise BadPolicy(
                f"hpa metric {self.name}: a target of type {self.target_type}; {self.source} metrics take"
                f" {' or '.join(sorted(allowed))}"
            )
        if bool(self.container) != (self.source is Source.CONTAINER_RESOURCE):
            raise BadPolicy(f"hpa metric {self.name}: a container goes with ContainerResource, and only with it")
        if bool(self.described) != (self.source is Source.OBJECT):
            raise BadPolicy(f"hpa metric {self.name}: a described object goes with Object, and only with it")

    @cached_property
    def key(self) -> str:
        """What tells its values from those of the HPA's other metrics: its name where nothing else is given."""
        whole = "/".join(part for part in (self.container, self.described, self.name) if part)
        return f"{whole}{{{self.selector}}}" if self.selector else whole


class PolicyType(enum.StrEnum):
    """How a scaling policy counts: in pods, or in percent of the pods at the start of its period."""

    PODS = "Pods"
    PERCENT = "Percent"


class SelectPolicy(enum.StrEnum):
    """Which of several policies holds: the one that allows the largest change, the smallest, or no change at all."""

    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True)
class ScalingPolicy:
    """At most `value` pods or percent in any `period`."""

    type: PolicyType
    value: int
    period: timedelta

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise BadPolicy(f"hpa behavior: a policy value of {self.value}; it must be above zero")
        if not timedelta(seconds=1) <= self.period <= timedelta(minutes=30):
            raise BadPolicy(f"hpa behavior: a policy period of {self.period}; allowed are 1 s to 30 min")


@dataclass(frozen=True)
class ScalingRules:
    """One direction of `spec.behavior`.

    stabilization  None: zero upwards, the controller's flag downwards
    tolerance      None: the controller's flag
    """

    policies: tuple[ScalingPolicy, ...]
    select_policy: SelectPolicy = SelectPolicy.MAX
    stabilization: timedelta | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if not self.policies:
            raise BadPolicy("hpa behavior: no policy; give at least one, or leave the list out")
        window = self.stabilization
        if window is not None and not timedelta(0) <= window <= timedelta(hours=1):
            raise BadPolicy(f"hpa behavior: a stabilization window of {window}; allowed are 0 s to 1 h")
        if self.tolerance is not None and not self.tolerance >= 0:
            raise BadPolicy(f"hpa behavior: a tolerance of {self.tolerance}; it must be zero or more")

    @cached_property
    def longest_period(self) -> timedelta:
        """How long a change in this direction is remembered for certain."""
        return max(policy.period for policy in self.policies)


DEFAULT_SCALE_UP = ScalingRules(
    (
        ScalingPolicy(PolicyType.PODS, 4, timedelta(seconds=15)),
        ScalingPolicy(PolicyType.PERCENT, 100, timedelta(seconds=15)),
    )
)
DEFAULT_SCALE_DOWN = ScalingRules((ScalingPolicy(PolicyType.PERCENT, 100, timedelta(seconds=15)),))


@dataclass(frozen=True)
class Behavior:
    """`spec.behavior`, its gaps filled as the API server fills them once any part of it is present."""

    scale_up: ScalingRules = DEFAULT_SCALE_UP
    scale_down: ScalingRules = DEFAULT_SCALE_DOWN


@dataclass(frozen=True)
class Flags:
    """Flags of the kube-controller-manager that decide replicas.

    scale_to_zero  the feature gate HPAScaleToZero, which lets a minimum be zero
    """

    tolerance: float = 0.1
    downscale_stabilization: timedelta = timedelta(minutes=5)
    cpu_initialization_period: timedelta = timedelta(minutes=5)
    initial_readiness_delay: timedelta = timedelta(seconds=30)
    scale_to_zero: bool = False


class Tolerances(NamedTuple):
    """How far the ratio of usage to target may be from 1 before anything happens."""

    down: float
    up: float

    def within(self, ratio: float) -> bool:
        """Whether the ratio is close enough to 1, both ends included (the test since Kubernetes 1.33)."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@dataclass(frozen=True)
class HpaSpec:
    """One HPA. Without `behavior` it takes the older path with its own limits, as the real one does."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[MetricSpec, ...]
    behavior: Behavior | None = None
    flags: Flags = Flags()

    def __post_init__(self) -> None:
        if not self.metrics:
            raise BadPolicy("hpa: no metric; give at least one")
        lowest = 0 if self.flags.scale_to_zero and self.sees_beyond_pods else 1
        if not (lowest <= self.min_replicas <= self.max_replicas and self.max_replicas >= 1):
            gate = (
                "; 0 is for the feature gate HPAScaleToZero, which is off here: raise it to 1"
                if self.min_replicas == 0
                else ""
            )
            raise BadPolicy(
                f"hpa: minReplicas {self.min_replicas} and maxReplicas {self.max_replicas};"
                f" expected {lowest} <= min <= max{gate if lowest else ' and max >= 1'}"
            )

    @cached_property
    def sees_beyond_pods(self) -> bool:
        """Whether some metric goes on when there are no pods."""
        return any(metric.source in (Source.OBJECT, Source.EXTERNAL) for metric in self.metrics)

    @cached_property
    def windows(self) -> tuple[timedelta, timedelta]:
        """How far back recommendations are heard before scaling up, and before scaling down."""
        default = self.flags.downscale_stabilization
        if self.behavior is None:
            return timedelta(0), default
        up, down = self.behavior.scale_up.stabilization, self.behavior.scale_down.stabilization
        whole_seconds = timedelta(seconds=default // timedelta(seconds=1))  # maybeInitScaleDownStabilizationWindow
        return timedelta(0) if up is None else up, whole_seconds if down is None else down

    @cached_property
    def longest_window(self) -> timedelta:
        """How long a recommendation is remembered for certain."""
        return max(self.windows)

    @cached_property
    def tolerances(self) -> Tolerances:
        default = self.flags.tolerance
        if self.behavior is None:
            return Tolerances(default, default)
        down, up = self.behavior.scale_down.tolerance, self.behavior.scale_up.tolerance
        return Tolerances(default if down is None else down, default if up is None else up)


class Scale(NamedTuple):
    """The Scale subresource: `spec.replicas`, `status.replicas`, and the pods that its selector matches."""

    replicas: int
    status_replicas: int
    pods: tuple[Pod, ...] = ()


class Metrics(NamedTuple):
    """What the metrics APIs answered, in milli-units; a metric without an entry, or with an empty one, has failed.

    Each is by `MetricSpec.key`.

    external   the value of each series that the metric's selector matches
    pods       pod -> sample
    objects    the one value
    resources  pod -> sample, of the pod or of the one container
    """

    external: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    pods: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    objects: Mapping[str, int] = MappingProxyType({})
    resources: Mapping[str, Mapping[str, Sample]] = MappingProxyType({})


class Seen(NamedTuple):
    """What one sync looks at, and when."""

    scale: Scale
    metrics: Metrics
    now: datetime
