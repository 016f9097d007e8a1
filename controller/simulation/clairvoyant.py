"""The fewest pods that keep a budget of overload, known from the true load and the pod start: the end of every scale.

It does not go by plan(), so that a worse planner cannot look better, and it uses the future. With r[k] pods ready at
tick k, what is paid is

    sum of r[k] + (S - 1) * rises of r + D * falls of r

because a pod asked for S ticks ahead is paid before it takes traffic, and one that ends holds its place for D ticks
more. A dip of r shorter than that is never worth it, so the sum is what a replay pays. At a price per tick of overload
the best r is found exactly, one run of equal needs after the other (dynamic programming over r; both penalties are
linear, so a step costs as much as there are levels). The price is bisected until the budget is met. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from controller.domain import Bounds, Policy
from controller.simulation.load import Load
from controller.simulation.world import WorldSettings
from forecaster.series import BoolArray, FloatArray, IntArray

_HALVINGS = 24
# A load of exactly n capacities is carried by n pods, although the division may give a little more than n.
_DUST = 1e-9


class Plan(NamedTuple):
    """Replicas to ask for.

    first       before the first tick; those pods are ready at it
    replicas    [ticks], from each tick on
    overloaded  ticks of overload that it leaves
    """

    first: int
    replicas: IntArray
    overloaded: int


@dataclass(frozen=True, eq=False)
class Hindsight:
    """What is to be carried.

    needs        [ticks], pods that carry the load of each; may be more than the bounds allow
    counted      [ticks], whether overload and pods of that tick count
    start_ticks  from a pod's being asked for to its readiness; `drain_ticks` from its end until it is gone
    """

    needs: IntArray
    counted: BoolArray
    bounds: Bounds
    start_ticks: int
    drain_ticks: int = 0
    _found: dict[float, IntArray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.needs) == len(self.counted):
            raise ValueError(f"needs of {len(self.needs)} ticks, {len(self.counted)} marked; give as many, at least 1")
        if self.start_ticks < 1 or self.drain_ticks < 0:
            raise ValueError(
                f"a start of {self.start_ticks} ticks, a drain of {self.drain_ticks};"
                " a pod is ready one tick later at the earliest, and a drain is zero or more"
            )

    def cheapest(self, budget: int) -> Plan:
        """The cheapest replicas with at most `budget` ticks of overload, or as few as the bounds allow.

        Exact without a budget, and wherever the budget is that of some price. Between two neighbouring prices the
        dearer plan follows upon the cheaper one, at the tick that spends the budget, where that is worth the change.
        """
        low, high = 0.0, 2.0 * self._dearest
        cheap, safe = self._ready_at(low), self._ready_at(high)
        if self._overloaded(cheap).sum() <= budget:
            return self._plan(cheap)
        for _ in range(_HALVINGS):
            price = (low + high) / 2
            ready = self._ready_at(price)
            over = int(self._overloaded(ready).sum())
            if over == budget:
                return self._plan(ready)
            if over < budget:
                high, safe = price, ready
            else:
                low, cheap = price, ready
        return min(self._plan(self._joined(cheap, safe, budget)), self._plan(safe), key=self._paid)

    def at_price(self, price: float) -> Plan:
        """The replicas with the least of pod-ticks + price * ticks of overload."""
        return self._plan(self._ready_at(price))

    def _joined(self, cheap: IntArray, safe: IntArray, budget: int) -> IntArray:
        """Ready pods of the cheap plan for as long as the budget reaches, and of the safe one after it."""
        spent = np.concatenate([[0], np.cumsum(self._overloaded(cheap))])
        to_come = np.concatenate([np.cumsum(self._overloaded(safe)[::-1])[::-1], [0]])
        fits = np.flatnonzero(spent + to_come <= budget)
        change = int(fits[-1]) if len(fits) else 0
        return np.concatenate([cheap[:change], safe[change:]])

    def _plan(self, ready: IntArray) -> Plan:
        """What has to be asked for so that so many pods are ready at each tick."""
        ahead = np.concatenate([ready[1:], np.full(self.start_ticks, self.bounds.min_replicas)])
        asked = np.lib.stride_tricks.sliding_window_view(ahead, self.start_ticks).max(axis=1)[: len(ready) - 1]
        first = int(ready[: self.start_ticks].max())
        # What is ready is what stood for the whole start; a dip that had to be filled carries more than was promised.
        stood = np.concatenate([np.full(self.start_ticks, first), asked])
        carried = np.lib.stride_tricks.sliding_window_view(stood, self.start_ticks).min(axis=1)[: len(asked)]
        return Plan(first, asked, int((self.counted & (carried < self.needs)).sum()))

    def _paid(self, plan: Plan) -> int:
        """Pod-ticks of a plan, those of pods that end included."""
        falls = np.maximum(-np.diff(plan.replicas, prepend=plan.first), 0)
        return int(plan.replicas[self.counted].sum() + self.drain_ticks * falls.sum())

    def _overloaded(self, ready: IntArray) -> BoolArray:
        """[ticks], whether so many ready pods [ticks + 1] are too few."""
        short: BoolArray = self.counted & (ready[:-1] < self.needs)
        return short

    def _ready_at(self, price: float) -> IntArray:
        """[ticks + 1], the ready pods that cost least at a price per tick of overload; the last tick needs none.

        Remembered: of several budgets the bisections begin alike.
        """
        if price not in self._found:
            self._found[price] = self._cheapest_at(price)
        return self._found[price]

    def _cheapest_at(self, price: float) -> IntArray:
        runs, levels = self._runs, self._levels
        spread = self.drain_ticks * levels
        best = runs.paid[0] * levels + price * runs.counted[0] * (levels < runs.needs[0])
        past = [best]
        rows = zip(runs.paid[1:].tolist(), runs.ahead[1:].tolist(), runs.counted[1:].tolist(), runs.needs[1:].tolist(),
                   strict=True)  # fmt: skip
        for paid, ahead, counted, need in rows:
            risen = np.minimum.accumulate(best - ahead * levels) + ahead * levels
            fallen = np.minimum.accumulate((best + spread)[::-1])[::-1] - spread
            best = np.minimum(risen, fallen) + paid * levels
            best[: max(0, need - self.bounds.min_replicas)] += price * counted
            past.append(best)
        return self._followed_back(past)

    def _followed_back(self, past: list[FloatArray]) -> IntArray:
        levels, runs = self._levels, self._runs
        chosen = np.zeros(len(past), dtype=np.int64)
        chosen[-1] = int(np.argmin(past[-1]))
        for run in range(len(past) - 1, 0, -1):
            climb = levels[chosen[run]] - levels
            moved = np.where(climb > 0, runs.ahead[run] * climb, -self.drain_ticks * climb)
            chosen[run - 1] = int(np.argmin(past[run - 1] + moved))
        return np.repeat(levels[chosen].astype(np.int64), runs.lengths)

    @cached_property
    def _levels(self) -> FloatArray:
        """Replicas within the bounds."""
        return np.arange(self.bounds.min_replicas, self.bounds.max_replicas + 1, dtype=np.float64)

    @property
    def _dearest(self) -> float:
        """More than a tick of overload can be worth: all pods for as long as one of them is paid."""
        return float(self.bounds.max_replicas * (len(self.needs) + self.start_ticks + self.drain_ticks))

    @cached_property
    def _runs(self) -> _Runs:
        """Runs of ticks with the same need that cost the same: within one, nothing is won by a change."""
        needs = np.append(self.needs, self.bounds.min_replicas)
        counted = np.append(self.counted, False)
        # The pods of tick k are asked for at k - 1 at the latest; those of the first are there.
        paid = np.concatenate([[0], self.counted]).astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(paid)])
        ticks = np.arange(len(needs))
        ahead = sums[ticks] - sums[np.maximum(ticks - self.start_ticks + 1, 0)]
        change = (np.diff(needs) != 0) | (np.diff(counted) != 0) | (np.diff(paid) != 0)
        starts = np.concatenate([[0], np.flatnonzero(change) + 1])
        ends = np.append(starts[1:], len(needs))
        return _Runs(needs[starts], counted[starts] * (ends - starts).astype(np.float64), sums[ends] - sums[starts],
                     ahead[starts], ends - starts)  # fmt: skip


class _Runs(NamedTuple):
    """[runs]; counted and paid ticks in each, paid ticks before it in which its pods start, its length."""

    needs: IntArray
    counted: FloatArray
    paid: FloatArray
    ahead: FloatArray
    lengths: IntArray


def hindsight(load: Load, policy: Policy, settings: WorldSettings) -> Hindsight:
    """What a load asks of the pods of a world whose starts all take the same."""
    rows = [
        np.ceil(load.signals[signal.name] / signal.capacity_per_pod - _DUST).astype(np.int64)
        for signal in policy.signals
    ]
    start, drain = (-(-span // load.tick) for span in (settings.pod_start, settings.drain))
    return Hindsight(np.maximum.reduce(rows), load.known, policy.bounds, max(1, start), drain)
