"""Pods with connections that stay where they are: what a scaler's replicas do to a load.

One tick is `advance` and then `scale`; in between, the scaler decides. The demo does the same with real processes, so
the order of what happens within a tick is part of the contract. Seeded: the same load, settings and replicas give the
same world.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from controller.simulation.load import Load
from forecaster.series import IntArray


@dataclass(frozen=True)
class WorldSettings:
    """How the world answers.

    pod_start         from a pod's creation to its readiness
    metric_lag        age of the metrics that the HPA and the planner see
    session           mean life of a connection where a history tells only the level
    admission_factor  a pod takes new connections up to this many times its capacity
    """

    pod_start: timedelta = timedelta(seconds=60)
    metric_lag: timedelta = timedelta(seconds=30)
    session: timedelta = timedelta(minutes=20)
    admission_factor: float = 1.5
    seed: int = 0

    def __post_init__(self) -> None:
        spans = {"pod start": self.pod_start, "metric lag": self.metric_lag}
        for name, span in spans.items():
            if span < timedelta(0):
                raise ValueError(f"a {name} of {span}; it must be zero or more")
        if self.session <= timedelta(0):
            raise ValueError(f"a session of {self.session}; it must be above zero")
        if not self.admission_factor > 0:
            raise ValueError(f"an admission factor of {self.admission_factor}; it must be above zero")


@dataclass(frozen=True, slots=True)
class Measured:
    """The world at one tick, after its closes and opens.

    connections  open on ready pods; `waiting` ones were refused or have lost their pod
    hot          connections above the capacity of the pod that they are on
    opened       connections that a pod took at this tick, reconnects and retries included; `refused` were turned away
    """

    ready: int
    connections: int
    waiting: int
    hot: float
    opened: int
    refused: int


class World:
    """The pods of one workload. Ready pods are in order of age, so that the last one is the first to go."""

    def __init__(self, load: Load, capacity: float, settings: WorldSettings, replicas: int) -> None:
        """`replicas` pods are ready and hold the connections that were open before the load begins.

        `capacity` is what one pod carries of the stock signal; without a stock it does not matter.
        """
        self._load = load
        self._settings = settings
        self._rng = np.random.default_rng(settings.seed)
        self._capacity = capacity
        self._admits = int(settings.admission_factor * capacity)
        self._connections: IntArray = np.zeros(replicas, dtype=np.int64)
        self._ready_at: deque[datetime] = deque()
        self._waiting = 0
        self._open(load.initial)

    @property
    def pods(self) -> int:
        """Pods that exist, ready or not."""
        return len(self._connections) + len(self._ready_at)

    @property
    def connections(self) -> IntArray:
        """[ready pods], open connections, the oldest pod first."""
        return self._connections.copy()

    @property
    def waiting(self) -> int:
        """Clients without a pod, who try again at the next tick."""
        return self._waiting

    def advance(self, tick: int) -> Measured:
        """What happens by itself at a tick: pods become ready, users close, users open; then it is measured."""
        self._become_ready(self._load.time(tick))
        self._close(int(self._load.closes[tick]))
        opened, refused = self._open(int(self._load.opens[tick]))
        connections = self._connections
        hot = np.maximum(connections - self._capacity, 0.0).sum()
        return Measured(len(connections), int(connections.sum()), self._waiting, float(hot), opened, refused)

    def scale(self, replicas: int, now: datetime) -> int:
        """Starts or ends pods until there are `replicas`; the connections that break.

        Surplus pods end as a ReplicaSet ends them: those that are not ready first, then the youngest. Their clients
        wait, and reconnect at the next tick.
        """
        ready_at = now + self._settings.pod_start
        self._ready_at.extend(ready_at for _ in range(replicas - self.pods))
        while self._ready_at and self.pods > replicas:
            self._ready_at.pop()
        if self.pods <= replicas:
            return 0
        broken = int(self._connections[replicas:].sum())
        self._connections = self._connections[:replicas]
        self._waiting += broken
        return broken

    def _become_ready(self, now: datetime) -> None:
        became = 0
        while self._ready_at and self._ready_at[0] <= now:
            self._ready_at.popleft()
            became += 1
        if became:
            self._connections = np.concatenate([self._connections, np.zeros(became, dtype=np.int64)])

    def _close(self, closes: int) -> None:
        """Users close without a look at the pod: uniformly among all clients, those who wait included."""
        if not closes:
            return
        clients = np.append(self._connections, self._waiting)
        left = clients - self._rng.multivariate_hypergeometric(clients, closes, method="marginals")
        self._connections, self._waiting = left[:-1], int(left[-1])

    def _open(self, opens: int) -> tuple[int, int]:
        """Each client picks a ready pod at random, as kube-proxy does; those turned away wait. (taken, turned away)"""
        arriving = opens + self._waiting
        ready = len(self._connections)
        if not arriving or not ready:
            self._waiting = arriving
            return 0, arriving
        picked = self._rng.multinomial(arriving, np.full(ready, 1.0 / ready))
        taken = np.minimum(picked, np.maximum(self._admits - self._connections, 0))
        self._connections = self._connections + taken
        opened = int(taken.sum())
        self._waiting = arriving - opened
        return opened, self._waiting
