"""Which steps of a forecast the pods of now must cover, and what so many pods carry. Knows no cluster, no past."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np

from controller.domain import Policy, Signal
from forecaster.forecast import HORIZON, Window
from forecaster.series import FloatArray

# A load of exactly n capacities is carried by n pods, although the division may give a little more than n.
_DUST = 1e-9
_NARROWEST = 1e-12
_FAR = 20.0

Levels = tuple[float, ...]


def planning_window(policy: Policy, step: timedelta, metric_lag: timedelta) -> Window:
    """The steps until now + lead time + hold, for every `now` at which a forecast is in use.

    What is needed before a new pod could be there is in it: those pods must not be let go. A forecast is known
    `metric_lag` after the end of its origin and stays the newest for one step more. `step` is positive. What lies
    beyond the horizon is left out.
    """
    latest = metric_lag + policy.lead_time + step + policy.ramp_down.hold
    return Window(1, min(max(1, -(-latest // step)), HORIZON))


def pods_for(load: float, signal: Signal) -> int:
    """Pods that carry a finite `load`, in the unit of the signal."""
    return max(0, math.ceil(load / signal.capacity_per_pod - _DUST))


def pods_beyond(levels: Levels, peak: Levels, capacity: float) -> float:
    """How many pods are overloaded with a chance of next to nothing, by `overload_chances`; may be infinite."""
    return (peak[-1] + _FAR * _width(levels, peak, capacity)) / capacity + 1


def overload_chances(levels: Levels, peak: Levels, capacity: float, most: int) -> FloatArray:
    """[most + 1], the chance that a peak is more than 0, 1, .. `most` pods of a `capacity` carry; never ascending.

    `peak` are its quantiles at `levels`, finite. Below the lowest it is certain, between the levels it falls in
    proportion to the load. Above the highest it falls as fast as between the last two, exponentially: what exceeds a
    high threshold tends to (Pickands 1975), where nothing is known of the tail.
    """
    loads = np.arange(most + 1) * capacity * (1 + _DUST)
    below = np.interp(loads, peak, levels, left=0.0)
    above = np.maximum(loads - peak[-1], 0.0) / _width(levels, peak, capacity)
    chances: FloatArray = np.where(loads < peak[-1], 1 - below, (1 - levels[-1]) * np.exp(-above))
    return chances


def _width(levels: Levels, peak: Levels, capacity: float) -> float:
    """By how much more load the chance falls to a part in e, above the highest level."""
    width = _NARROWEST * max(peak[-1], capacity)
    if len(levels) > 1:
        width = max(width, (peak[-1] - peak[-2]) / math.log((1 - levels[-2]) / (1 - levels[-1])))
    return width
