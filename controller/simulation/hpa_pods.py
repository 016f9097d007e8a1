"""The pods of an HPA's workload, and which of them count when their samples are averaged.

Names follow the replica calculator of Kubernetes 1.36. Requests set on the pod as a whole are outside: those of its
containers are summed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


class Phase(enum.StrEnum):
    """The phases of a pod that the HPA tells apart."""

    PENDING = "Pending"
    RUNNING = "Running"
    FAILED = "Failed"


class ConditionStatus(enum.StrEnum):
    """What a condition says. Unknown is what becomes of pods whose node is not heard of."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Readiness(NamedTuple):
    """The Ready condition of a pod, and since when it says so."""

    status: ConditionStatus
    since: datetime


@dataclass(frozen=True)
class Pod:
    """A pod that the scale target's selector matches.

    ready     its Ready condition; None: it has none yet
    started   when its kubelet took it on (`status.startTime`)
    requests  container -> resource -> milli-units, of ordinary containers and of init containers that restart
    """

    name: str
    phase: Phase = Phase.RUNNING
    deleting: bool = False
    ready: Readiness | None = None
    started: datetime | None = None
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether it runs and is ready; it may be about to end all the same."""
        return self.phase is Phase.RUNNING and self.ready is not None and self.ready.status is ConditionStatus.TRUE

    def request(self, resource: str, container: str = "") -> int | None:
        """What its containers, or the one of that name, request; None where one of them requests nothing."""
        counted = [self.requests.get(container, {})] if container else self.requests.values()
        requests = [requested.get(resource) for requested in counted]
        known = [request for request in requests if request is not None]
        return sum(known) if len(known) == len(requests) else None


class Sample(NamedTuple):
    """What a pod used, in milli-units, on average over the `window` that ended at `at`."""

    value: int
    at: datetime
    window: timedelta


class Groups(NamedTuple):
    """Pods by what their samples are worth; ready counts those whose sample stands."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def group_pods(pods: Iterable[Pod], sampled: Container[str], is_unready: Callable[[Pod], bool]) -> Groups:
    """groupPods.

    | the first of these that is true of a pod | group   |
    |------------------------------------------|---------|
    | it is being deleted, or has failed       | ignored |
    | it is pending                            | unready |
    | it has no sample                         | missing |
    | `is_unready`, which only CPU asks        | unready |
    | otherwise, ready or not                  | ready   |
    """
    ready, unready, missing, ignored = 0, [], [], []
    for pod in pods:
        if pod.deleting or pod.phase is Phase.FAILED:
            ignored.append(pod.name)
        elif pod.phase is Phase.PENDING:
            unready.append(pod.name)
        elif pod.name not in sampled:
            missing.append(pod.name)
        elif is_unready(pod):
            unready.append(pod.name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def is_starting(
    pod: Pod, sample: Sample, now: datetime, initialization_period: timedelta, readiness_delay: timedelta
) -> bool:
    """Whether a CPU sample may be of the pod's start rather than of its work.

    Until `initialization_period` after its start: while it is not ready, and for one window after its readiness
    changed. Later: only where it became unready within `readiness_delay` of its start, so was never ready.
    """
    if pod.ready is None or pod.started is None:
        return True
    says_no = pod.ready.status is ConditionStatus.FALSE
    if pod.started + initialization_period > now:
        return says_no or sample.at < pod.ready.since + sample.window
    return says_no and pod.started + readiness_delay > pod.ready.since
