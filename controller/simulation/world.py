"""Pods with connections that stay where they are: what a scaler's replicas do to a load.

One tick is `advance` and then `scale`; in between, the scaler decides. The demo does the same with real processes, so
the order of what happens within a tick is part of the contract. Seeded: the same load, settings and replicas give the
same world. Why it is modelled as it is, and from which sources: docs/decisions/0014.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from controller.simulation.connections import Connections, Manners
from controller.simulation.load import Load
from controller.simulation.nodes import NodeSettings
from controller.simulation.replica_set import PodStart, ReplicaSet
from forecaster.series import IntArray

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class WorldSettings:
    """How the world answers.

    pod_start         from a pod's place on a node to its readiness; the median where `pod_start_p95` is given
    pod_start_p95     what one start in twenty exceeds, lognormal; None: every start takes the same
    failed_starts     share of starts that fail and are begun again by the kubelet, with its back-off
    nodes             the nodes under the pods; None: there is always room
    metric_lag        from a scrape to its being read: the age of the metrics that the HPA and the planner see
    scrape_interval   from one scrape to the next; at most a tick: every tick is scraped
    rate_window       the HPA sees a flow's mean over so much time before a scrape; a tick or less: over one tick
    session           mean life of a connection where a history tells only the level
    admission_factor  a pod takes new connections up to this many times its capacity
    drain             over how much time a pod that ends sends its clients away while it holds its place; zero: it is
                      gone at once, and all its connections with it. Fifteen seconds are the gateway's own
    retry_within      clients who lost their pod or were turned away come back evenly spread over it, at the next tick
                      at the earliest
    rebalance         share of its connections that a pod well above the mean asks to connect again in a minute; zero,
                      as the gateway asks nobody but while it drains
    """

    pod_start: timedelta = timedelta(seconds=60)
    pod_start_p95: timedelta | None = None
    failed_starts: float = 0.0
    nodes: NodeSettings | None = None
    metric_lag: timedelta = timedelta(seconds=30)
    scrape_interval: timedelta = timedelta(0)
    rate_window: timedelta = timedelta(0)
    session: timedelta = timedelta(minutes=20)
    admission_factor: float = 1.5
    drain: timedelta = timedelta(seconds=15)
    retry_within: timedelta = timedelta(0)
    rebalance: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        spans = {
            "metric lag": self.metric_lag,
            "scrape interval": self.scrape_interval,
            "rate window": self.rate_window,
            "drain": self.drain,
            "retry": self.retry_within,
        }
        for name, span in spans.items():
            if span < timedelta(0):
                raise ValueError(f"a {name} of {span}; it must be zero or more")
        if self.session <= timedelta(0):
            raise ValueError(f"a session of {self.session}; it must be above zero")
        if not self.admission_factor > 0:
            raise ValueError(f"an admission factor of {self.admission_factor}; it must be above zero")
        if not 0 <= self.rebalance <= 1:
            raise ValueError(f"a rebalance of {self.rebalance:g} a minute; it must be a share from 0 to 1")
        _ = self.start  # refuses what cannot be one

    @cached_property
    def start(self) -> PodStart:
        """The distribution of pod starts."""
        p95 = self.pod_start if self.pod_start_p95 is None else self.pod_start_p95
        return PodStart(self.pod_start, p95, self.failed_starts)

    @property
    def known_after(self) -> timedelta:
        """How long after its end a bin is known for certain: the next scrape, and its way to the reader."""
        return self.metric_lag + self.scrape_interval


class Measured(NamedTuple):
    """The world at one tick, after its closes and opens.

    connections  open on ready pods; `draining` ones are on pods that end, `waiting` clients have no pod
    hot          connections above the capacity of the pod that they are on
    opened       connections that a pod took at this tick; `back` of them by clients that had been on another pod or
                 were turned away before; `refused` were turned away now
    moved        connections that were sent away from a pod with too many, and are among those who came back
    """

    ready: int
    connections: int
    draining: int
    waiting: int
    hot: float
    opened: int
    back: int
    refused: int
    moved: int


class World:
    """The pods of one workload and their clients."""

    def __init__(self, load: Load, capacity: float, settings: WorldSettings, replicas: int, first: int = 0) -> None:
        """`replicas` pods are ready and hold the connections that were open before tick `first`.

        `capacity` is what one pod carries of the stock signal; without a stock it does not matter.
        """
        self._load = load
        self._pods = ReplicaSet(settings.start, settings.nodes, settings.drain, settings.seed)
        self._pods.begin(replicas, load.time(first))
        manners = Manners(
            capacity=capacity,
            admits=int(settings.admission_factor * capacity),
            drain=max(1, -(-settings.drain // load.tick)),
            retry=max(1, -(-settings.retry_within // load.tick)),
            rebalance=1 - (1 - settings.rebalance) ** (load.tick / _MINUTE),
        )
        self._clients = Connections(manners, replicas, settings.seed)
        self._clients.open(load.open_before(first))

    @property
    def pods(self) -> int:
        """Pods that exist and were not told to end, ready or not."""
        return len(self._pods)

    @property
    def ending(self) -> int:
        """Pods that were told to end and still hold their place."""
        return self._pods.ending

    @property
    def connections(self) -> IntArray:
        """[ready pods], open connections, in the order in which the pods became ready."""
        return self._clients.on_pods

    @property
    def draining(self) -> int:
        """Connections on pods that end."""
        return self._clients.draining

    @property
    def waiting(self) -> int:
        """Clients without a pod, who try again at one of the next ticks."""
        return self._clients.waiting

    def advance(self, tick: int) -> Measured:
        """What happens by itself at a tick: pods become ready, users close, users open; then it is measured."""
        clients = self._clients
        became = self._pods.become_ready(self._load.time(tick))
        if became:
            clients.add_pods(became)
        moved = clients.rebalance()
        clients.close(int(self._load.closes[tick]))
        opened = clients.open(int(self._load.opens[tick]))
        return Measured(
            ready=clients.pods,
            connections=clients.connected,
            draining=clients.draining,
            waiting=clients.waiting,
            hot=clients.hot,
            opened=opened.taken,
            back=opened.back,
            refused=opened.refused,
            moved=moved,
        )

    def scale(self, replicas: int, now: datetime) -> int:
        """Starts or ends pods until there are `replicas`; the connections that lose their pod by it.

        Surplus pods end as a ReplicaSet ends them. Their clients leave over the drain, wait, and connect again.
        """
        ended = self._pods.scale(replicas, now)
        broken = self._clients.end_pods(ended) if ended else 0
        self._clients.drain()
        return broken
