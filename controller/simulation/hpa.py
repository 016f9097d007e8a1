"""The HorizontalPodAutoscaler as a step function: one sync is one call, and everything it remembers is a value.

Modelled on the horizontal controller of Kubernetes 1.36, whose names the functions carry. Reading and writing the
Scale, a broken selector and scaling to or from zero are outside.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from controller.simulation.hpa_metrics import compute_replicas
from controller.simulation.hpa_spec import (
    Behavior,
    HpaSpec,
    Metrics,
    PolicyType,
    Scale,
    ScalingPolicy,
    ScalingRules,
    SelectPolicy,
    Source,
)


class Stamped(NamedTuple):
    """A replica count, or a change of one, and when it was recorded."""

    at: datetime
    replicas: int


@dataclass(frozen=True, slots=True)
class State:
    """What the controller keeps in memory, and loses when it restarts. Oldest first.

    recommendations  raw, before any limit; empty only before the first sync
    scale_ups        pods added, per change; kept only where the HPA has a behavior
    scale_downs      pods removed, likewise
    """

    recommendations: tuple[Stamped, ...] = ()
    scale_ups: tuple[Stamped, ...] = ()
    scale_downs: tuple[Stamped, ...] = ()


class Reason(enum.StrEnum):
    """The reasons that the HPA writes into its conditions."""

    READY_FOR_NEW_SCALE = "ReadyForNewScale"
    SCALE_UP_STABILIZED = "ScaleUpStabilized"
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized"
    VALID_METRIC_FOUND = "ValidMetricFound"
    SCALING_DISABLED = "ScalingDisabled"
    FAILED_GET_EXTERNAL_METRIC = "FailedGetExternalMetric"
    FAILED_GET_PODS_METRIC = "FailedGetPodsMetric"
    DESIRED_WITHIN_RANGE = "DesiredWithinRange"
    TOO_FEW_REPLICAS = "TooFewReplicas"
    TOO_MANY_REPLICAS = "TooManyReplicas"
    SCALE_UP_LIMIT = "ScaleUpLimit"
    SCALE_DOWN_LIMIT = "ScaleDownLimit"


_FAILED = {
    Source.EXTERNAL: Reason.FAILED_GET_EXTERNAL_METRIC,
    Source.PODS: Reason.FAILED_GET_PODS_METRIC,
}


class Condition(NamedTuple):
    """Why a sync ended as it did.

    active   reason of ScalingActive; None where the metrics were not looked at
    able     reason of AbleToScale; None where nothing was stabilized
    limited  reason of ScalingLimited; None where nothing was limited
    failed   names of the metrics that gave no answer
    """

    active: Reason | None
    able: Reason | None = None
    limited: Reason | None = None
    failed: tuple[str, ...] = ()

    @property
    def metrics_failed(self) -> bool:
        """Whether the replicas were left alone because metrics were missing."""
        return self.active in _FAILED.values()


class Sync(NamedTuple):
    """The outcome of one sync: the replicas asked for, what to remember, and why."""

    replicas: int
    state: State
    condition: Condition


def step(spec: HpaSpec, state: State, scale: Scale, metrics: Metrics, now: datetime) -> Sync:
    """One sync of the HPA (reconcileAutoscaler).

    | current replicas | desired                                        | metrics read |
    |------------------|------------------------------------------------|--------------|
    | 0                | 0: autoscaling is switched off                 | no           |
    | above max        | max, at once                                   | no           |
    | below min        | min, at once                                   | no           |
    | otherwise        | the largest proposal, stabilized and limited;  | yes          |
    |                  | the current count where the metrics fail       |              |
    """
    current = scale.replicas
    if not state.recommendations:
        state = State((Stamped(now, current),), state.scale_ups, state.scale_downs)
    if current == 0:
        return Sync(0, state, Condition(Reason.SCALING_DISABLED))
    if current > spec.max_replicas:
        desired, condition = spec.max_replicas, Condition(None, limited=Reason.TOO_MANY_REPLICAS)
    elif current < spec.min_replicas:
        desired, condition = spec.min_replicas, Condition(None, limited=Reason.TOO_FEW_REPLICAS)
    else:
        proposal, failed = compute_replicas(spec, scale, metrics)
        names = tuple(metric.name for metric in failed)
        if proposal is None:
            return Sync(current, state, Condition(_FAILED[failed[0].source], failed=names))
        desired, able, limited = _normalize(spec, state, current, proposal, now)
        state = _with_recommendation(spec, state, Stamped(now, proposal))
        condition = Condition(Reason.VALID_METRIC_FOUND, able, limited, names)
    if spec.behavior is not None and desired != current:
        state = _with_scale_event(spec.behavior, state, desired - current, now)
    return Sync(desired, state, condition)


def _normalize(spec: HpaSpec, state: State, current: int, proposal: int, now: datetime) -> tuple[int, Reason, Reason]:
    """The replicas that a proposal becomes, with the reasons of AbleToScale and ScalingLimited."""
    if spec.behavior is None:
        stabilized = _stabilize(spec, state, proposal, now)
        desired, limited = _limit(spec, current, stabilized)
    else:
        stabilized = _stabilize_with_behavior(spec, state, current, proposal, now)
        desired, limited = _limit_with_behavior(spec, spec.behavior, state, current, stabilized, now)
    able = Reason.READY_FOR_NEW_SCALE
    if stabilized != proposal:
        able = Reason.SCALE_DOWN_STABILIZED if stabilized > proposal else Reason.SCALE_UP_STABILIZED
    return desired, able, limited


def _stabilize(spec: HpaSpec, state: State, proposal: int, now: datetime) -> int:
    """stabilizeRecommendation: the largest of the window, one exactly as old as the window included."""
    cutoff = now - spec.windows[1]
    return max([proposal, *[replicas for at, replicas in state.recommendations if at >= cutoff]])


def _stabilize_with_behavior(spec: HpaSpec, state: State, current: int, proposal: int, now: datetime) -> int:
    """stabilizeRecommendationWithBehaviors: the current count, moved no further than both windows agree on.

    Unlike on the older path, a recommendation exactly as old as its window no longer counts.
    """
    up_cutoff, down_cutoff = now - spec.windows[0], now - spec.windows[1]
    up = min([proposal, *[replicas for at, replicas in state.recommendations if at > up_cutoff]])
    down = max([proposal, *[replicas for at, replicas in state.recommendations if at > down_cutoff]])
    return min(max(current, up), down)


def _limit(spec: HpaSpec, current: int, stabilized: int) -> tuple[int, Reason]:
    """convertDesiredReplicasWithRules: at most double, or four, in one sync; then min and max."""
    fastest = max(2 * current, 4)
    if stabilized < spec.min_replicas:
        return spec.min_replicas, Reason.TOO_FEW_REPLICAS
    if stabilized <= min(fastest, spec.max_replicas):
        return stabilized, Reason.DESIRED_WITHIN_RANGE
    if fastest < spec.max_replicas:
        return fastest, Reason.SCALE_UP_LIMIT
    return spec.max_replicas, Reason.TOO_MANY_REPLICAS


def _limit_with_behavior(
    spec: HpaSpec, behavior: Behavior, state: State, current: int, stabilized: int, now: datetime
) -> tuple[int, Reason]:
    """convertDesiredReplicasWithBehaviorRate: what the policies of the direction allow; then min or max."""
    if stabilized > current:
        fastest = max(_scale_up_limit(behavior.scale_up, state, current, now), current)
        if stabilized > min(fastest, spec.max_replicas):
            if fastest < spec.max_replicas:
                return fastest, Reason.SCALE_UP_LIMIT
            return spec.max_replicas, Reason.TOO_MANY_REPLICAS
    elif stabilized < current:
        fastest = min(_scale_down_limit(behavior.scale_down, state, current, now), current)
        if stabilized < max(fastest, spec.min_replicas):
            if fastest > spec.min_replicas:
                return fastest, Reason.SCALE_DOWN_LIMIT
            return spec.min_replicas, Reason.TOO_FEW_REPLICAS
    return stabilized, Reason.DESIRED_WITHIN_RANGE


def _scale_up_limit(rules: ScalingRules, state: State, current: int, now: datetime) -> int:
    """calculateScaleUpLimitWithScalingRules: the most replicas that the policies allow."""
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = _period_start(policy, state, current, now)
        by_percent = policy.type is PolicyType.PERCENT
        limits.append(math.ceil(start * (1 + policy.value / 100)) if by_percent else start + policy.value)
    return max(limits) if rules.select_policy is SelectPolicy.MAX else min(limits)


def _scale_down_limit(rules: ScalingRules, state: State, current: int, now: datetime) -> int:
    """calculateScaleDownLimitWithBehaviors: the fewest replicas that the policies allow."""
    if rules.select_policy is SelectPolicy.DISABLED:
        return current
    limits = []
    for policy in rules.policies:
        start = _period_start(policy, state, current, now)
        by_percent = policy.type is PolicyType.PERCENT
        limits.append(int(start * (1 - policy.value / 100)) if by_percent else start - policy.value)
    return min(limits) if rules.select_policy is SelectPolicy.MAX else max(limits)


def _period_start(policy: ScalingPolicy, state: State, current: int, now: datetime) -> int:
    """The replicas at the start of the policy's period, which its change is counted from."""
    cutoff = now - policy.period
    added = sum(replicas for at, replicas in state.scale_ups if at > cutoff)
    removed = sum(replicas for at, replicas in state.scale_downs if at > cutoff)
    return current - added + removed


def _with_recommendation(spec: HpaSpec, state: State, latest: Stamped) -> State:
    """Remembers a raw proposal and forgets what no window reaches any more."""
    cutoff = latest.at - max(spec.windows)
    kept = [r for r in state.recommendations if r[0] >= cutoff]
    return State((*kept, latest), state.scale_ups, state.scale_downs)


def _with_scale_event(behavior: Behavior, state: State, change: int, now: datetime) -> State:
    """Remembers a change of replicas and forgets those that no policy's period reaches any more."""
    cutoff = now - behavior.longest_period
    ups = tuple(event for event in state.scale_ups if event.at > cutoff)
    downs = tuple(event for event in state.scale_downs if event.at > cutoff)
    if change > 0:
        return State(state.recommendations, (*ups, Stamped(now, change)), downs)
    return State(state.recommendations, ups, (*downs, Stamped(now, -change)))
