"""What is kept of the pods of every workload, and how many of them the means of an HPA's metrics are of.

The HPA's status says the mean and not of how many. Of pods' own metrics, those that are not ready yet have no part in
it, and those that have just become so not yet: a metric is as old as its lag and its window. What is of no pod is
divided by all that are there, which in a rollout are more than the HPA asks for. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from controller.lead_time import SYNC, Target, target_of

Json = dict[str, Any]
MEASURED_AFTER = timedelta(seconds=60)
"""Of readiness: kubelets measure over some 15 s, metrics-server scrapes them every 15 s, an HPA looks as often."""

SEEN_AFTER = SYNC + timedelta(seconds=5)
"""Of its making: by then the HPA has looked again, and the status that it leaves knows the pod."""
_ENDED = ("Succeeded", "Failed")
_TEMPLATES = ("pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash")
"""Labels by which Deployments, StatefulSets, and Argo's Rollouts say of which template a pod is."""


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod, as the watch has told of it last.

    template     what its workload calls the template that it is of; empty where it calls it nothing
    ready_since  None where it is not ready, or on its way out
    going        it is being deleted
    ended        it runs no more, and no workload counts it
    """

    template: str
    created: datetime
    ready_since: datetime | None
    going: bool
    ended: bool = False


class Counted(NamedTuple):
    """Pods of a workload; None where there is none, or none is known.

    there     those that it had when the HPA looked last
    measured  those that the means of pods' own metrics are of
    """

    there: int | None = None
    measured: int | None = None


class ReadyPods:
    """The pods of every workload that has pods."""

    def __init__(self) -> None:
        self._pods: dict[Target, dict[str, PodSeen]] = {}
        self._targets: dict[tuple[str, str], Target] = {}

    def learn(self, kind: str, pod: Json) -> Target | None:
        """A pod as a watch tells of it; of one that is DELETED no more than namespace and name are needed.

        The workload whose last pod has gone by it, which nothing is kept of any more: every job is a workload.
        """
        key = pod["metadata"].get("namespace", ""), pod["metadata"]["name"]
        if kind == "DELETED":
            target = self._targets.pop(key, None)
            if target is not None:
                del self._pods[target][key[1]]
                if not self._pods[target]:
                    del self._pods[target]
                    return target
        elif (target := target_of(pod)) is not None:
            self._targets[key] = target
            self._pods.setdefault(target, {})[key[1]] = _seen(pod)
        return None

    def of(self, target: Target) -> Collection[PodSeen]:
        """Those that are there, those on their way out among them."""
        return self._pods.get(target, {}).values()

    def counted(self, target: Target, now: datetime) -> Counted:
        """By now; where none has been ready for long, all that are ready are taken to be measured."""
        pods = self.of(target)
        there = 0
        if target[1] == "Deployment":  # an Argo Rollout tells the HPA of a part of its pods
            there = sum(not (one.going or one.ended) and now - one.created >= SEEN_AFTER for one in pods)
        ready = [one.ready_since for one in pods if one.ready_since is not None]
        measured = sum(now - since >= MEASURED_AFTER for since in ready) or len(ready)
        return Counted(there or None, measured or None)


def _seen(pod: Json) -> PodSeen:
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    template = next((labels[name] for name in _TEMPLATES if name in labels), "")
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    ended = pod.get("status", {}).get("phase") in _ENDED
    return PodSeen(template, created, _ready_since(pod), "deletionTimestamp" in metadata, ended)


def _ready_since(pod: Json) -> datetime | None:
    """None where it is not, or on its way out."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    conditions: list[Mapping[str, Any]] = pod.get("status", {}).get("conditions") or []
    for one in conditions:
        if one["type"] == "Ready" and one["status"] == "True" and one.get("lastTransitionTime"):
            return datetime.fromisoformat(one["lastTransitionTime"])
    return None
