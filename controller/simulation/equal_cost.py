"""What the plain HPA reaches for the same money: its target lowered until it costs what another arm costs.

More pods alone reduce overload. Whoever claims that foresight is worth something has to be compared with an HPA that
spends as much.
"""

from __future__ import annotations

from typing import NamedTuple

from controller.domain import Policy
from controller.simulation.load import Load
from controller.simulation.replay import Run, hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings

_LOWEST = 0.2
_HALVINGS = 6


class EqualCost(NamedTuple):
    """The plain HPA with another target, and its run."""

    target: float
    run: Run


def hpa_at_cost(load: Load, policy: Policy, settings: WorldSettings, pod_minutes: float, target: float) -> EqualCost:
    """The HPA alone at the highest target of those tried that costs at least `pod_minutes`; `target` itself if it does.

    Halves the interval from `target` down to 0.2 six times, so the target is met to a hundredth. At 0.2 it is given up:
    the HPA then costs less than asked for.
    """

    def at(one: float) -> EqualCost:
        return EqualCost(one, replay(load, policy, hpa_for(policy, one), settings, None))

    dear = at(target)
    if score(dear.run).pod_minutes >= pod_minutes:
        return dear
    low, high = _LOWEST, target
    dear = at(low)
    for _ in range(_HALVINGS):
        if score(dear.run).pod_minutes < pod_minutes:
            break
        middle = at((low + high) / 2)
        if score(middle.run).pod_minutes >= pod_minutes:
            low, dear = middle.target, middle
        else:
            high = middle.target
    return dear
