"""How many replicas each metric of an HPA asks for, and which of those counts wins.

Names follow the replica calculator of Kubernetes 1.36. Another kind of metric is another row of `_PROPOSALS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from controller.simulation.hpa_spec import (
    HpaSpec,
    Metrics,
    MetricSpec,
    Phase,
    Scale,
    Source,
    TargetType,
    Tolerances,
)

_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1


class Computed(NamedTuple):
    """What the metrics together ask for.

    replicas  None where scaling is blocked: every metric failed, or one did and the rest ask for less than there is
    failed    the metrics that gave no answer, in the order of the spec
    """

    replicas: int | None
    failed: tuple[MetricSpec, ...]


def compute_replicas(spec: HpaSpec, scale: Scale, metrics: Metrics) -> Computed:
    """The largest proposal of all metrics; with a metric failing, only upwards."""
    replicas: int | None = None
    failed: tuple[MetricSpec, ...] = ()
    for metric in spec.metrics:
        proposal = _PROPOSALS[metric.source, metric.target_type](metric, scale, metrics, spec.tolerances)
        if proposal is None:
            failed = (*failed, metric)
        elif not replicas or proposal > replicas:
            replicas = proposal
    if failed and replicas is not None and replicas < scale.replicas:
        replicas = None
    return Computed(replicas, failed)


def _external_average_value(metric: MetricSpec, scale: Scale, metrics: Metrics, tolerances: Tolerances) -> int | None:
    """GetExternalPerPodMetricReplicas: the total over the target; which pods are ready does not matter."""
    series = metrics.external.get(metric.name)
    if not series:
        return None
    usage = min(sum(series), _INT64_MAX)
    # With no pods upstream divides by zero, and neither Inf nor NaN is ever within the tolerance.
    if scale.status_replicas and tolerances.within(usage / (metric.target * scale.status_replicas)):
        return scale.status_replicas
    return min(math.ceil(usage / metric.target), _INT32_MAX)


class _Groups(NamedTuple):
    """Pods by what their samples are worth; ready counts those whose sample stands."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def _group_pods(scale: Scale, sampled: frozenset[str]) -> _Groups:
    """groupPods, for metrics other than CPU: a running pod with a sample counts, ready or not."""
    ignored = frozenset(pod.name for pod in scale.pods if pod.deleting or pod.phase is Phase.FAILED)
    unready = frozenset(pod.name for pod in scale.pods if pod.phase is Phase.PENDING) - ignored
    counted = frozenset(pod.name for pod in scale.pods) - ignored - unready
    return _Groups(len(counted & sampled), unready, counted - sampled, ignored)


def _pods_average_value(metric: MetricSpec, scale: Scale, metrics: Metrics, tolerances: Tolerances) -> int | None:
    """calcPlainMetricReplicas: samples averaged; pods without one are filled in against the direction of the change."""
    samples = metrics.pods.get(metric.name, {})
    groups = _group_pods(scale, frozenset(samples))
    usage = {pod: value for pod, value in samples.items() if pod not in groups.ignored | groups.unready}
    if not scale.pods or not usage:
        return None
    ratio = _usage_ratio(usage, metric.target)
    unready_matters = bool(groups.unready) and ratio > 1.0
    if not unready_matters and not groups.missing:
        return scale.replicas if tolerances.within(ratio) else math.ceil(ratio * groups.ready)
    if ratio != 1.0:
        usage |= dict.fromkeys(groups.missing, metric.target if ratio < 1.0 else 0)
    if unready_matters:
        usage |= dict.fromkeys(groups.unready, 0)
    filled = _usage_ratio(usage, metric.target)
    replicas = math.ceil(filled * len(usage))
    turned = (ratio < 1.0 < filled) or (filled < 1.0 < ratio)
    against = (filled < 1.0 and replicas > scale.replicas) or (filled > 1.0 and replicas < scale.replicas)
    return scale.replicas if tolerances.within(filled) or turned or against else replicas


def _usage_ratio(usage: dict[str, int], target: int) -> float:
    """GetMetricUsageRatio: the mean, in whole milli-units (truncated), over the target."""
    return sum(usage.values()) // len(usage) / target


_PROPOSALS: dict[tuple[Source, TargetType], Callable[[MetricSpec, Scale, Metrics, Tolerances], int | None]] = {
    (Source.EXTERNAL, TargetType.AVERAGE_VALUE): _external_average_value,
    (Source.PODS, TargetType.AVERAGE_VALUE): _pods_average_value,
}
