"""How many replicas a metric asks for that is sampled pod by pod: averages, and utilization of what was requested.

Names follow the replica calculator of Kubernetes 1.36.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from controller.simulation.hpa_pods import Groups, Pod, Sample, group_pods, is_starting
from controller.simulation.hpa_spec import Flags, HpaSpec, MetricSpec, Scale, Seen, TargetType

CPU = "cpu"
"""The one resource whose samples count only of pods that have started."""


class _Averaging(NamedTuple):
    """How samples become a ratio of usage to target, and what stands in for a missing one on the way down."""

    ratio: Callable[[Mapping[str, int]], float]
    stand_in: Callable[[str], int]


def pods_replicas(spec: HpaSpec, metric: MetricSpec, seen: Seen) -> int | None:
    """GetMetricReplicas: of a custom metric, any running pod's sample counts. None where the metric has failed."""
    samples = seen.metrics.pods.get(metric.key, {})
    groups = group_pods(seen.scale.pods, samples, lambda _: False)
    return _average_value(spec, metric, seen.scale, samples, groups)


def resource_replicas(spec: HpaSpec, metric: MetricSpec, seen: Seen) -> int | None:
    """GetRawResourceReplicas or GetResourceReplicas, as the target asks. None where the metric has failed."""
    samples = seen.metrics.resources.get(metric.key, {})
    groups = _group_by_resource(metric, seen, samples, spec.flags)
    usage = {pod: sample.value for pod, sample in samples.items()}
    if metric.target_type is TargetType.UTILIZATION:
        return _utilization(spec, metric, seen.scale, usage, groups)
    return _average_value(spec, metric, seen.scale, usage, groups)


def _group_by_resource(metric: MetricSpec, seen: Seen, samples: Mapping[str, Sample], flags: Flags) -> Groups:
    period, delay = flags.cpu_initialization_period, flags.initial_readiness_delay

    def is_unready(pod: Pod) -> bool:
        return metric.name == CPU and is_starting(pod, samples[pod.name], seen.now, period, delay)

    return group_pods(seen.scale.pods, samples, is_unready)


def _average_value(
    spec: HpaSpec, metric: MetricSpec, scale: Scale, usage: Mapping[str, int], groups: Groups
) -> int | None:
    """calcPlainMetricReplicas."""

    def ratio(usage: Mapping[str, int]) -> float:
        return _quotient(sum(usage.values()), len(usage)) / metric.target

    return _replicas(spec, scale, usage, groups, _Averaging(ratio, lambda _: metric.target))


def _utilization(
    spec: HpaSpec, metric: MetricSpec, scale: Scale, usage: Mapping[str, int], groups: Groups
) -> int | None:
    """GetResourceReplicas; every pod of the workload must request the resource, whether its sample counts or not."""
    requests: dict[str, int] = {}
    for pod in scale.pods:
        request = pod.request(metric.name, metric.container)
        if request is None:
            return None
        requests[pod.name] = request
    counted = usage.keys() - groups.ignored - groups.unready
    if not sum(requests.get(pod, 0) for pod in counted):
        return None

    def ratio(usage: Mapping[str, int]) -> float:
        used = sum(value for pod, value in usage.items() if pod in requests)
        requested = sum(requests[pod] for pod in usage if pod in requests)
        return _quotient(used * 100, requested) / metric.target

    def stand_in(pod: str) -> int:
        return requests[pod] * max(100, metric.target) // 100

    return _replicas(spec, scale, usage, groups, _Averaging(ratio, stand_in))


def _replicas(
    spec: HpaSpec, scale: Scale, usage: Mapping[str, int], groups: Groups, averaging: _Averaging
) -> int | None:
    """The replicas at which the average is on target; pods without a sample weaken a change, and never turn it."""
    without = groups.ignored | groups.unready
    counted = {pod: value for pod, value in usage.items() if pod not in without}
    if not scale.pods or not counted:
        return None
    current, within = scale.replicas, spec.tolerances.within
    ratio = averaging.ratio(counted)
    unready_matters = bool(groups.unready) and ratio > 1.0
    if not unready_matters and not groups.missing:
        return current if within(ratio) else math.ceil(ratio * groups.ready)
    if ratio != 1.0:
        counted |= {pod: averaging.stand_in(pod) if ratio < 1.0 else 0 for pod in groups.missing}
    if unready_matters:
        counted |= dict.fromkeys(groups.unready, 0)
    filled = averaging.ratio(counted)
    replicas = math.ceil(filled * len(counted))
    turned = (ratio < 1.0 < filled) or (filled < 1.0 < ratio)
    against = (filled < 1.0 and replicas > current) or (filled > 1.0 and replicas < current)
    return current if within(filled) or turned or against else replicas


def _quotient(total: int, count: int) -> int:
    """Division of whole numbers as Go does it, towards zero."""
    return total // count if total >= 0 else -(-total // count)
