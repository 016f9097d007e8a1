"""Reads a policy: YAML of the PredictiveAutoscaler schema -> `Workload`, or one error that lists every problem.

The rim of the controller: quantities, durations and defaults are resolved here, and nothing behind it sees YAML. What
this version does not act on is refused where ignoring it would mislead, and accepted where it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from controller.domain import Bounds, Lever, Ownership, Planned, Policy, Signal, TargetBounds
from controller.policy_schema import DEFAULTS, Document
from controller.schema import parse_yaml, read_text, validated
from forecaster.incidents import Incident

_OURS = ("name", "namespace", "labels", "annotations")
"""What of the metadata a user writes."""


@dataclass(frozen=True)
class SignalQuery:
    """The PromQL that gives a signal of the policy."""

    signal: str
    query: str


@dataclass(frozen=True)
class Workload:
    """All that a PredictiveAutoscaler says: how to decide, of which HPA, and from where.

    namespace   empty where the document names none
    hpa         name of the HorizontalPodAutoscaler; None outside a cluster, and where KEDA has made it
    scaled_object  name of KEDA's ScaledObject, whose HPA it is
    queries     of the signals that have one
    prometheus  URL of the policy's own; None: the controller's
    lead_time   as stated; None: measured, and until enough is known that of `policy`
    incidents   of the history of its signals, what happened once and is not to be expected again; forgets_rollouts:
                and rollouts, where none before was like them
    """

    policy: Policy
    namespace: str
    name: str
    hpa: str | None
    queries: tuple[SignalQuery, ...]
    prometheus: str | None
    ownership: Ownership
    lead_time: timedelta | None
    scaled_object: str | None = None
    incidents: tuple[Incident, ...] = ()
    forgets_rollouts: bool = True


def load_workload(path: Path) -> Workload:
    """What a YAML file says. Raises BadPolicy, naming the file, where it cannot be read or followed."""
    return resolve(parse_yaml(read_text(path), str(path)), str(path))


def resolve(document: object, where: str) -> Workload:
    """What a document of the schema says. Raises BadPolicy with a line for each problem; `where` names it."""
    return _workload(validated(Document, document, where))


def resolve_object(found: Mapping[str, Any]) -> Workload:
    """What an object says as the API server gives it, with all that the server adds. Raises BadPolicy."""
    metadata = {key: value for key, value in found["metadata"].items() if key in _OURS}
    where = f"{metadata.get('namespace', '')}/{metadata['name']}"
    return resolve({**{key: found.get(key) for key in ("apiVersion", "kind", "spec")}, "metadata": metadata}, where)


def _workload(document: Document) -> Workload:
    spec = document.spec
    return Workload(
        policy=_policy(document),
        namespace=document.metadata.namespace or "",
        name=document.metadata.name,
        hpa=spec.hpa_ref.name if spec.hpa_ref else None,
        queries=tuple(SignalQuery(one.name, one.query) for one in spec.signals if one.query is not None),
        prometheus=spec.prometheus.url if spec.prometheus else None,
        ownership=spec.ownership,
        lead_time=spec.lead_time,
        scaled_object=spec.scaled_object_ref.name if spec.scaled_object_ref else None,
        incidents=tuple(Incident(one.start, one.end, one.reason) for one in spec.incidents),
        forgets_rollouts=spec.rollouts == "Forget",
    )


def _policy(document: Document) -> Policy:
    spec, namespace = document.spec, document.metadata.namespace
    signals = tuple(Signal(signal.name, signal.kind, signal.capacity_per_pod) for signal in spec.signals)
    return Policy(
        name=f"{namespace}/{document.metadata.name}" if namespace else document.metadata.name,
        signals=signals,
        bounds=Bounds(spec.bounds.min_replicas, spec.bounds.max_replicas),
        mode=spec.mode,
        cost_ratio=spec.cost_ratio,
        lead_time=DEFAULTS.lead_time if spec.lead_time is None else spec.lead_time,
        ramp_down=spec.ramp_down.of(signals),
        budget_percent=spec.budget.extra_pod_hours_percent,
        levers=tuple(lever for lever in Lever if lever in spec.levers),
        target=TargetBounds(spec.target.metric, spec.target.min, spec.target.max) if spec.target else None,
        events=tuple(Planned(one.start, one.end, one.min_replicas, one.reason) for one in spec.events),
    )
