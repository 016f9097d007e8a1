"""What the plain HPA reaches for the same money: its targets lowered until it costs what another arm costs.

More pods alone reduce overload. Whoever claims that foresight is worth something has to be compared with an HPA that
spends as much.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from controller.domain import Policy
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.load import Load
from controller.simulation.replay import Run, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings

_LOWEST = 2 / 7
"""Of an HPA that aims at 70 % of the capacity, what aims at 20 %: nobody runs emptier pods than that."""
_HALVINGS = 6


class EqualCost(NamedTuple):
    """The plain HPA with each target at this share of its own, and its run."""

    share: float
    hpa_spec: HpaSpec
    run: Run


def hpa_at_cost(
    load: Load, policy: Policy, hpa_spec: HpaSpec, settings: WorldSettings, pod_minutes: float
) -> EqualCost:
    """The HPA alone at the highest targets of those tried that cost at least `pod_minutes`; its own if they do.

    Halves the interval from the HPA's own targets down to 2/7 of them six times, so the share is met to about a
    hundredth. There it is given up: the HPA then costs less than asked for.
    """

    def at(share: float) -> EqualCost:
        spec = lowered(hpa_spec, share)
        return EqualCost(share, spec, replay(load, policy, spec, settings, None))

    dear = at(1.0)
    if score(dear.run).pod_minutes >= pod_minutes:
        return dear
    low, high = _LOWEST, 1.0
    dear = at(low)
    for _ in range(_HALVINGS):
        if score(dear.run).pod_minutes < pod_minutes:
            break
        middle = at((low + high) / 2)
        if score(middle.run).pod_minutes >= pod_minutes:
            low, dear = middle.share, middle
        else:
            high = middle.share
    return dear


def lowered(hpa_spec: HpaSpec, share: float) -> HpaSpec:
    """The HPA with each target at `share` of what it was, in whole milli-units and above zero."""
    metrics = tuple(replace(metric, target=max(1, round(share * metric.target))) for metric in hpa_spec.metrics)
    return replace(hpa_spec, metrics=metrics)
