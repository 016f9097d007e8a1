"""Writes to an HPA of a real API server: nobody's next apply fails, and nothing of theirs is lost.

The owner made it by server-side apply or by a plain write, with and without minReplicas in the manifest; each is the
state that kubectl and Helm leave behind.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.adapters.kube.api import APPLY, Api
from controller.adapters.kube.hpa_writer import MANAGER, HpaWriter, hpa_path
from controller.domain import Ownership
from controller.errors import ApiRefused, Conflict
from controller.hpa_patch import Change, floor_of, target_of
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path

Json = dict[str, Any]
NAMESPACE = "hpa-writer"
pytestmark = pytest.mark.cluster


@pytest.fixture
async def api(cluster: ControlPlane) -> AsyncIterator[Api]:
    make_namespace(cluster.api, NAMESPACE)
    async with await Api.connect(cluster.kubeconfig) as api:
        yield api


def manifest(name: str, *, low: int | None, label: str = "one") -> Json:
    made = an_hpa(name, [an_external_metric("connections", "700")])
    made["metadata"] |= {"labels": {"release": label}, "namespace": NAMESPACE}
    made["spec"].pop("minReplicas")
    if low is not None:
        made["spec"]["minReplicas"] = low
    return made


async def apply(api: Api, made: Json) -> Json:
    """As `kubectl apply --server-side` and Helm 4 do."""
    return await api.patch(hpa_path(NAMESPACE, made["metadata"]["name"]), made, APPLY, {"fieldManager": "owner"})


async def update(api: Api, made: Json) -> Json:
    """As client-side `kubectl apply` and Helm 3 do: what changed in the manifest, as a merge patch."""
    path = hpa_path(NAMESPACE, made["metadata"]["name"])
    try:
        return await api.patch(
            path, {"metadata": made["metadata"], "spec": made["spec"]}, params={"fieldManager": "owner"}
        )
    except Exception as error:
        if getattr(error, "status", None) != 404:
            raise
        return await api.create(hpas_path(NAMESPACE), made)


async def written(api: Api, hpa: Json, change: Change, ownership: Ownership = Ownership.SHARE) -> Json:
    """As a controller writes, which decides anew where the HPA controller has just written into the status."""
    while True:
        try:
            return await HpaWriter(api).write(hpa, change, ownership)
        except Conflict:
            newer = await api.get(hpa_path(NAMESPACE, hpa["metadata"]["name"]))
            if newer["spec"] != hpa["spec"] or newer == hpa:
                raise
            hpa = newer


def managers_of(hpa: Json) -> set[str]:
    """Who claims anything but the status."""
    return {entry["manager"] for entry in hpa["metadata"]["managedFields"] if not entry.get("subresource")}


@pytest.mark.parametrize("low", [None, 2])
@pytest.mark.parametrize("owner", [apply, update])
@pytest.mark.parametrize(
    "change", [Change(floor=6), Change(targets={"connections": "650"}), Change(6, {"connections": "900"})]
)
async def test_the_owners_next_apply_succeeds(api: Api, low: int | None, owner: Any, change: Change) -> None:
    name = f"shared-{owner.__name__}-{low or 'none'}-{change.floor or 'none'}-{len(change.targets)}"
    made = await owner(api, manifest(name, low=low))
    managers = managers_of(made)
    after = await written(api, made, change)
    assert floor_of(after) == (change.floor or low or 1)
    assert [target_of(after, key) for key in change.targets] == list(change.targets.values())
    assert MANAGER not in json.dumps(after["metadata"]["managedFields"])
    assert managers_of(after) == managers
    again = await owner(api, manifest(name, low=low, label="two"))
    assert again["metadata"]["labels"]["release"] == "two"
    if low is not None:
        assert floor_of(again) == low  # theirs again; the watch re-asserts it


async def test_what_does_not_differ_is_not_written(api: Api) -> None:
    made = await apply(api, manifest("same", low=2))
    writer = HpaWriter(api)
    assert await writer.write(made, Change(floor=2, targets={"connections": "0.7k"}), Ownership.SHARE) == made
    assert writer.writes == 0


async def test_a_change_of_another_in_between_is_a_conflict(api: Api) -> None:
    made = await apply(api, manifest("raced", low=2))
    await apply(api, manifest("raced", low=3))
    with pytest.raises(Conflict):
        await HpaWriter(api).write(made, Change(floor=6), Ownership.SHARE)
    assert floor_of(await api.get(hpa_path(NAMESPACE, "raced"))) == 3


async def test_a_claim_that_was_left_behind_is_removed(api: Api) -> None:
    made = await apply(api, manifest("left", low=2))
    path = hpa_path(NAMESPACE, "left")
    claimed = await api.patch(path, {"spec": {"minReplicas": 7}}, params={"fieldManager": MANAGER})
    assert MANAGER in json.dumps(claimed["metadata"]["managedFields"])
    freed = await HpaWriter(api).drop_claim(made)  # read before the claim: nothing to see
    assert freed == made
    freed = await HpaWriter(api).drop_claim(claimed)
    assert MANAGER not in json.dumps(freed["metadata"]["managedFields"])
    assert floor_of(freed) == 7
    assert await HpaWriter(api).drop_claim(freed) == freed


async def test_respect_keeps_off_what_another_holds_and_force_takes_it(api: Api) -> None:
    made = await apply(api, manifest("held", low=2))
    with pytest.raises(Conflict, match="owner"):
        await written(api, made, Change(floor=6), Ownership.RESPECT)
    after = await written(api, made, Change(floor=6), Ownership.FORCE)
    assert floor_of(after) == 6
    with pytest.raises(Conflict, match=MANAGER):
        await apply(api, manifest("held", low=2, label="two"))
    free = await apply(api, manifest("free", low=None))
    assert floor_of(await written(api, free, Change(floor=6), Ownership.RESPECT)) == 6


async def test_annotations_come_and_go(api: Api) -> None:
    made = await apply(api, manifest("noted", low=2))
    note = {"foresail.dev/original": "{}"}
    after = await written(api, made, Change(6, annotations=note))
    assert after["metadata"]["annotations"] == note
    back = await written(api, after, Change(2, annotations=dict.fromkeys(note)))
    assert not back["metadata"].get("annotations")
    assert back["spec"] == made["spec"]


@pytest.mark.parametrize("ownership", [Ownership.SHARE, Ownership.FORCE])
async def test_where_the_server_takes_no_zero_a_hand_back_ends_at_one(
    api: Api, ownership: Ownership, caplog: pytest.LogCaptureFixture
) -> None:
    """The feature gate that the owner's 0 came by was switched off since, or somebody made the note up."""
    name = f"zero-{ownership.value.lower()}"
    hpa = await apply(api, manifest(name, low=6))
    hpa = await HpaWriter(api).write(hpa, Change(6, {}, {"foresail.dev/originals": "x"}), Ownership.SHARE)
    after = await HpaWriter(api).write(hpa, Change(0, {}, {"foresail.dev/originals": None}), ownership)
    assert floor_of(after) == 1
    assert "foresail.dev/originals" not in after["metadata"].get("annotations", {})
    assert "a minReplicas of 0 is not taken, so that it is 1" in caplog.text


async def test_what_the_server_does_not_take_for_another_reason_is_an_error(api: Api) -> None:
    hpa = await apply(api, manifest("never", low=6))
    with pytest.raises(ApiRefused, match="minReplicas"):
        await HpaWriter(api).write(hpa, Change(99), Ownership.SHARE)
