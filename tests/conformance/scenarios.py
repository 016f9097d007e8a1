"""Made-up lives of an HPA: its spec, its workload, its metrics, and what happens to them, step by step, from a seed.

Windows and periods are seconds rather than minutes, so that in a minute of real time all of them open and close.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.cluster.api import Json
from tests.conformance.chance import (
    MOST_PODS,
    PodPlan,
    Said,
    a_behavior,
    a_metric,
    a_pod_plan,
    target_of,
    whatever_is_said,
)


@dataclass(frozen=True)
class Step:
    """What changes before a sync, and what the metrics say to it.

    spec      keys of the HPA's spec that are changed
    replicas  set by hand
    lag       replicas that the workload's status is behind its spec
    """

    said: Said
    spec: Json = field(default_factory=dict)
    replicas: int | None = None
    lag: int = 0


@dataclass(frozen=True)
class Scenario:
    """One HPA over one deployment, both called `web`."""

    name: str
    spec: Json
    replicas: int
    pods: tuple[PodPlan, ...]
    steps: tuple[Step, ...]


def scenarios(seed: int, count: int, steps: int, *, scale_to_zero: bool = False) -> list[Scenario]:
    """`count` scenarios of `steps` steps: the same for the same arguments, each independent of how many there are.

    Most are made up of everything; some have a theme, because chance alone hardly ever gets there.
    """
    themes = (_sleep, _mixed) if scale_to_zero else (_swing, _regret, *(_mixed,) * 8)
    return [
        themes[number % len(themes)](Random(f"{seed}/{number}"), f"{seed}-{number:03}", steps)
        for number in range(count)
    ]


def _mixed(rng: Random, name: str, steps: int) -> Scenario:
    """Anything, and several things at once."""
    metrics = [a_metric(rng, f"m{number}") for number in range(rng.choice((1, 1, 1, 1, 2, 2, 3)))]
    spec = _spec(metrics, rng.randint(1, 3), rng.choice((6, 9, 14, 40)))
    if rng.random() < 0.6:
        spec["behavior"] = a_behavior(rng)
    pods = tuple(a_pod_plan(rng) for _ in range(MOST_PODS)) if _asks_pods(metrics) else ()
    moves = [_step(rng, metrics, spec, number) for number in range(steps)]
    return Scenario(name, spec, rng.randint(1, 8), pods, tuple(moves))


def _swing(rng: Random, name: str, steps: int) -> Scenario:
    """Down twice, then up by a policy that looks further back than the changes downwards are kept."""
    up = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 11}]}
    down = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 2}]}
    spec = _spec([_TOTAL], 1, 40) | {"behavior": {"scaleUp": up, "scaleDown": down}}
    wanted = [rng.choice(((12, 13), (7, 9), (3, 5), (10, 20), (10, 20))[number % 5]) for number in range(steps)]
    return Scenario(name, spec, 9, (), tuple(Step(_total_of(replicas)) for replicas in wanted))


def _regret(rng: Random, name: str, steps: int) -> Scenario:
    """A window that is taken away and given back, when half is forgotten, and a hand in between."""
    spec = _spec([_TOTAL], 1, 20) | {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 12}}}
    moves = []
    for number in range(steps):
        changes: Json = {}
        by_hand = None
        if number % 4 == 2:
            changes = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": rng.choice((0, 3))}}}
        elif number % 4 == 0 and number:
            changes = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": rng.choice((8, 12, 20))}}}
            by_hand = 18
        moves.append(Step(_total_of(rng.randint(1, 12)), changes, by_hand))
    return Scenario(name, spec, 5, (), tuple(moves))


def _sleep(rng: Random, name: str, steps: int) -> Scenario:
    """To zero and back, also by a minimum that is raised meanwhile; a user's own zero is left alone."""
    spec = _spec([_TOTAL], 0, 9)
    if rng.random() < 0.5:
        spec["behavior"] = a_behavior(rng)
    moves = []
    for number in range(steps):
        idle = number % 6 in (1, 2, 3, 4) and rng.random() < 0.95
        changes: Json = {"minReplicas": rng.choice((0, 0, 2))} if number % 3 == 2 else {}
        by_hand = 0 if number and rng.random() < 0.05 else None
        moves.append(Step(_total_of(0 if idle else rng.randint(1, 9)), changes, by_hand))
    return Scenario(name, spec, 2, (), tuple(moves))


_TOTAL: Json = {
    "type": "External",
    "external": {"metric": {"name": "m0"}, "target": {"type": "AverageValue", "averageValue": "1000m"}},
}


def _total_of(replicas: int) -> Said:
    """What asks for so many replicas of an HPA over `_TOTAL`."""
    return Said(external={"m0": (1000 * replicas,)})


def _spec(metrics: Sequence[Json], low: int, high: int) -> Json:
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": low,
        "maxReplicas": high,
        "metrics": list(metrics),
    }


def _beyond_pods(metrics: Sequence[Json]) -> bool:
    return any(metric["type"] in ("Object", "External") for metric in metrics)


def _asks_pods(metrics: Sequence[Json]) -> bool:
    """Whether anything depends on the pods: a total per pod asked for does not."""
    return any(not _beyond_pods([metric]) or target_of(metric)["type"] == "Value" for metric in metrics)


def _step(rng: Random, metrics: Sequence[Json], spec: Json, number: int) -> Step:
    changes: Json = {}
    if number and rng.random() < 0.12:
        low = rng.randint(1, 8)
        changes = {"minReplicas": low, "maxReplicas": rng.randint(low, low + 8)}
    elif number and "behavior" in spec and rng.random() < 0.08:
        changes = {"behavior": a_behavior(rng)}
    replicas = None
    if number and rng.random() < 0.08:
        replicas = rng.choice((0, 1, 3, 5, 9, 20))
    elif number and rng.random() < 0.15:
        replicas = rng.randint(2, 6)
    return Step(whatever_is_said(rng, metrics), changes, replicas, lag=rng.choice((0, 0, 0, 1, 2)))
