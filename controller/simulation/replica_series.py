"""A scaler that asks for given replicas, whatever it sees: plays what was worked out before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from controller.simulation.clairvoyant import Plan
from controller.simulation.load import Load
from controller.simulation.replay import Asked


class ReplicaSeries:
    """Plays a plan that was made for a load."""

    def __init__(self, plan: Plan, load: Load) -> None:
        """Raises ValueError where the plan has another number of ticks than the load."""
        if len(plan.replicas) != len(load):
            raise ValueError(f"a plan of {len(plan.replicas)} ticks for a load of {len(load)}; they must agree")
        self._replicas: list[int] = [plan.first, *plan.replicas.tolist()]
        self._load = load

    def begin(self, _totals: Mapping[str, float], now: datetime, /) -> int:
        """What was asked for at the tick before `now`."""
        return self._replicas[self._tick(now)]

    def tick(self, now: datetime, _seen: Mapping[str, float], _replicas: int, _ready: int, /) -> Asked:
        """What the plan has for `now`; there is no HPA that could be alone."""
        replicas = self._replicas[self._tick(now) + 1]
        return Asked(replicas, replicas)

    def _tick(self, now: datetime) -> int:
        return (now - self._load.start) // self._load.tick
