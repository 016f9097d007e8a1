"""The pods of a workload, as a ReplicaSet, the scheduler and the kubelet have them: how they start, which end first."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from statistics import NormalDist

import numpy as np

from controller.simulation.nodes import Node, Nodes, NodeSettings

_Z95 = 1.6448536269514722
"""The 0.95 quantile of the standard normal distribution."""
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=10), timedelta(minutes=5)
"""The kubelet's delay before it starts a container for the third time; each further one doubles, up to the longest."""


@dataclass(frozen=True)
class PodStart:
    """How long a pod takes from its place on a node to its readiness.

    Lognormal where `p95` is above the median, fixed where they are the same. A start fails with the probability
    `failed`, and the kubelet starts the container again: at once, then after 10 s, 20 s, 40 s and so on up to 5 min.
    """

    median: timedelta
    p95: timedelta
    failed: float = 0.0

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.median <= self.p95:
            raise ValueError(f"a pod start of {self.median}, p95 {self.p95}; must be 0 <= median <= p95")
        if self.p95 > self.median == timedelta(0):
            raise ValueError(f"a pod start of 0 with a p95 of {self.p95}; the median must be above zero, or both zero")
        if not 0 <= self.failed < 1:
            raise ValueError(f"a share of failed starts of {self.failed:g}; it must be at least 0 and below 1")

    def quantile(self, share: float) -> timedelta:
        """What so large a share of the starts that do not fail takes at most; above 0, below 1."""
        return self._once(NormalDist().inv_cdf(share)) if self._varies else self.median

    def draw(self, rng: np.random.Generator) -> timedelta:
        """The time that one pod takes, with its failed starts."""
        total, delay = self._drawn(rng), timedelta(0)
        while self.failed and rng.random() < self.failed:
            total += delay + self._drawn(rng)
            delay = min(max(2 * delay, _FIRST_DELAY), _LONGEST_DELAY)
        return total

    def _drawn(self, rng: np.random.Generator) -> timedelta:
        return self._once(rng.normal()) if self._varies else self.median

    @property
    def _varies(self) -> bool:
        return self.p95 > self.median

    def _once(self, deviate: float) -> timedelta:
        """One start, by a deviate of the standard normal distribution."""
        return self.median * math.exp(deviate * (math.log(self.p95 / self.median) / _Z95))


@dataclass(frozen=True, slots=True, eq=False)
class Pod:
    """One pod. `node` is None where nodes are not modelled."""

    uid: float
    created_at: datetime
    ready_at: datetime
    node: Node | None


class Uids:
    """The UIDs of pods in the order of their creation: random, and the same for the same seed.

    Between pods of about one age a ReplicaSet decides by UID. The demo's processes get theirs from here too, so that
    in a replay of the demo's load the same pods end.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])

    def next(self) -> float:
        """The UID of the next pod."""
        return float(self._rng.random())


def first_to_end(pods: Sequence[Pod], ready: Collection[Pod], now: datetime) -> list[Pod]:
    """The pods in the order in which a ReplicaSet ends them when there are too many (ActivePodsWithRanks).

    First those that wait for a node; then those that are not ready; then those that share their node with the most
    others; then the youngest, by power of two of their age; then by UID. Deletion costs are not set, and restarts of
    pods that are not ready are not looked at.
    """
    on_node = Counter(id(pod.node) for pod in pods if pod.node is not None)

    def key(pod: Pod) -> tuple[bool, bool, int, int, float]:
        up = pod in ready
        assigned = pod.node is None or pod.node.ready_at <= now
        doubled = on_node[id(pod.node)] if pod.node is not None else 0
        return assigned, up, -doubled, _age_rank(pod.ready_at if up else pod.created_at, now), pod.uid

    return sorted(pods, key=key)


def _age_rank(since: datetime, now: datetime) -> int:
    """logarithmicRankDiff's rank of an age: pods of one power of two of nanoseconds count as equally old."""
    nanoseconds = (now - since) // timedelta(microseconds=1) * 1000
    return math.floor(math.log2(nanoseconds)) if nanoseconds > 0 else -1


class ReplicaSet:
    """The pods of one workload. Those that are ready are in the order in which they became it."""

    def __init__(self, start: PodStart, nodes: NodeSettings | None, drain: timedelta, seed: int) -> None:
        """Without `nodes` there is always room. A ready pod that is told to end holds its place for `drain`."""
        self._start = start
        self._nodes = Nodes(nodes) if nodes is not None else None
        self._drain = drain
        self._uids = Uids(seed)
        self._rng = np.random.default_rng([seed, 2])
        self._ready: list[Pod] = []
        self._starting: list[Pod] = []
        self._ending: deque[tuple[datetime, Pod]] = deque()

    def __len__(self) -> int:
        """Pods that exist and were not told to end, ready or not."""
        return len(self._ready) + len(self._starting)

    @property
    def ending(self) -> int:
        """Pods that were told to end and still hold their place."""
        return len(self._ending)

    def begin(self, replicas: int, now: datetime) -> None:
        """So many pods are there from the beginning, ready, and so are the nodes under them."""
        for _ in range(replicas):
            node = self._nodes.bind(now, timedelta(0)) if self._nodes is not None else None
            self._ready.append(Pod(self._uids.next(), now, now, node))

    def become_ready(self, now: datetime) -> int:
        """How many pods have become ready since the last call."""
        starting = self._starting
        if not starting or starting[0].ready_at > now:
            return 0
        due = sum(pod.ready_at <= now for pod in starting)
        self._ready += starting[:due]
        del starting[:due]
        return due

    def scale(self, replicas: int, now: datetime) -> list[int]:
        """Starts or ends pods until there are `replicas`; the places of the ended ones among the ready, ascending."""
        while self._ending and self._ending[0][0] <= now:
            self._release(self._ending.popleft()[1], now)
        surplus = len(self) - replicas
        for _ in range(-surplus):
            insort(self._starting, self._create(now), key=attrgetter("ready_at"))
        return self._end(surplus, now) if surplus > 0 else []

    def _create(self, now: datetime) -> Pod:
        node = self._nodes.bind(now) if self._nodes is not None else None
        scheduled_at = max(now, node.ready_at) if node is not None else now
        return Pod(self._uids.next(), now, scheduled_at + self._start.draw(self._rng), node)

    def _end(self, surplus: int, now: datetime) -> list[int]:
        ready = set(self._ready)
        ended = set(first_to_end([*self._starting, *self._ready], ready, now)[:surplus])
        places = [place for place, pod in enumerate(self._ready) if pod in ended]
        for pod in (*self._starting, *self._ready):
            if pod in ended and pod in ready and self._drain > timedelta(0):
                self._ending.append((now + self._drain, pod))
            elif pod in ended:
                self._release(pod, now)
        self._ready = [pod for pod in self._ready if pod not in ended]
        self._starting = [pod for pod in self._starting if pod not in ended]
        return places

    def _release(self, pod: Pod, now: datetime) -> None:
        if self._nodes is not None and pod.node is not None:
            self._nodes.release(pod.node, now)
