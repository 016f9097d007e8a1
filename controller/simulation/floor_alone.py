"""The planner without an HPA: what a forecast that nobody corrects would do. The floor is what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from controller.decision.plan import first_memory, plan
from controller.domain import Observed, Policy
from controller.simulation.feed import ForecastFeed
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.replay import Asked, first_replicas

_UNLIMITED = 1e9
"""Percent; far beyond what any bounds allow, and finite, because the planner counts in it."""


class FloorAlone:
    """The planner's floor, with nothing that reacts above it; its budget is not counted, for there is no HPA to exceed.

    It begins as an HPA would.
    """

    def __init__(self, policy: Policy, start: HpaSpec, forecasts: ForecastFeed) -> None:
        self._policy = replace(policy, budget_percent=_UNLIMITED)
        self._start = start
        self._forecasts = forecasts

    def begin(self, totals: Mapping[str, float], now: datetime, /) -> int:
        """The replicas at which the HPA would be at rest; nothing is remembered."""
        replicas = first_replicas(self._start, totals)
        self._memory = replace(first_memory(self._policy, now), floor=replicas)
        return replicas

    def tick(self, now: datetime, _seen: Mapping[str, float], replicas: int, ready: int, /) -> Asked:
        """One decision, for a workload that would rest at the minimum."""
        lowest = self._policy.bounds.min_replicas
        readings, forecasts = self._forecasts.at(now)
        observed = Observed(replicas, ready, lowest, tuple(readings))
        decision, self._memory = plan(self._policy, observed, forecasts, self._memory, now)
        return Asked(decision.floor, lowest, decision)
