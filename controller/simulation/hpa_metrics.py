"""How many replicas each metric of an HPA asks for, and which of those counts wins.

Names follow the replica calculator of Kubernetes 1.36. Another kind of metric is another row of `_PROPOSALS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from controller.simulation.hpa_pod_metrics import pods_replicas, resource_replicas
from controller.simulation.hpa_spec import HpaSpec, MetricSpec, Scale, Seen, Source, TargetType

_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_VALUE = TargetType.VALUE
"""Looked up once, because Python 3.11 is slow to find a member of an enum."""

_Proposal = Callable[[HpaSpec, MetricSpec, Seen], int | None]


class Computed(NamedTuple):
    """What the metrics together ask for.

    replicas  None where scaling is blocked: every metric failed, or one did and the rest ask for less than there is
    failed    the metrics that gave no answer, in the order of the spec
    """

    replicas: int | None
    failed: tuple[MetricSpec, ...]


def compute_replicas(spec: HpaSpec, seen: Seen) -> Computed:
    """computeReplicasForMetrics: the largest proposal of all metrics; with a metric failing, only upwards.

    A negative total may ask for a negative count, which counts as zero once it has won.
    """
    replicas: int | None = None
    failed: tuple[MetricSpec, ...] = ()
    for metric in spec.metrics:
        proposal = _PROPOSALS[metric.source](spec, metric, seen)
        if proposal is None:
            failed = (*failed, metric)
        elif not replicas or proposal > replicas:
            replicas = proposal
    if replicas is None or (failed and replicas < seen.scale.replicas):
        return Computed(None, failed)
    return Computed(max(replicas, 0), failed)


def _object_replicas(spec: HpaSpec, metric: MetricSpec, seen: Seen) -> int | None:
    """GetObjectMetricReplicas or GetObjectPerPodMetricReplicas, as the target asks."""
    usage = seen.metrics.objects.get(metric.key)
    if usage is None:
        return None
    if metric.target_type is _VALUE:
        return _usage_ratio_replicas(spec, metric, seen.scale, usage)
    return _per_pod_replicas(spec, metric, seen.scale, usage)


def _external_replicas(spec: HpaSpec, metric: MetricSpec, seen: Seen) -> int | None:
    """GetExternalMetricReplicas or GetExternalPerPodMetricReplicas, as the target asks."""
    series = seen.metrics.external.get(metric.key)
    if not series:
        return None
    if metric.target_type is _VALUE:
        return _usage_ratio_replicas(spec, metric, seen.scale, min(sum(series), _INT64_MAX))
    usage = 0
    for value in series:
        usage += value
        if not 0 <= usage <= _INT64_MAX:
            # Upstream takes any negative sum for one that overflowed: a total below zero asks for all there may be.
            usage = _INT64_MAX
            break
    return _per_pod_replicas(spec, metric, seen.scale, usage)


def _usage_ratio_replicas(spec: HpaSpec, metric: MetricSpec, scale: Scale, usage: int) -> int | None:
    """getUsageRatioReplicaCount: in proportion to the pods that are ready, not to those that were asked for."""
    ratio = float(usage) / float(metric.target)
    if scale.replicas == 0:
        return math.ceil(ratio)
    if spec.tolerances.within(ratio):
        return scale.replicas
    if not scale.pods:
        return None
    return min(math.ceil(ratio * sum(pod.is_ready for pod in scale.pods)), _INT32_MAX)


def _per_pod_replicas(spec: HpaSpec, metric: MetricSpec, scale: Scale, usage: int) -> int:
    """The total over the target; which pods are ready does not matter."""
    total, target = float(usage), metric.target
    # With no pods upstream divides by zero, and neither Inf nor NaN is ever within the tolerance.
    if scale.status_replicas and spec.tolerances.within(total / (target * scale.status_replicas)):
        return scale.status_replicas
    return min(math.ceil(total / target), _INT32_MAX)


_PROPOSALS: dict[Source, _Proposal] = {
    Source.RESOURCE: resource_replicas,
    Source.CONTAINER_RESOURCE: resource_replicas,
    Source.PODS: pods_replicas,
    Source.OBJECT: _object_replicas,
    Source.EXTERNAL: _external_replicas,
}
