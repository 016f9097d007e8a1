"""The HorizontalPodAutoscaler as a step function: one sync is one call, and everything it remembers is a value.

Modelled on the horizontal controller of Kubernetes 1.36, whose names the functions carry, and held to it by what a
running one was seen to do (tests/conformance). Reading and writing the Scale and a broken selector are outside.
"""

from __future__ import annotations

import enum
import math
from datetime import datetime, timedelta
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
    Seen,
    SelectPolicy,
    Source,
)


class Recommendation(NamedTuple):
    """A replica count that the metrics asked for, before any limit, and when."""

    at: datetime
    replicas: int


class ScaleEvent(NamedTuple):
    """How many pods a change added or removed, and when; an outdated one gives its place to the next."""

    at: datetime
    replicas: int
    outdated: bool = False


class State(NamedTuple):
    """What the controller remembers. All but `scaled_to_zero` is lost when it restarts.

    recommendations  in no order: a new one takes the place of one that no window reaches; empty before the first sync
    scale_ups        pods added, per change, in no order either; kept only where the HPA has a behavior
    scale_downs      pods removed, likewise
    scaled_to_zero   whether it was the HPA that left no pods; a condition in its status
    """

    recommendations: tuple[Recommendation, ...] = ()
    scale_ups: tuple[ScaleEvent, ...] = ()
    scale_downs: tuple[ScaleEvent, ...] = ()
    scaled_to_zero: bool = False


class Reason(enum.StrEnum):
    """The reasons that the HPA writes into its conditions."""

    READY_FOR_NEW_SCALE = "ReadyForNewScale"
    SCALE_UP_STABILIZED = "ScaleUpStabilized"
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized"
    VALID_METRIC_FOUND = "ValidMetricFound"
    SCALING_DISABLED = "ScalingDisabled"
    FAILED_GET_RESOURCE_METRIC = "FailedGetResourceMetric"
    FAILED_GET_CONTAINER_RESOURCE_METRIC = "FailedGetContainerResourceMetric"
    FAILED_GET_PODS_METRIC = "FailedGetPodsMetric"
    FAILED_GET_OBJECT_METRIC = "FailedGetObjectMetric"
    FAILED_GET_EXTERNAL_METRIC = "FailedGetExternalMetric"
    DESIRED_WITHIN_RANGE = "DesiredWithinRange"
    TOO_FEW_REPLICAS = "TooFewReplicas"
    TOO_MANY_REPLICAS = "TooManyReplicas"
    SCALE_UP_LIMIT = "ScaleUpLimit"
    SCALE_DOWN_LIMIT = "ScaleDownLimit"


_FAILED = {
    Source.RESOURCE: Reason.FAILED_GET_RESOURCE_METRIC,
    Source.CONTAINER_RESOURCE: Reason.FAILED_GET_CONTAINER_RESOURCE_METRIC,
    Source.PODS: Reason.FAILED_GET_PODS_METRIC,
    Source.OBJECT: Reason.FAILED_GET_OBJECT_METRIC,
    Source.EXTERNAL: Reason.FAILED_GET_EXTERNAL_METRIC,
}


class Condition(NamedTuple):
    """Why a sync ended as it did; None where it leaves the reason of the sync before.

    active   reason of ScalingActive
    able     reason of AbleToScale, which upstream replaces by SucceededRescale where the count changes
    limited  reason of ScalingLimited
    failed   names of the metrics that gave no answer
    """

    active: Reason | None = None
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
    | 0                | 0: autoscaling is switched off, unless it was  | no           |
    |                  | the HPA that scaled to zero                    |              |
    | above max        | max, at once                                   | no           |
    | below min        | min, at once                                   | no           |
    | otherwise        | the largest proposal, stabilized and limited;  | yes          |
    |                  | the current count where the metrics fail       |              |
    """
    current = scale.replicas
    if not state.recommendations:
        first = (Recommendation(now, current),)
        state = State(first, state.scale_ups, state.scale_downs, state.scaled_to_zero)
    if current == 0 and not _scales_from_zero(spec, state):
        return Sync(0, state, Condition(Reason.SCALING_DISABLED))
    if current > spec.max_replicas:
        desired, condition = spec.max_replicas, Condition()
    elif 0 < current < spec.min_replicas:
        desired, condition = spec.min_replicas, Condition()
    else:
        proposal, failed = compute_replicas(spec, Seen(scale, metrics, now))
        names = tuple([metric.name for metric in failed])
        if proposal is None:
            return Sync(current, state, Condition(_FAILED[failed[0].source], failed=names))
        desired, able, limited = _normalize(spec, state, current, proposal, now)
        if current == 0:
            desired = max(desired, spec.min_replicas)
        state = _with_recommendation(spec, state, Recommendation(now, proposal))
        condition = Condition(Reason.VALID_METRIC_FOUND, able, limited, names)
    if desired != current:
        state = _after_rescale(spec, state, current, desired, now)
    return Sync(desired, state, condition)


def _scales_from_zero(spec: HpaSpec, state: State) -> bool:
    """shouldComputeMetricsForZeroReplicas: zero that the HPA itself scaled to, and a way up from there."""
    return spec.flags.scale_to_zero and state.scaled_to_zero and (spec.min_replicas > 0 or spec.sees_beyond_pods)


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
    """stabilizeRecommendation: the largest of the window.

    Upstream counts one that is exactly as old as the window, which none ever is: it looks at the clock again for each,
    and its next sync begins a period after the last has ended. On a replay's exact grid every twentieth would be, and
    hold a peak for a sync longer than in a cluster.
    """
    cutoff = now - spec.windows[1]
    return max([proposal, *[replicas for at, replicas in state.recommendations if at > cutoff]])


def _stabilize_with_behavior(spec: HpaSpec, state: State, current: int, proposal: int, now: datetime) -> int:
    """stabilizeRecommendationWithBehaviors: the current count, moved no further than both windows agree on."""
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
        limits.append(math.ceil(start * (1 + policy.value / 100)) if by_percent else _int32(start + policy.value))
    return max(limits) if rules.select_policy is SelectPolicy.MAX else min(limits)


def _int32(total: int) -> int:
    """What Go's int32 holds of it: with a policy of 2147483647 pods, meant as no limit, an HPA never scales up."""
    return (total + 2**31) % 2**32 - 2**31


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
    added = sum(event.replicas for event in state.scale_ups if event.at > cutoff)
    removed = sum(event.replicas for event in state.scale_downs if event.at > cutoff)
    return current - added + removed


def _with_recommendation(spec: HpaSpec, state: State, latest: Recommendation) -> State:
    """Remembers a raw proposal in the place of the last one that no window reaches.

    Others that are as old stay, as they do upstream, and count again where a window grows. A window of zero reaches
    nothing, not even what the first sync found when it began.
    """
    cutoff = latest.at - (spec.longest_window or -timedelta.resolution)
    remembered = state.recommendations
    for index in range(len(remembered) - 1, -1, -1):
        if remembered[index][0] < cutoff:
            remembered = (*remembered[:index], latest, *remembered[index + 1 :])
            break
    else:
        remembered = (*remembered, latest)
    return State(remembered, state.scale_ups, state.scale_downs, state.scaled_to_zero)


def _after_rescale(spec: HpaSpec, state: State, current: int, desired: int, now: datetime) -> State:
    """What a change of replicas leaves to remember."""
    ups, downs = state.scale_ups, state.scale_downs
    if spec.behavior is not None and desired > current:
        ups = _store_scale_event(ups, spec.behavior.scale_up, ScaleEvent(now, desired - current))
    elif spec.behavior is not None:
        downs = _store_scale_event(downs, spec.behavior.scale_down, ScaleEvent(now, current - desired))
    return State(state.recommendations, ups, downs, spec.flags.scale_to_zero and desired == 0)


def _store_scale_event(
    events: tuple[ScaleEvent, ...], rules: ScalingRules, latest: ScaleEvent
) -> tuple[ScaleEvent, ...]:
    """storeScaleEvent: in the place of the last event that is outdated, which also a shorter period once made it."""
    cutoff = latest.at - rules.longest_period
    marked = [event if event.at >= cutoff else event._replace(outdated=True) for event in events]
    for index in range(len(marked) - 1, -1, -1):
        if marked[index].outdated:
            marked[index] = latest
            return tuple(marked)
    return (*marked, latest)
