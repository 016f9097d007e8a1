"""What the HPA would hold without us: recomputed from what its status says of its metrics. Pure.

Its own `desiredReplicas` has our floor in it. So the metrics that it reports go through the same step function that
the replay uses, with the owner's minimum and targets; what that remembers is kept from look to look. Every metric goes
in as an average over the pods, of which the HPA reports only the mean: whose, the caller may know. With those that are
still starting among them, each look would see more load than there is, and hold more pods, which start. What is of no
pod is divided by all, which in a rollout are more than the status says, and each look would see less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from controller.errors import BadPolicy
from controller.hpa_manifest import hpa_spec
from controller.hpa_patch import name_of
from controller.originals import Originals
from controller.ready_pods import Counted
from controller.schema import quantity
from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import MILLI, HpaSpec, Metrics, MetricSpec, Scale, Source, TargetType

Json = dict[str, Any]
_UNKNOWN = Counted()
_OF_NO_POD = (Source.EXTERNAL, Source.OBJECT)
"""Their mean is the total by all pods, ready or not."""


@dataclass(frozen=True)
class Alone:
    """The HPA without a floor of ours, from look to look: its replicas, None before the first, and its memory."""

    replicas: int | None = None
    state: State = field(default_factory=State)


@dataclass(frozen=True)
class HpaWish:
    """What one look gave.

    replicas  that it would hold; None where a metric is missing
    totals    of each metric by name, over all pods
    alone     for the next look
    unread    what of its spec this version does not know, so that nothing can be said of it; empty where it knows all
    """

    replicas: int | None
    totals: Mapping[str, float] = field(default_factory=dict)
    alone: Alone = Alone()
    unread: str = ""


def wish_of(hpa: Json, originals: Originals | None, before: Alone, now: datetime, pods: Counted = _UNKNOWN) -> HpaWish:
    """The look at a raw HPA. What is not known of its `pods` is taken from its status: all of them.

    The API server has taken its spec: what the reader refuses in it, such as a field of a newer Kubernetes, is what it
    does not know, and no mistake of the owner's. Any such part may change what the HPA does, so the wish is unknown.
    """
    current = int(hpa.get("status", {}).get("currentReplicas") or 0)
    reported = list(_reported(hpa, _there(hpa, current, pods.there), min(pods.measured or current, current)))
    totals = {name: total for (name, _), (total, _) in reported}
    try:
        spec = _own(hpa_spec(_manifest(hpa), hpa["metadata"]["name"]), originals)
    except BadPolicy as error:
        return HpaWish(None, totals, before, str(error))
    if current == 0 or [key for key, _ in reported] != [(one.name, one.source) for one in spec.metrics]:
        return HpaWish(None, totals, before)
    metrics: list[MetricSpec] = []
    seen: dict[str, tuple[int, ...]] = {}
    for metric, (_, (total, of_all)) in zip(spec.metrics, reported, strict=True):
        key = f"{len(metrics)}"
        unit = MILLI if metric.target_type is not TargetType.UTILIZATION else 1
        metrics.append(MetricSpec(key, Source.EXTERNAL, metric.target))
        seen[key] = (round(total * unit) * (current if of_all else 1),)  # a ratio to the target, however many there are
    plain = replace(spec, metrics=tuple(metrics))
    there = before.replicas
    if there is None:
        there = current if originals is None or not originals.holds else _at_rest(plain, seen)
    sync = step(plain, before.state, Scale(there, there), Metrics(external=seen), now)
    return HpaWish(sync.replicas, totals, Alone(sync.replicas, sync.state))


def _there(hpa: Json, current: int, known: int | None) -> int:
    """The pods by which the HPA has divided, of which its status says only how many were asked for.

    A rollout has more. While it scales, those that we know may be of after it looked.
    """
    at_rest = hpa["status"].get("desiredReplicas") == current
    return max(current, known or 0) if at_rest else current


def _at_rest(spec: HpaSpec, seen: Mapping[str, tuple[int, ...]]) -> int:
    """Where the HPA would be under this load. The pods that are there are no sign of it: a floor of ours holds them."""
    needs = [-(-seen[metric.name][0] // metric.target) for metric in spec.metrics]
    return min(max(*needs, spec.min_replicas, 1), spec.max_replicas)


def _manifest(hpa: Json) -> Json:
    """A floor of 0 is KEDA's, whose HPA has 1 then: it scales to none by itself."""
    spec = hpa["spec"]
    if spec.get("minReplicas") == 0:
        spec = {**spec, "minReplicas": 1}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}


def _own(spec: HpaSpec, originals: Originals | None) -> HpaSpec:
    """The owner's minimum and targets in the place of ours."""
    if originals is None:
        return spec
    metrics = tuple(
        replace(one, target=_milli(originals.target))
        if one.name == originals.metric and one.target_type is TargetType.AVERAGE_VALUE and originals.target
        else one
        for one in spec.metrics
    )
    return replace(spec, min_replicas=min(max(1, originals.floor), spec.max_replicas), metrics=metrics)


def _milli(text: str) -> int:
    try:
        return max(1, round(quantity(text) * MILLI))
    except ValueError as error:
        raise BadPolicy(f"a target of {text!r}; {error}") from error


def _reported(hpa: Json, there: int, measured: int) -> Iterator[tuple[tuple[str, Source], tuple[float, bool]]]:
    """(name, source) and (total over all pods, in percent of a pod for a utilization; whether it is of no pod).

    In the order of the spec, as the HPA reports them: two may have one name, such as the cpu of two containers.
    """
    for metric in hpa.get("status", {}).get("currentMetrics") or []:
        source = Source(metric["type"]) if metric.get("type") in set(Source) else None
        part = metric.get(metric["type"][:1].lower() + metric["type"][1:]) if source else None
        if source is None or not part:
            continue
        shown, pods = part.get("current", {}), there if source in _OF_NO_POD else measured
        if "averageUtilization" in shown:
            yield (name_of(part), source), (float(shown["averageUtilization"]) * pods, False)
        elif "averageValue" in shown and "value" not in shown:
            yield (name_of(part), source), (_total(shown["averageValue"], source, pods), False)
        elif "value" in shown:
            yield (name_of(part), source), (float(quantity(shown["value"])), True)


def _total(average: str, source: Source, current: int) -> float:
    """The least total of which this can be the mean.

    Of what is no pod's own the HPA rounds the mean up, to thousandths: taken at its word, a load of exactly two pods
    would be one of three.
    """
    milli = quantity(average) * MILLI
    if source in _OF_NO_POD and milli > 0:
        return float((milli - 1) * current + 1) / MILLI
    return float(milli * current) / MILLI
