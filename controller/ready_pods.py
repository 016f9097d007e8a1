"""How many pods the means of an HPA's metrics are of, as the pods themselves tell: those that are ready for a while.

The HPA's status says the mean and not of how many. Pods that are not ready yet have no part in it, and those that have
just become so not yet: a metric is as old as its lag and its window. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.lead_time import Target, target_of

Json = dict[str, Any]
MEASURED_AFTER = timedelta(seconds=60)
"""Of readiness: kubelets measure over some 15 s, metrics-server scrapes them every 15 s, an HPA looks as often."""


class ReadyPods:
    """The ready pods of every workload that has pods, and since when they are."""

    def __init__(self) -> None:
        self._since: dict[Target, dict[str, datetime | None]] = {}
        self._targets: dict[tuple[str, str], Target] = {}

    def learn(self, kind: str, pod: Json) -> None:
        """A pod as a watch tells of it; of one that is DELETED no more than namespace and name are needed."""
        key = pod["metadata"].get("namespace", ""), pod["metadata"]["name"]
        if kind == "DELETED":
            target = self._targets.pop(key, None)
            if target is not None:
                del self._since[target][key[1]]
        elif (target := target_of(pod)) is not None:
            self._targets[key] = target
            self._since.setdefault(target, {})[key[1]] = _ready_since(pod)

    def measured(self, target: Target, now: datetime) -> int | None:
        """Those whose metrics count by now; all that are ready where none has been for long, None where none is."""
        ready = [since for since in self._since.get(target, {}).values() if since is not None]
        return sum(now - since >= MEASURED_AFTER for since in ready) or len(ready) or None


def _ready_since(pod: Json) -> datetime | None:
    """None where it is not, or on its way out."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    conditions: list[Mapping[str, Any]] = pod.get("status", {}).get("conditions") or []
    for one in conditions:
        if one["type"] == "Ready" and one["status"] == "True" and one.get("lastTransitionTime"):
            return datetime.fromisoformat(one["lastTransitionTime"])
    return None
