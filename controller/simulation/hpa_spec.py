"""What a HorizontalPodAutoscaler is told and what it sees: the part of `spec` that decides replicas, and its inputs.

Field names follow autoscaling/v2. Quantities are whole milli-units, because that is what the HPA computes in.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import NamedTuple

from controller.errors import BadPolicy

MILLI = 1000


def milli(value: float) -> int:
    """A quantity in whole milli-units, to the nearest."""
    return round(value * MILLI)


class Source(enum.StrEnum):
    """Where a metric comes from: one total of the workload, or a sample of each pod."""

    EXTERNAL = "External"
    PODS = "Pods"


class TargetType(enum.StrEnum):
    """What the target is compared with."""

    AVERAGE_VALUE = "AverageValue"


@dataclass(frozen=True)
class MetricSpec:
    """One metric of the HPA and its target, in milli-units."""

    name: str
    source: Source
    target: int
    target_type: TargetType = TargetType.AVERAGE_VALUE

    def __post_init__(self) -> None:
        if self.target <= 0:
            raise BadPolicy(f"hpa metric {self.name}: a target of {self.target} milli-units; it must be above zero")


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

    @cached_property
    def longest_period(self) -> timedelta:
        """How long a scale event can still matter to a policy."""
        return max(policy.period for policy in self.scale_up.policies + self.scale_down.policies)


@dataclass(frozen=True)
class Flags:
    """Flags of the kube-controller-manager that decide replicas."""

    tolerance: float = 0.1
    downscale_stabilization: timedelta = timedelta(minutes=5)


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
        if not 1 <= self.min_replicas <= self.max_replicas:
            raise BadPolicy(
                f"hpa: minReplicas {self.min_replicas} and maxReplicas {self.max_replicas}; expected 1 <= min <= max"
            )
        if not self.metrics:
            raise BadPolicy("hpa: no metric; give at least one")

    @cached_property
    def windows(self) -> tuple[timedelta, timedelta]:
        """How far back recommendations are heard before scaling up, and before scaling down."""
        default = self.flags.downscale_stabilization
        if self.behavior is None:
            return timedelta(0), default
        up, down = self.behavior.scale_up.stabilization, self.behavior.scale_down.stabilization
        return timedelta(0) if up is None else up, default if down is None else down

    @cached_property
    def tolerances(self) -> Tolerances:
        default = self.flags.tolerance
        if self.behavior is None:
            return Tolerances(default, default)
        down, up = self.behavior.scale_down.tolerance, self.behavior.scale_up.tolerance
        return Tolerances(default if down is None else down, default if up is None else up)


class Phase(enum.StrEnum):
    """The phases of a pod that the HPA tells apart."""

    PENDING = "Pending"
    RUNNING = "Running"
    FAILED = "Failed"


@dataclass(frozen=True)
class Pod:
    """A pod that the scale target's selector matches. Readiness is not asked for: only CPU metrics look at it."""

    name: str
    phase: Phase = Phase.RUNNING
    deleting: bool = False


class Scale(NamedTuple):
    """The Scale subresource: `spec.replicas`, `status.replicas`, and the pods that its selector matches."""

    replicas: int
    status_replicas: int
    pods: tuple[Pod, ...] = ()


@dataclass(frozen=True)
class Metrics:
    """What the metrics APIs answered, in milli-units; a metric without an entry, or with an empty one, has failed.

    external  metric -> the value of each series that its selector matches
    pods      metric -> pod -> sample
    """

    external: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pods: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
