"""How long a workload's pods take until they take traffic, as the pods themselves tell: created, and Ready. Pure.

A percentile of the last starts, and the sync of the HPA before it. Of a pod only the first readiness counts: one that
was ready, was not, and is again tells nothing of a start.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
Target = tuple[str, str, str]
"""Namespace, kind and name of what an HPA scales."""
SYNC = timedelta(seconds=15)
LONGEST = timedelta(minutes=14)
"""A forecast reaches fifteen minutes; what takes longer to start cannot be met by it."""
NO_START = timedelta(hours=1)
"""A pod that became ready so late had been before, and was not for a while, as when what it needs was away."""
FEWEST = 5
_LAST = 50
SHARE = 0.9
"""Of the starts, those that a lead time is to be enough for."""
_BEHIND = {"rollouts-pod-template-hash": "Rollout", "pod-template-hash": "Deployment"}
"""Labels of the pods of a ReplicaSet, and what has made it."""


class LeadTimes:
    """The last starts of every workload that has pods."""

    def __init__(self) -> None:
        self._starts: dict[Target, OrderedDict[str, timedelta]] = {}

    def learn(self, pod: Json) -> None:
        """What a pod tells as it is now; nothing before it is ready, and nothing twice."""
        target, start = target_of(pod), start_of(pod)
        if target is None or start is None:
            return
        starts = self._starts.setdefault(target, OrderedDict())
        starts.setdefault(pod["metadata"]["uid"], start)
        while len(starts) > _LAST:
            starts.popitem(last=False)

    def forget(self, target: Target) -> None:
        """Of a workload that has no pods any more, and that nobody scales."""
        self._starts.pop(target, None)

    def of(self, target: Target) -> timedelta | None:
        """From a decision to the pods taking traffic, for nine starts in ten; None until five are known."""
        starts = sorted(self._starts.get(target, {}).values())
        if len(starts) < FEWEST:
            return None
        return lead_of(starts[math.ceil(SHARE * len(starts)) - 1])


def lead_of(start: timedelta) -> timedelta:
    """From a decision to the pods taking traffic, where these are ready so long after they were made."""
    return min(SYNC + start, LONGEST)


def scaled_by(hpa: Json) -> Target:
    """What an HPA scales."""
    reference = hpa["spec"]["scaleTargetRef"]
    return hpa["metadata"]["namespace"], reference["kind"], reference["name"]


def target_of(pod: Json) -> Target | None:
    """What a pod belongs to: the Deployment, or Argo Rollout, behind its ReplicaSet, by the name that it gives it."""
    for owner in pod["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            namespace, kind, name = pod["metadata"]["namespace"], owner["kind"], owner["name"]
            labels = pod["metadata"].get("labels") or {}
            for label, behind in _BEHIND.items():
                if kind == "ReplicaSet" and label in labels:
                    return namespace, behind, name.rpartition("-")[0]
            return namespace, kind, name
    return None


def start_of(pod: Json) -> timedelta | None:
    """From its creation to its readiness; None where it is not ready, or has been restarted, or was ready before."""
    status: Mapping[str, Any] = pod.get("status", {})
    if any(one.get("restartCount", 0) for one in status.get("containerStatuses") or []):
        return None
    for one in status.get("conditions") or []:
        if one["type"] == "Ready" and one["status"] == "True" and one.get("lastTransitionTime"):
            created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
            start = max(timedelta(0), datetime.fromisoformat(one["lastTransitionTime"]) - created)
            return start if start < NO_START else None
    return None
