"""Where connections are: they stay on their pod until they close or it ends, and only new ones pick a pod.

Seeded: the same calls give the same connections. Users close without a look at the pod, and clients pick one of the
ready pods at random, as kube-proxy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from forecaster.series import FloatArray, IntArray

_ABOVE = 1.1
"""A pod sends clients away while it has more than this many times the mean."""


@dataclass(frozen=True)
class Manners:
    """How pods and clients deal with each other.

    capacity   connections beyond this on one pod are hot
    admits     a pod takes no connection beyond this
    drain      ticks over which a pod that ends sends its clients away, evenly; one: before the next tick
    retry      ticks over which those come back, evenly, who lost their pod or were turned away; one: at the next tick
    rebalance  share of its connections that a pod well above the mean sends away in a tick
    """

    capacity: float
    admits: int
    drain: int = 1
    retry: int = 1
    rebalance: float = 0.0


class Opened(NamedTuple):
    """Connections that pods took at a tick; `back` of them are of clients that had waited."""

    taken: int
    refused: int
    back: int


class Connections:
    """The clients of a workload: on ready pods, on pods that end, and waiting without a pod.

    connected  open on ready pods
    draining   on pods that end
    waiting    without a pod; each comes back at one of the next ticks
    """

    def __init__(self, manners: Manners, pods: int, seed: int) -> None:
        self._manners = manners
        self._rng = np.random.default_rng(seed)
        self._due: IntArray = np.zeros(manners.retry, dtype=np.int64)
        self._ending: IntArray = np.zeros(0, dtype=np.int64)
        self._ticks_left: IntArray = np.zeros(0, dtype=np.int64)
        self._on: IntArray = np.zeros(0, dtype=np.int64)
        self._even: FloatArray = np.zeros(0)
        self._fullest = 0  # no pod has more, for only those who come make one fuller
        self.connected = self.draining = self.waiting = 0
        self.add_pods(pods)

    @property
    def pods(self) -> int:
        """Pods that take connections."""
        return len(self._on)

    @property
    def on_pods(self) -> IntArray:
        """[ready pods], in the order in which they were added."""
        return self._on.copy()

    @property
    def hot(self) -> float:
        """Connections above the capacity of the pod that they are on."""
        capacity = self._manners.capacity
        if self._fullest <= capacity:
            return 0.0
        return float(np.maximum(self._on - capacity, 0.0).sum())

    def add_pods(self, count: int) -> None:
        """Pods without connections."""
        self._on = np.concatenate([self._on, np.zeros(count, dtype=np.int64)])
        self._spread()

    def end_pods(self, places: Sequence[int]) -> int:
        """The pods at these places take no connection any more and send theirs away; how many those were."""
        lost = self._on[places]
        self._on = np.delete(self._on, places)
        self._spread()
        self._ending = np.concatenate([self._ending, lost])
        self._ticks_left = np.concatenate([self._ticks_left, np.full(len(lost), self._manners.drain)])
        broken = int(lost.sum())
        self.connected -= broken
        self.draining += broken
        return broken

    def drain(self) -> None:
        """Pods that end send away an even share of those whom they still have; the last share is all of them."""
        if not len(self._ending):
            return
        leaving = -(-self._ending // self._ticks_left)
        self._ending, self._ticks_left = self._ending - leaving, self._ticks_left - 1
        going_on = self._ticks_left > 0
        self._ending, self._ticks_left = self._ending[going_on], self._ticks_left[going_on]
        total = int(leaving.sum())
        self.draining -= total
        self._wait(total)

    def rebalance(self) -> int:
        """Pods well above the mean ask some clients to connect again, who do so at once; how many were asked."""
        share = self._manners.rebalance
        if not share or not self.connected:
            return 0
        above = np.maximum(self._on - np.ceil(_ABOVE * self.connected / len(self._on)), 0)
        asked = np.floor(share * self._on + self._rng.random(len(self._on)))
        moved = np.minimum(above, asked).astype(np.int64)
        self._on = self._on - moved
        total = int(moved.sum())
        self.connected -= total
        self._due[0] += total
        self.waiting += total
        return total

    def close(self, closes: int) -> None:
        """So many users leave, each as likely as the next, those who wait included."""
        if not closes:
            return
        if self.connected and not self.waiting and not self.draining:
            self._on = self._on - self._rng.multivariate_hypergeometric(self._on, closes, method="marginals")
            self.connected -= closes
            return
        clients = np.concatenate([self._on, self._ending, self._due])
        clients -= self._rng.multivariate_hypergeometric(clients, closes, method="marginals")
        ready, rest = len(self._on), len(self._on) + len(self._ending)
        self._on, self._ending, self._due = clients[:ready], clients[ready:rest], clients[rest:]
        self.connected, self.draining = int(self._on.sum()), int(self._ending.sum())
        self.waiting = int(self._due.sum())

    def open(self, opens: int) -> Opened:
        """So many users come, beside those whose wait is over. Whom a full pod turns away waits."""
        back = self._come_back()
        arriving = opens + back
        if not arriving:
            return Opened(0, 0, 0)
        taken = self._take(arriving)
        self.connected += taken
        self._wait(arriving - taken)
        return Opened(taken, arriving - taken, round(taken * back / arriving))

    def _take(self, arriving: int) -> int:
        """Connections that the pods picked at random have room for."""
        if not len(self._on):
            return 0
        picked = self._on + self._rng.multinomial(arriving, self._even)
        admits, self._fullest = self._manners.admits, int(picked.max())
        if self._fullest <= admits:
            self._on = picked
            return arriving
        before = self.connected
        self._on = np.minimum(picked, np.maximum(self._on, admits))
        return int(self._on.sum()) - before

    def _come_back(self) -> int:
        """Those whose wait is over at this tick."""
        if not self.waiting:
            return 0
        back = int(self._due[0])
        self._due = np.append(self._due[1:], 0)
        self.waiting -= back
        return back

    def _wait(self, count: int) -> None:
        if not count:
            return
        self.waiting += count
        if len(self._due) == 1:
            self._due[0] += count
        else:
            self._due += self._rng.multinomial(count, np.full(len(self._due), 1.0 / len(self._due)))

    def _spread(self) -> None:
        self._even = np.full(len(self._on), 1.0 / len(self._on)) if len(self._on) else np.zeros(0)
