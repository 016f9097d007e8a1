"""What a policy and an entry must hold, beyond their types, for the planner and the dashboard to work on them.

Looked at when a ledger is read: a file can be edited, and a division by zero says nothing about where.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from controller.domain import Decision, Memory, Observed, Policy
from forecaster.forecast import HORIZON, Forecast

MOST_REPLICAS = 150_000
"""As many pods as Kubernetes promises to manage in a cluster."""
MOST_WANTED = int(sys.float_info.max)
"""What a forecast asks for ends only where its floats do; the policy's maximum comes after."""
FIRST_YEAR, LAST_YEAR = 1970, 2199
LONGEST = timedelta(days=1)


def policy_problem(policy: Policy) -> str | None:
    """The first thing in a policy that nothing can be decided with; None where there is none."""
    bounds = policy.bounds
    amounts = [(f"capacity_per_pod of {signal.name}", signal.capacity_per_pod) for signal in policy.signals]
    amounts += [("percent_per_minute", policy.ramp_down.percent_per_minute), ("cost_ratio", policy.cost_ratio)]
    for name, amount in amounts:
        if not 0 < amount < math.inf:
            return f"policy: {name} {amount:g}; expected a finite number above 0"
    if not 0 <= policy.budget_percent < math.inf:
        return f"policy: budget_percent {policy.budget_percent:g}; expected a finite number, 0 or more"
    spans = {"lead_time": policy.lead_time, "hold": policy.ramp_down.hold, "stale_after": policy.stale_after}
    for name, span in spans.items():
        if not timedelta(0) <= span <= LONGEST:
            return f"policy: {name} {span}; expected 0 to {LONGEST}"
    if not 0 <= bounds.min_replicas <= bounds.max_replicas <= MOST_REPLICAS:
        found = f"{_shown(bounds.min_replicas)}..{_shown(bounds.max_replicas)}"
        return f"policy: bounds of {found}; expected min <= max within 0..{MOST_REPLICAS:,}"
    return None


def entry_problem(
    now: datetime, observed: Observed, forecasts: Sequence[Forecast], memory: Memory, decision: Decision
) -> str | None:
    """The first thing in what a decision was made of that nothing can be decided with; None where there is none."""
    times = [("now", now), *_times(observed, forecasts, memory), ("decision.at", decision.at)]
    for name, at in times:
        if at is not None and (at.utcoffset() is None or not FIRST_YEAR <= at.year <= LAST_YEAR):
            return f"{name}: {at.isoformat()}; expected a time with its zone, in {FIRST_YEAR}..{LAST_YEAR}"
    for name, count, most in _counts(observed, memory, decision):
        if count is not None and not 0 <= count <= most:
            return f"{name}: {_shown(count)}; expected 0 to {most:.4g} replicas"
    return next(filter(None, map(_forecast_problem, forecasts)), None)


def _times(observed: Observed, forecasts: Sequence[Forecast], memory: Memory) -> Iterator[tuple[str, datetime | None]]:
    yield from (("observed.readings.at", reading.at) for reading in observed.readings)
    yield from (("forecasts.origin", forecast.origin) for forecast in forecasts)
    yield "memory.changed_at", memory.changed_at
    yield "memory.decided_at", memory.decided_at
    yield from (("memory.wishes.at", wish.at) for wish in memory.wishes)
    yield from (("memory.spent.start", hour.start) for hour in memory.spent)


def _counts(observed: Observed, memory: Memory, decision: Decision) -> Iterator[tuple[str, int | None, int]]:
    """Name, count, and the largest that it may be."""
    yield "observed.replicas", observed.replicas, MOST_REPLICAS
    yield "observed.ready", observed.ready, MOST_REPLICAS
    yield "observed.hpa_wish", observed.hpa_wish, MOST_REPLICAS
    yield "memory.floor", memory.floor, MOST_REPLICAS
    yield from (("memory.wishes.replicas", wish.replicas, MOST_WANTED) for wish in memory.wishes)
    yield "decision.floor", decision.floor, MOST_REPLICAS
    yield "decision.previous", decision.previous, MOST_REPLICAS
    yield "decision.wanted", decision.wanted, MOST_WANTED


def _forecast_problem(forecast: Forecast) -> str | None:
    where, levels = f"the forecast of {forecast.signal}", forecast.levels
    if not timedelta(0) < forecast.step <= LONGEST:
        return f"{where}: a step of {forecast.step}; expected more than 0, at most {LONGEST}"
    if not levels or not all(low < high for low, high in pairwise((0.0, *levels, 1.0))):
        return f"{where}: levels {list(levels)}; expected them ascending between 0 and 1"
    widths = {len(forecast.peak), *map(len, forecast.quantiles)}
    if len(forecast.quantiles) != HORIZON or widths != {len(levels)}:
        return f"{where}: expected {HORIZON} steps and a peak, each with {len(levels)} values, one for each level"
    return None


def _shown(count: int) -> str:
    text = str(count)
    return text if len(text) <= 20 else f"{text[:20]}… ({len(text)} digits)"
