"""Which policy holds which HPA, or why it may not. Pure.

One bad policy is refused by itself; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from controller.errors import BadPolicy
from controller.hpa_patch import target_of
from controller.policy import Workload, resolve_object
from controller.ready_pods import Counted
from controller.rollouts import Rollouts
from controller.scaled_objects import KIND, held_key, is_view, key_of_scaled
from forecaster.incidents import Incident

Json = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""
_MANAGED_BY = "app.kubernetes.io/managed-by"
_KEDA = "keda-operator"


@dataclass(frozen=True)
class Refusal:
    """Why a policy is not followed: a reason in CamelCase, and in words what was found and what to do."""

    reason: str
    message: str


@dataclass(frozen=True, eq=False)
class Subject:
    """A policy that is followed: its object, what it says, and its HPA as it was read.

    lead_time  as the workload's pods have shown; None where the policy states one, or too few are known
    pods       that the means of the HPA's metrics are of
    rollouts   of the workload, as its pods have shown
    """

    object: Json
    workload: Workload
    hpa: Json
    lead_time: timedelta | None = None
    pods: Counted = Counted()  # noqa: RUF009  frozen
    rollouts: Rollouts = Rollouts()  # noqa: RUF009  frozen

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What of the history of its signals is not to be expected again: what the policy says, and what was seen."""
        told, seen = self.workload.incidents, self.rollouts.forgotten
        return (*told, *seen) if self.workload.forgets_rollouts else told


def subjects(policies: Mapping[Key, Json], hpas: Mapping[Key, Json]) -> dict[Key, Subject | Refusal]:
    """What becomes of each policy. Of several for one HPA the oldest holds it."""
    found: dict[Key, Subject | Refusal] = {}
    holders: dict[Key, Key] = {}
    for key in sorted(policies, key=lambda key: (policies[key]["metadata"].get("creationTimestamp", ""), key)):
        one = _subject(policies[key], hpas)
        if isinstance(one, Subject):
            hpa = held_key(one.hpa)
            holder = holders.setdefault(hpa, key)
            if holder != key:
                one = Refusal(
                    "DuplicatePolicy",
                    f"the HPA {hpa[1]} is held by the older policy {holder[1]}; remove one of the two",
                )
        found[key] = one
    return found


def named_by(policies: Iterable[Json]) -> set[Key]:
    """Under which keys the HPAs and ScaledObjects stand that any of the policies names, in whatever state it is."""
    found: set[Key] = set()
    for policy in policies:
        namespace, spec = policy["metadata"]["namespace"], policy["spec"]
        if name := spec.get("hpaRef", {}).get("name"):
            found.add((namespace, name))
        if name := spec.get("scaledObjectRef", {}).get("name"):
            found.add(key_of_scaled(namespace, name))
    return found


def _subject(policy: Json, hpas: Mapping[Key, Json]) -> Subject | Refusal:
    try:
        workload = resolve_object(policy)
    except BadPolicy as error:
        return Refusal("BadPolicy", str(error))
    unasked = [one.name for one in workload.policy.signals if one.name not in {q.signal for q in workload.queries}]
    if unasked:
        return Refusal("BadPolicy", f"no query for {', '.join(unasked)}; give each signal one")
    if workload.scaled_object is not None:
        return _scaled(policy, workload, workload.scaled_object, hpas)
    if workload.hpa is None:
        return Refusal("BadPolicy", "no hpaRef; name the HorizontalPodAutoscaler in spec.hpaRef.name")
    hpa = hpas.get((workload.namespace, workload.hpa))
    if hpa is None:
        there = (
            ", ".join(sorted(name for namespace, name in hpas if namespace == workload.namespace and "/" not in name))
            or "none"
        )
        return Refusal(
            "HpaNotFound",
            f"no HPA {workload.hpa} in {workload.namespace}, which has {there}; create it, or name another",
        )
    owner = owner_of(hpa)
    if owner is not None:
        instead = "name it in spec.scaledObjectRef" if owner.startswith(KIND) else "scale by that"
        return Refusal(
            "HpaOwned", f"the HPA {workload.hpa} belongs to {owner}, which would undo every change; {instead} instead"
        )
    return next(_unfit(workload, hpa), Subject(policy, workload, hpa))


def _scaled(policy: Json, workload: Workload, name: str, hpas: Mapping[Key, Json]) -> Subject | Refusal:
    held = hpas.get(key_of_scaled(workload.namespace, name))
    if held is None:
        there = ", ".join(
            sorted(
                one["metadata"]["name"] for key, one in hpas.items() if key[0] == workload.namespace and is_view(one)
            )
        )
        return Refusal(
            "ScaledObjectNotFound",
            f"no ScaledObject {name} with an HPA in {workload.namespace}, which has {there or 'none'}; create it, name"
            " another, or end its pause, during which KEDA keeps no HPA",
        )
    owner = owner_of(held)
    if owner is not None:
        return Refusal("HpaOwned", f"the ScaledObject {name} belongs to {owner}, which would undo every change")
    return next(_unfit(workload, held), Subject(policy, workload, held))


def _unfit(workload: Workload, hpa: Json) -> Iterator[Refusal]:
    """Where a policy and its HPA contradict each other."""
    policy = workload.policy
    if beyond := policy.bounds.beyond(hpa["spec"]["maxReplicas"]):
        yield Refusal("BadPolicy", beyond)
    if policy.target is not None and target_of(hpa, policy.target.metric) is None:
        yield Refusal(
            "BadPolicy",
            f"target.metric {policy.target.metric}: the HPA {workload.hpa} has no metric of that name with an"
            " averageValue; name one that has, or leave the lever Target out",
        )


def owner_of(hpa: Json) -> str | None:
    """Who else manages an HPA, such as "ScaledObject chat"; None where nobody does."""
    for owner in hpa["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return f"{owner['kind']} {owner['name']}"
    if (hpa["metadata"].get("labels") or {}).get(_MANAGED_BY) == _KEDA:
        return "KEDA"
    return None
