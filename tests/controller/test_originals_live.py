"""Whose a value is, after a real API server took what owners and other policies did to the note."""

from __future__ import annotations

import pytest

from controller.adapters.kube.api import Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.kube_cluster import policies_path
from controller.originals import ANNOTATION
from tests.controller.live import Stage, World, a_policy, apply, controller, make_policy, the_hpa, until

pytestmark = pytest.mark.cluster


async def test_an_owner_who_replaces_gets_the_floor_back_and_later_their_own(stage: Stage, owner: Api) -> None:
    """A replace takes the note with it, and every other trace of us on the HPA."""
    await make_policy(owner, stage)
    async with controller(stage, World(peak=1150.0)):
        await until(lambda: stage.pods == 12)
        for low in (12, 11):  # with the floor as it stands, and with another
            made = the_hpa(stage.namespace, label=f"replaced-{low}", low=low)
            await owner.replace(hpa_path(stage.namespace, "gateway"), made)
            await until(lambda: ANNOTATION in stage.hpa["metadata"].get("annotations", {}))
            assert stage.hpa["spec"]["minReplicas"] == 12
        stage.edit(mode="Paused")
        await until(lambda: ANNOTATION not in stage.hpa["metadata"].get("annotations", {}))
        assert stage.hpa["spec"]["minReplicas"] == 11


async def test_another_policy_takes_over_and_knows_whose_the_floor_is(stage: Stage, owner: Api) -> None:
    """The first is taken away by force, as people do where a finalizer is in their way."""
    original = (await apply(owner, the_hpa(stage.namespace, low=11)))["spec"]
    await make_policy(owner, stage)
    async with controller(stage, World(peak=1150.0)):
        await until(lambda: stage.pods == 12)
    path = f"{policies_path(stage.namespace)}/gateway"
    await owner.delete(path)
    await owner.patch(path, {"metadata": {"finalizers": None}})
    renamed = a_policy(stage.namespace)
    renamed["metadata"]["name"] = "renamed"
    await owner.create(policies_path(stage.namespace), renamed)
    async with controller(stage, World(peak=1150.0), "two"):
        await until(lambda: "renamed" in stage.hpa["metadata"]["annotations"][ANNOTATION])
        assert stage.hpa["spec"]["minReplicas"] == 12
        await owner.delete(f"{policies_path(stage.namespace)}/renamed")
        await until(lambda: stage.hpa["spec"] == original)
