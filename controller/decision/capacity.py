"""Which steps of a forecast a new pod must cover, and how many pods carry what it says. Knows no cluster, no past."""

from __future__ import annotations

import math
from datetime import timedelta

from controller.domain import Policy, Signal
from forecaster.forecast import HORIZON, Forecast, Window

# A load of exactly n capacities is carried by n pods, although the division may give a little more than n.
_DUST = 1e-9


def planning_window(policy: Policy, step: timedelta, metric_lag: timedelta) -> Window:
    """The steps that hold [now + lead time, now + lead time + hold] for every `now` at which a forecast is in use.

    A forecast is known `metric_lag` after the end of its origin and stays the newest for one step more. `step` is
    positive. What lies beyond the horizon is left out; a lead time beyond it leaves the last step alone.
    """
    earliest = metric_lag + policy.lead_time
    latest = earliest + step + policy.ramp_down.hold
    first = 1 + earliest // step
    last = -(-latest // step)
    return Window(min(first, HORIZON), min(last, HORIZON))


def replicas_for(forecast: Forecast, signal: Signal, quantile: float) -> int:
    """Pods that carry the forecast's peak at `quantile`; never fewer for a higher peak. The peak must be finite."""
    return pods_for(forecast.peak_at(quantile), signal)


def pods_for(load: float, signal: Signal) -> int:
    """Pods that carry a finite `load`, in the unit of the signal."""
    return max(0, math.ceil(load / signal.capacity_per_pod - _DUST))
