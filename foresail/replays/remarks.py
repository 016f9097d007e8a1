"""What a reader of the figures has to be told beside them, in a sentence each; nothing where nothing is odd. Pure."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from controller.simulation.hpa_spec import MILLI
from foresail.output import number
from foresail.replays.arms import FORESAIL, HPA, HPA_SAME_COST, NO_FORECAST, NOT_JUDGED
from foresail.replays.case import Case
from foresail.replays.figures import Replayed

_MINUTE = timedelta(minutes=1)
_SHOWN_HOURS = 0.05
"""Less than this is 0.0 in a table of hours."""
_SHOWN_PERCENT = 0.05
_TRUSTED = ("Accept", NOT_JUDGED)
# A load of exactly n capacities is carried by n pods, although the product may come out a little below it.
_DUST = 1e-9


def remarks(replayed: Replayed) -> list[str]:
    """What nobody said, what no arm could do, what cost more and why, how long the forecast was not trusted."""
    case = replayed.case
    return [
        *replayed.assumed,
        *_beyond_pods(case),
        *_beyond_maximum(case),
        *_beyond_budget(replayed),
        *_not_equal(replayed),
        *_not_trusted(replayed),
    ]


def _beyond_pods(case: Case) -> list[str]:
    """Where the HPA aims at more than a pod carries, or may be made to, overload is what it holds its pods at."""
    moved = case.policy.moved_target
    may = {} if moved is None else {moved.metric: moved.highest}
    does = {metric.name: metric.target / MILLI for metric in case.hpa.metrics}
    told = (
        ("The policy may have the HPA aim", may, "its pods are overloaded then. Lower the policy's target"),
        ("The HPA aims", does, "at rest its pods are overloaded. Lower its target"),
    )
    return [
        f"{who} at {number(aims[one.name])} of {one.name} per pod, of which a pod carries"
        f" {number(one.capacity_per_pod)}: {then}, or correct the capacity."
        for who, aims, then in told
        for one in case.policy.signals
        if aims.get(one.name, 0) > one.capacity_per_pod * (1 + _DUST)
    ]


def _beyond_maximum(case: Case) -> list[str]:
    """Where the HPA may not have as many pods as the load needs, every arm is overloaded, the perfect forecast too.

    Beyond the policy's maximum it is the HPA that has to follow, without a floor.
    """
    ours, most = case.policy.bounds.max_replicas, case.hpa.max_replicas
    said = []
    if minutes := _minutes_beyond(case, most):
        said.append(
            f"For {number(minutes)} min the load is more than the HPA's maximum of {most:,} pods carries: no arm is"
            " without overload then. Raise maxReplicas, or correct the capacity."
        )
    if ours < most and (minutes := _minutes_beyond(case, ours)):
        said.append(
            f"For {number(minutes)} min the load is more than the policy's maximum of {ours:,} pods carries: Foresail"
            " raises no floor beyond it. Raise bounds.maxReplicas."
        )
    return said


def _minutes_beyond(case: Case, pods: int) -> float:
    """For how long so many pods carry less than the load."""
    load = case.load
    needed = np.logical_or.reduce([
        load.signals[signal.name] > pods * signal.capacity_per_pod * (1 + _DUST) for signal in case.policy.signals
    ])  # fmt: skip
    return int((needed & load.known).sum()) * (load.tick / _MINUTE)


def _beyond_budget(replayed: Replayed) -> list[str]:
    """Where Foresail cost more than the budget would add to the HPA alone, and why that may be."""
    cost, budget = replayed.scores[FORESAIL].pod_minutes, replayed.case.policy.budget_percent
    more = 100 * (cost / replayed.scores[HPA].pod_minutes - 1)
    if more <= budget + _SHOWN_PERCENT:
        return []
    return [
        f"Foresail ran {number(more, 1)} % more pod-hours than the HPA alone, beyond the budget of {budget:g} %. The"
        " policy's own minimum and its events stand outside the budget; it is a whole day's, however short the replay;"
        " and it counts from what the HPA would hold under the load that is served, which is more than an HPA alone"
        " sees where too few pods turn users away."
    ]


def _not_equal(replayed: Replayed) -> list[str]:
    """Where the HPA at equal cost costs something else, and why."""
    costs = {key: replayed.scores[key].pod_minutes for key in (HPA, FORESAIL, HPA_SAME_COST)}
    if costs[HPA] > costs[FORESAIL]:
        return [
            "Foresail ran fewer pod-hours than the HPA as given: there was no target to lower, and the HPA at equal"
            " cost is the HPA as given."
        ]
    if costs[HPA_SAME_COST] < costs[FORESAIL]:
        return [
            f"With targets lowered to {replayed.same_cost_share:.2g} of its own the HPA still runs fewer pod-hours than"
            " Foresail, and no lower ones were tried: the HPA at equal cost costs less."
        ]
    return []


def _not_trusted(replayed: Replayed) -> list[str]:
    """For each signal, for how long its forecast was not the model's own."""
    said = []
    for name, hours in replayed.hours.items():
        other = {ruling: spent for ruling, spent in hours.items() if ruling not in _TRUSTED}
        if sum(other.values()) < _SHOWN_HOURS:
            continue
        ways = ", ".join(_way(ruling, spent) for ruling, spent in sorted(other.items()) if spent >= _SHOWN_HOURS)
        said.append(f"{name}: of {number(sum(hours.values()), 1)} h the model was not followed for {ways}.")
    return said


def _way(ruling: str, hours: float) -> str:
    """Such as "3.0 h (ridge instead)"; nothing to go by is what an abstention is."""
    kind, _, rule = ruling.partition(": ")
    why = f"{rule} instead" if rule else "none was there" if kind == NO_FORECAST else "nothing to go by"
    return f"{number(hours, 1)} h ({why})"
