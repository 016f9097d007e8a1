"""Giving back without a controller: by each policy's ramp, never below the HPA's own, to the end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from controller.domain import Ownership
from controller.errors import Forbidden
from controller.hpa_patch import Change, operations
from controller.originals import ANNOTATION, FINALIZER
from controller.restoring import BELIEVED, age_of, left, let_go, step_back
from tests.controller.test_deciding import a_subject
from tests.controller.test_hpa_patch import applied
from tests.controller.test_subjects import a_policy
from tests.helpers.builders import at

Json = dict[str, Any]


KEY = ("chat", "gateway")


class Hpas(dict[tuple[str, str], Json]):
    """HPAs that take what is written, but for those of the names `refused`.

    freed  which policies were told what finalizers are left
    """

    freed: list[tuple[str, list[str]]]
    refused: Collection[str] = ()

    async def write_finalizers(self, policy: Json, finalizers: list[str]) -> None:
        self.freed.append((policy["metadata"]["name"], finalizers))

    async def write_hpa(self, hpa: Json, change: Change, ownership: Ownership) -> Json:
        assert ownership is Ownership.SHARE
        if hpa["metadata"]["name"] in self.refused:
            raise Forbidden("PATCH", 403, "Forbidden", "a webhook says no")
        after = applied(hpa, operations(hpa, change))
        self["chat", hpa["metadata"]["name"]] = after
        return after


def held(ours: int = 20, total: float = 140) -> Hpas:
    return Hpas({("chat", "gateway"): a_subject(ours=ours, total=total).hpa})


async def walked(hpas: Hpas, policies: dict[tuple[str, str], Json], share: float = 1.0) -> list[int]:
    floors: list[int] = []
    for _ in range(60):
        steps = await step_back(hpas, hpas, policies, share, at())
        if not steps:
            return floors
        floors += [one.after for one in steps]
    raise AssertionError("never ended")


@pytest.mark.parametrize(
    ("policies", "second"),
    [
        ({}, 18),
        ({("chat", "gateway"): a_policy(rampDown={"percentPerMinute": 50})}, 10),
        ({("chat", "gateway"): a_policy(unknown=1)}, 18),
    ],
)
async def test_it_walks_by_the_ramp_of_the_policy(policies: dict[tuple[str, str], Json], second: int) -> None:
    hpas = held()
    floors = await walked(hpas, policies)
    assert floors[0] == second
    assert floors == sorted(floors, reverse=True)
    assert floors[-1] == 2
    assert hpas["chat", "gateway"]["spec"]["minReplicas"] == 2
    assert left(hpas, policies, at()) == {}


async def test_what_the_hpa_holds_by_itself_is_let_go_at_once() -> None:
    hpas = held(ours=9, total=9 * 700)
    assert await walked(hpas, {}) == [2]


async def test_it_stops_above_what_the_hpa_wishes_for() -> None:
    hpas = held(ours=10, total=8 * 700)
    floors = await walked(hpas, {}, 1.0)
    assert floors == [9, 8, 2]


async def test_all_at_once_is_one_step() -> None:
    hpas = held()
    assert list(left(hpas, {}, at())) == [KEY]
    assert await walked(hpas, {}, float("inf")) == [2]
    assert ANNOTATION not in hpas["chat", "gateway"]["metadata"].get("annotations", {})


def test_the_age_of_a_lease_is_that_of_its_renewal() -> None:
    assert age_of({}, at()) == timedelta.max
    assert age_of({"spec": {"renewTime": "2026-03-02T19:59:00.000000Z"}}, at()) == timedelta(minutes=1)


async def test_a_policy_waits_for_nobody_once_its_hpa_is_given_back() -> None:
    policy = a_policy()
    policy["metadata"]["finalizers"] = ["another.dev/keeps", FINALIZER]
    policies = {("chat", "gateway"): policy, ("chat", "never-acted"): a_policy()}
    hpas = held()
    hpas.freed = []
    await let_go(hpas, hpas, policies, at())
    assert hpas.freed == []
    await walked(hpas, policies, share=float("inf"))
    await let_go(hpas, hpas, policies, at())
    assert hpas.freed == [(policy["metadata"]["name"], ["another.dev/keeps"])]


async def test_one_hpa_that_cannot_be_written_keeps_no_other() -> None:
    hpas = held()
    hpas["chat", "a"] = {**hpas[KEY], "metadata": {**hpas[KEY]["metadata"], "name": "a"}}
    hpas.refused = {"a"}
    first, second = await step_back(hpas, hpas, {}, float("inf"), at())
    assert (first.hpa, first.after, first.done) == ("chat/a", 20, False)
    assert "a webhook says no" in first.failed
    assert (second.after, second.done, second.failed) == (2, True, "")


def acting(floor: int, original: int = 2, decided_minutes: float = 0) -> Json:
    """A policy whose status says that it holds a floor."""
    conditions = [{"type": "Acting", "status": "True"}]
    status = {"conditions": conditions, "floor": floor, "original": {"minReplicas": original}}
    return a_policy() | {"status": status | {"decidedAt": at(decided_minutes).isoformat()}}


def without_note(ours: int) -> Hpas:
    hpas = held(ours=ours)
    hpas[KEY] = {**hpas[KEY], "metadata": {**hpas[KEY]["metadata"], "annotations": {}}}
    return hpas


async def test_a_floor_whose_note_was_lost_goes_back_as_the_status_tells() -> None:
    policy = acting(20)
    policy["metadata"]["finalizers"] = [FINALIZER]
    hpas, policies = without_note(20), {KEY: policy}
    hpas.freed = []
    await let_go(hpas, hpas, policies, at())
    assert hpas.freed == []
    floors = await walked(hpas, policies)
    assert (floors[0], floors[-1]) == (18, 2)
    assert hpas[KEY]["spec"]["minReplicas"] == 2
    await let_go(hpas, hpas, policies, at())
    assert hpas.freed == [("gateway", [])]


@pytest.mark.parametrize(
    ("there", "policy"),
    [
        (19, acting(20)),
        (20, acting(20, decided_minutes=-1 - BELIEVED / timedelta(minutes=1))),
        (20, acting(20) | {"status": {"floor": 20, "original": {"minReplicas": 2}, "conditions": []}}),
        (20, a_policy()),
        (20, acting(20) | {"metadata": {"name": "gateway", "namespace": "other"}}),
    ],
    ids=["another value", "an old status", "one that does not act", "none", "of another namespace"],
)
async def test_what_no_status_tells_of_is_the_owners(there: int, policy: Json) -> None:
    hpas = without_note(there)
    assert await walked(hpas, {KEY: policy}) == []
    assert hpas[KEY]["spec"]["minReplicas"] == there


async def test_an_owned_hpa_without_a_note_is_left_alone() -> None:
    hpas = without_note(20)
    hpas[KEY]["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "chat", "controller": True}]
    assert await walked(hpas, {KEY: acting(20)}) == []
