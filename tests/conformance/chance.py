"""What scenarios are made of, by chance: metrics, rules, pods and their lives, and what the metrics APIs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.cluster.api import Json

MOST_PODS = 6
"""More replicas than this stay without a pod."""
WINDOWS_S = (0, 0, 3, 5, 8, 12)
PERIODS_S = (2, 4, 7, 11)
CONTAINERS = ("app", "sidecar")
REQUESTS = {"app": {"cpu": 100, "memory": 64_000}, "sidecar": {"cpu": 50, "memory": 32_000}}
"""In milli-units."""
DESCRIBED = (
    {"apiVersion": "v1", "kind": "Service", "name": "web"},
    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
)


@dataclass(frozen=True)
class PodState:
    """A pod for the length of a step; `ready_ago_s` counts back from when the state began."""

    phase: str = "Running"
    ready: str | None = "True"
    ready_ago_s: int = 0
    deleting: bool = False


@dataclass(frozen=True)
class PodPlan:
    """A pod's life: one state per step since it was made, the last one for ever.

    started_ago_s  its start, counted back from when it was made; None: it tells no start
    without        a container that requests nothing
    """

    states: tuple[PodState, ...]
    started_ago_s: int | None = 0
    without: str = ""

    def at(self, age: int) -> PodState:
        return self.states[min(age, len(self.states) - 1)]


@dataclass(frozen=True)
class Used:
    """What a pod uses, in milli-units: container -> resource -> value; when, before the sync, and over how long."""

    containers: Mapping[str, Mapping[str, int]]
    age_s: int
    window_s: int


@dataclass(frozen=True)
class Said:
    """What the metrics APIs say, in milli-units, by metric; None: nothing. Pods are by index, None: no sample."""

    external: Mapping[str, tuple[int, ...] | None] = field(default_factory=dict)
    objects: Mapping[str, int | None] = field(default_factory=dict)
    pods: Mapping[str, tuple[int | None, ...] | None] = field(default_factory=dict)
    usage: tuple[Used | None, ...] | None = None


def a_metric(rng: Random, name: str) -> Json:
    source = rng.choice(("Resource", "Resource", "ContainerResource", "Pods", "Object", "External", "External"))
    average = {"type": "AverageValue", "averageValue": f"{rng.choice((700, 1000, 10_000))}m"}
    value = {"type": "Value", "value": f"{rng.choice((1500, 10_000))}m"}
    utilization = {"type": "Utilization", "averageUtilization": rng.choice((50, 70, 80, 120))}
    resource = rng.choice(("cpu", "cpu", "cpu", "memory"))
    identifier = {"metric": {"name": name}}
    match source:
        case "Resource":
            used = {"type": "AverageValue", "averageValue": "75m"}
            return {"type": source, "resource": {"name": resource, "target": rng.choice((used, utilization))}}
        case "ContainerResource":
            container = {"name": resource, "container": rng.choice(CONTAINERS), "target": utilization}
            return {"type": source, "containerResource": container}
        case "Pods":
            return {"type": source, "pods": identifier | {"target": average}}
        case "Object":
            described = {"describedObject": rng.choice(DESCRIBED), "target": rng.choice((average, value))}
            return {"type": source, "object": identifier | described}
        case _:
            return {"type": source, "external": identifier | {"target": rng.choice((average, average, value))}}


def a_behavior(rng: Random) -> Json:
    directions = rng.choice((("scaleUp",), ("scaleDown",), ("scaleUp", "scaleDown"), ("scaleUp", "scaleDown"), ()))
    return {direction: _rules(rng) for direction in directions}


def _rules(rng: Random) -> Json:
    rules: Json = {}
    if rng.random() < 0.7:
        rules["stabilizationWindowSeconds"] = rng.choice(WINDOWS_S)
    if rng.random() < 0.7:
        rules["policies"] = [_policy(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.5:
        rules["selectPolicy"] = rng.choice(("Max", "Min", "Min", "Min", "Disabled"))
    if rng.random() < 0.4:
        rules["tolerance"] = rng.choice(("0", "50m", "0.15", "300m"))
    return rules


def _policy(rng: Random) -> Json:
    kind = rng.choice(("Pods", "Percent"))
    value = rng.randint(1, 4) if kind == "Pods" else rng.choice((10, 25, 50, 100, 150))
    return {"type": kind, "value": value, "periodSeconds": rng.choice(PERIODS_S)}


def a_pod_plan(rng: Random) -> PodPlan:
    """Half of all pods are well; the others start late, come and go, fail, or end."""
    well = PodState(ready_ago_s=rng.randint(0, 8))
    unready = PodState(ready="False", ready_ago_s=rng.randint(0, 12))
    pending = PodState("Pending", None)
    states = rng.choice(
        (
            *((well,),) * 6,
            (pending,) * rng.randint(1, 3) + (unready, well),
            (pending,) * 20,
            (unready,) * rng.randint(1, 4) + (well,),
            (well, well, unready, unready, well),
            (well, PodState(ready="Unknown"), well),
            (PodState(ready=None), well),
            (well,) * rng.randint(1, 4) + (PodState("Failed", "False"),),
            (well,) * rng.randint(1, 4) + (PodState(deleting=True, ready_ago_s=4),),
        )
    )
    started = rng.choice((None, *range(0, 36, 3), 60))
    if started is not None and rng.random() < 0.1:
        states = (PodState(ready="False", ready_ago_s=max(0, started - rng.randint(0, 9))),)  # perhaps never ready
    return PodPlan(states, started, without=rng.choice(("",) * 15 + CONTAINERS))


def whatever_is_said(rng: Random, metrics: Sequence[Json]) -> Said:
    external: dict[str, tuple[int, ...] | None] = {}
    objects: dict[str, int | None] = {}
    pods: dict[str, tuple[int | None, ...] | None] = {}
    for metric in metrics:
        if metric["type"] == "External":
            external[metric["external"]["metric"]["name"]] = _series(rng, target_of(metric))
        elif metric["type"] == "Object":
            total = None if rng.random() < 0.08 else _total(rng, target_of(metric))
            objects[metric["object"]["metric"]["name"]] = total
        elif metric["type"] == "Pods":
            pods[metric["pods"]["metric"]["name"]] = _samples(rng, _milli(target_of(metric)["averageValue"]))
    usage = None if rng.random() < 0.06 else _usage(rng)
    return Said(external, objects, pods, usage)


def _milli(quantity: str) -> int:
    return int(quantity.removesuffix("m"))


def _ratio(rng: Random) -> float:
    """Around one, at its borders, and far from it."""
    return rng.choice((0.0, 0.2, 0.5, 0.75, 0.9, 0.95, 1.0, 1.05, 1.1, 1.3, 1.6, 2.0, 3.5, rng.uniform(0.3, 2)))


def _total(rng: Random, target: Json) -> int:
    """As many times the target as replicas are wanted; of a Value, as the ratio says, and rarely below zero."""
    if "value" in target:
        return round(_milli(target["value"]) * _ratio(rng)) * rng.choice((1,) * 19 + (-1,))
    return round(_milli(target["averageValue"]) * rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 12, rng.uniform(1, 10))))


def _series(rng: Random, target: Json) -> tuple[int, ...] | None:
    fate = rng.random()
    if fate < 0.08:
        return None if fate < 0.05 else ()
    total = _total(rng, target)
    if fate < 0.1:
        return (-abs(total) - 1,)
    part = rng.randint(0, abs(total))
    return (total,) if rng.random() < 0.7 else (part, total - part)


def _samples(rng: Random, target: int) -> tuple[int | None, ...] | None:
    if rng.random() < 0.06:
        return None
    ratio, silent = _ratio(rng), rng.choice((0.0, 0.0, 0.2, 0.6))
    return tuple(
        None if rng.random() < silent else round(target * ratio * rng.uniform(0.9, 1.1)) for _ in range(MOST_PODS)
    )


def _usage(rng: Random) -> tuple[Used | None, ...]:
    ratio, silent = _ratio(rng) * rng.choice((0.5, 0.7)), rng.choice((0.0, 0.0, 0.2, 0.6))
    return tuple(None if rng.random() < silent else _used(rng, ratio) for _ in range(MOST_PODS))


def _used(rng: Random, ratio: float) -> Used:
    containers: dict[str, dict[str, int]] = {
        name: {resource: round(request * ratio * rng.uniform(0.9, 1.1)) for resource, request in requests.items()}
        for name, requests in REQUESTS.items()
    }
    if rng.random() < 0.05:
        del containers[rng.choice(CONTAINERS)]["cpu"]
    return Used(containers, age_s=rng.choice((0, 2, 5, 11, 20)), window_s=rng.choice((3, 10, 30)))


def target_of(metric: Json) -> Json:
    """What a metric's value is compared with."""
    target: Json = metric[metric["type"][0].lower() + metric["type"][1:]]["target"]
    return target
