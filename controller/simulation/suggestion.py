"""Which policy would have cost a workload least: both levers, or the floor alone, found by replay of its own past.

A policy may have at most the overload that the HPA has at its owner's target. Of those that keep to that the one with
the fewest pods is suggested; where none does, nothing is. A forecast that says little of a load is found out here, on
days that are over. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from controller.domain import Lever, Policy, TargetBounds
from controller.simulation.feed import ForecastFeed
from controller.simulation.hpa_spec import MILLI, HpaSpec, TargetType
from controller.simulation.load import Load
from controller.simulation.replay import replay
from controller.simulation.score import Score, score
from controller.simulation.world import WorldSettings

COST_RATIOS = (50.0, 200.0)
"""The default, and one that buys off smaller risks."""
HOTTEST = 0.9
"""Of what a pod carries: as far as the target is raised."""
STEPS = 4
"""So many targets are tried between the owner's own and the hottest."""


class Suggestion(NamedTuple):
    """What was found: the figures of the HPA alone, and the policy with its own; None where none was worth it.

    tried  every candidate with its figures, the hottest target first
    """

    hpa: Score
    policy: Policy | None = None
    score: Score | None = None
    tried: tuple[tuple[Policy, Score], ...] = ()


def suggested(
    load: Load, policy: Policy, hpa_spec: HpaSpec, settings: WorldSettings, forecasts: ForecastFeed
) -> Suggestion:
    """The cheapest of all candidates that keep to the HPA's overload.

    All are played: a hotter target is not always a cheaper one, for what it lets run short it pays for with pods that
    come late. The floor alone only adds pods, so it must also have less overload than the HPA.
    """
    alone = score(replay(load, policy, hpa_spec, settings, None))
    tried = [(one, score(replay(load, one, hpa_spec, settings, forecasts))) for one in candidates(policy, hpa_spec)]
    good = [(one, found) for one, found in tried if _pays(one, found, alone)]
    if not good:
        return Suggestion(alone, tried=tuple(tried))
    best, figures = min(good, key=lambda pair: pair[1].pod_minutes)
    return Suggestion(alone, best, figures, tuple(tried))


def candidates(policy: Policy, hpa_spec: HpaSpec) -> Iterator[Policy]:
    """With each cost ratio: both levers up to the hottest target, then to cooler ones, then the floor alone."""
    for target in _bounds(policy, hpa_spec):
        for ratio in COST_RATIOS:
            yield replace(policy, levers=tuple(Lever), target=target, cost_ratio=ratio)
    for ratio in COST_RATIOS:
        yield replace(policy, levers=(Lever.FLOOR,), target=None, cost_ratio=ratio)


def _pays(policy: Policy, found: Score, alone: Score) -> bool:
    if policy.moves_target:
        return found.overload_minutes <= alone.overload_minutes and found.pod_minutes < alone.pod_minutes
    return found.overload_minutes < alone.overload_minutes


def _bounds(policy: Policy, hpa_spec: HpaSpec) -> Iterator[TargetBounds]:
    """From the owner's target up to the hottest, of the first signal that the HPA scales on by its average."""
    capacities = {signal.name: signal.capacity_per_pod for signal in policy.signals}
    for metric in hpa_spec.metrics:
        if metric.name in capacities and metric.target_type is TargetType.AVERAGE_VALUE:
            own, hottest = metric.target / MILLI, HOTTEST * capacities[metric.name]
            for step in range(STEPS, 0, -1):
                highest = own + (hottest - own) * step / STEPS
                if highest > own:
                    yield TargetBounds(metric.name, own, highest)
            return
