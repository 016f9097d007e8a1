"""The HPA's own wish from its status: what a real one would come to, whatever floor of ours is in it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.hpa_wish import Alone, wish_of
from controller.originals import Originals
from controller.ready_pods import Counted
from tests.helpers.builders import at

Json = dict[str, Any]
TICK = timedelta(seconds=15)


def external(name: str, target: Json, current: Json) -> tuple[Json, Json]:
    part = {"metric": {"name": name}}
    return {"type": "External", "external": {**part, "target": target}}, {
        "type": "External", "external": {**part, "current": current}
    }  # fmt: skip


def average(total: float, replicas: int, target: str = "70", name: str = "connections") -> tuple[Json, Json]:
    shown = {"averageValue": f"{math.ceil(round(1000 * total / replicas, 9))}m"}
    return external(name, {"type": "AverageValue", "averageValue": target}, shown)


def cpu(utilization: int) -> tuple[Json, Json]:
    def part(kind: str, shown: Json) -> Json:
        return {"type": "Resource", "resource": {"name": "cpu", kind: shown}}

    return part("target", {"type": "Utilization", "averageUtilization": 70}), part(
        "current", {"averageUtilization": utilization, "averageValue": "10m"}
    )


def an_hpa(*metrics: tuple[Json, Json], floor: int = 2, replicas: int = 2) -> Json:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    spec = {"scaleTargetRef": reference, "minReplicas": floor, "maxReplicas": 40, "metrics": [m for m, _ in metrics]}
    status = {"currentReplicas": replicas, "desiredReplicas": replicas, "currentMetrics": [s for _, s in metrics]}
    return {"metadata": {"name": "gateway", "uid": "1"}, "spec": spec, "status": status}


def settled(make: Any, originals: Originals | None, replicas: int, looks: int = 30) -> int | None:
    """The wish after so many looks at an HPA that stays as it is."""
    alone, now = Alone(), at()
    found = None
    for _ in range(looks):
        looked = wish_of(make(replicas), originals, alone, now)
        found, alone, now = looked.replicas, looked.alone, now + TICK
    return found


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (lambda n: average(420, n), 6),
        (lambda n: average(60, n), 2),
        (lambda n: external("queue", {"type": "Value", "value": "10"}, {"value": f"{19 / n:.3f}"}), 2),
        (lambda n: cpu(round(350 / n)), 5),
    ],
)
def test_our_floor_has_no_say(metric: Any, expected: int) -> None:
    """12 pods are there because of us."""
    noted = Originals("chat/gateway", 2, 12)
    found = settled(lambda n: an_hpa(metric(n), floor=12, replicas=n), noted, 12)
    assert found == expected


def test_pods_that_are_still_starting_bear_no_load() -> None:
    """Seven pods, of which three are measured at 98 %: the load of 4.2 pods at the target, and not of 9.8."""
    for replicas in (3, 5, 7):
        made = an_hpa(cpu(98), floor=replicas, replicas=replicas)
        found = wish_of(made, Originals("chat/gateway", 2, 12), Alone(), at(), Counted(measured=3))
        assert found.totals == {"cpu": 3 * 98}
        assert found.replicas == 5


def test_what_is_of_no_pod_is_of_all_of_them() -> None:
    made = an_hpa(average(420, 7), floor=7, replicas=7)
    assert wish_of(made, Originals("chat/gateway", 2, 12), Alone(), at(), Counted(measured=3)).replicas == 6


@pytest.mark.parametrize(
    ("target", "seen", "replicas", "expected"),
    [
        ("100m", "100m", 30, 30),
        ("100m", "100m", 40, 40),
        ("100m", "150m", 20, 30),
        ("500m", "1", 15, 30),
        ("100", "200", 3, 6),
    ],
)
def test_a_value_is_held_against_its_target_and_no_part_of_it(
    target: str, seen: str, replicas: int, expected: int
) -> None:
    """A latency in seconds divided by the pods would be a handful of thousandths, and rounding it a tenth of it."""
    metric = external("latency", {"type": "Value", "value": target}, {"value": seen})
    assert wish_of(an_hpa(metric, replicas=replicas), None, Alone(), at()).replicas == expected


def test_in_a_rollout_what_is_of_no_pod_is_divided_by_the_surge_too() -> None:
    """Ten pods were asked for and thirteen are there, under the load of ten."""
    _, shown = average(700, 13)
    made = an_hpa((average(700, 10)[0], shown), replicas=10)
    alone = wish_of(made, None, Alone(), at(), Counted(there=13)).alone
    later = wish_of(made, None, alone, at(6), Counted(there=13))
    assert (later.replicas, round(later.totals["connections"])) == (10, 700)
    made["status"]["desiredReplicas"] = 13  # it scales: the pods that are there now it has not seen
    assert round(wish_of(made, None, alone, at(6), Counted(there=13)).totals["connections"]) == 538
    made["status"]["desiredReplicas"] = 10
    assert round(wish_of(made, None, alone, at(6), Counted(there=7)).totals["connections"]) == 538


def test_our_target_has_no_say_either() -> None:
    noted = Originals("chat/gateway", 2, 2, "connections", "70", "90")
    assert settled(lambda n: an_hpa(average(420, n, "90"), replicas=n), noted, 5) == 6


def test_of_several_metrics_the_largest_counts() -> None:
    assert settled(lambda n: an_hpa(average(420, n), cpu(20), replicas=n), None, 6) == 6


def test_a_metric_that_is_missing_is_never_guessed() -> None:
    hpa = an_hpa(average(420, 6), cpu(40), replicas=6)
    hpa["status"]["currentMetrics"].pop()
    before = Alone(6)
    looked = wish_of(hpa, None, before, at())
    assert (looked.replicas, looked.alone) == (None, before)
    assert looked.totals["connections"] == pytest.approx(420, rel=1e-3)
    assert wish_of({**hpa, "status": {}}, None, Alone(), at()).replicas is None


@given(st.floats(1, 2000), st.integers(1, 40))
def test_totals_are_of_all_pods(total: float, replicas: int) -> None:
    looked = wish_of(an_hpa(average(total, replicas), replicas=replicas), None, Alone(), at())
    assert looked.totals["connections"] == pytest.approx(total, abs=0.001 * replicas)


def test_a_fall_of_the_load_is_stabilized_as_the_hpa_does() -> None:
    alone, now = Alone(), at()

    def look(total: float) -> int | None:
        nonlocal alone, now
        looked = wish_of(an_hpa(average(total, 12), floor=12, replicas=12), Originals("a/b", 2, 12), alone, now)
        alone, now = looked.alone, now + TICK
        return looked.replicas

    assert [look(700) for _ in range(30)][-1] == 10
    falling: list[tuple[datetime, int | None]] = [(now, look(140)) for _ in range(30)]
    began = falling[0][0]
    assert {wish for when, wish in falling if when - began < timedelta(minutes=4)} == {10}
    assert falling[-1][1] == 2


def later(hpa: Json, part: str) -> Json:
    """The HPA as a Kubernetes of a later year may have it."""
    spec = hpa["spec"]
    match part:
        case "field":
            spec["coolDown"] = "5m"
        case "behavior":
            spec["behavior"] = {"scaleDown": {"burst": 3}}
        case "target":
            spec["metrics"][0]["external"]["target"]["smoothing"] = "1m"
        case "source":
            spec["metrics"][0] = {"type": "Oracle", "oracle": {}}
    return hpa


@pytest.mark.parametrize("part", ["field", "behavior", "target", "source"])
def test_of_a_spec_that_is_not_understood_the_wish_is_unknown_and_says_why(part: str) -> None:
    before = Alone(7)
    looked = wish_of(later(an_hpa(average(420, 6)), part), None, before, at())
    assert (looked.replicas, looked.alone) == (None, before)
    assert looked.unread.startswith("gateway: spec.")
    assert looked.totals == {"connections": pytest.approx(140, abs=0.01)}  # of two pods, with a mean of 70 each
    known = wish_of(an_hpa(average(420, 6)), None, before, at())
    assert (known.unread, known.replicas is None) == ("", False)


def test_a_floor_of_none_is_kedas_and_its_hpa_has_one() -> None:
    none = settled(lambda n: an_hpa(average(60, n), floor=0, replicas=n), Originals("chat/chat", 0, 0), 2)
    one = settled(lambda n: an_hpa(average(60, n), floor=1, replicas=n), Originals("chat/chat", 1, 1), 2)
    assert none == one == 1


def test_two_metrics_of_one_name_are_two() -> None:
    """As the cpu of two containers: were they one, the wish would be unknown for ever and no floor ever given back."""

    def container(name: str, utilization: int) -> tuple[Json, Json]:
        part = {"name": "cpu", "container": name}
        target = {"type": "Utilization", "averageUtilization": 70}
        kind = {"type": "ContainerResource"}
        return {**kind, "containerResource": {**part, "target": target}}, {
            **kind, "containerResource": {**part, "current": {"averageUtilization": utilization, "averageValue": "1m"}}
        }  # fmt: skip

    assert settled(lambda n: an_hpa(container("app", 350 // n), container("proxy", 70 // n), replicas=n), None, 1) == 5
