"""A ScaledObject on a real API server, over the HPA that KEDA would make of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from controller.adapters.kube.api import APPLY, Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.kube_cluster import hpas_path, policies_path, scaled_objects_path
from controller.originals import ANNOTATION
from controller.restoring import step_back
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane
from tests.controller.live import Stage, World, a_policy, controller, the_hpa, until, watchdog

Json = dict[str, Any]

pytestmark = pytest.mark.cluster


SCALED_OBJECTS: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "scaledobjects.keda.sh"},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects"},
        "versions": [{
            "name": "v1alpha1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": {"type": "object", "properties": {
                        "minReplicaCount": {"type": "integer"}, "maxReplicaCount": {"type": "integer"},
                        "scaleTargetRef": {"type": "object", "properties": {"name": {"type": "string"}}},
                    }},
                    "status": {"type": "object", "properties": {"hpaName": {"type": "string"}}},
                },
            }},
        }],
    },
}  # fmt: skip
"""As much of KEDA's kind as this needs."""


async def _as_keda_does(api: Api, namespace: str, scaled: str, hpa: str) -> None:
    """Until it is cancelled, the HPA's floor is what the ScaledObject says, and 1 where that says 0."""
    while True:
        said = (await api.get(f"{scaled_objects_path(namespace)}/{scaled}"))["spec"].get("minReplicaCount", 0)
        there = (await api.get(hpa_path(namespace, hpa)))["spec"]["minReplicas"]
        if there != max(1, said):
            await api.patch(hpa_path(namespace, hpa), {"spec": {"minReplicas": max(1, said)}})
        await asyncio.sleep(0.1)


@pytest.fixture
async def keda(stage: Stage) -> AsyncIterator[Api]:
    """A cluster with KEDA's kind, a ScaledObject that says no minReplicaCount, and what KEDA makes of it."""
    with contextlib.suppress(ApiError):
        stage.cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", SCALED_OBJECTS)
    path = scaled_objects_path(stage.namespace)
    await until(lambda: _answers(stage.cluster, path))
    body = {
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "chat", "namespace": stage.namespace},
        "spec": {"scaleTargetRef": {"name": "gateway"}, "maxReplicaCount": 12},
    }  # fmt: skip
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        made = await api.patch(f"{path}/chat", body, APPLY, {"fieldManager": "owner"})
        hpa = the_hpa(stage.namespace)
        boss = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "chat", "controller": True}
        hpa["metadata"] |= {"name": "keda-hpa-chat", "ownerReferences": [{**boss, "uid": made["metadata"]["uid"]}]}
        await api.create(hpas_path(stage.namespace), hpa)
        operator = asyncio.create_task(_as_keda_does(api, stage.namespace, "chat", "keda-hpa-chat"))
        yield api
        operator.cancel()
        await asyncio.gather(operator, return_exceptions=True)


def _answers(cluster: ControlPlane, path: str) -> bool:
    try:
        return bool(cluster.api.get(path))
    except ApiError:
        return False


async def test_a_scaled_objects_floor_is_moved_put_back_and_given_back(stage: Stage, keda: Api) -> None:
    path = f"{scaled_objects_path(stage.namespace)}/chat"

    def scaled() -> Json:
        return stage.cluster.api.get(path)

    def theirs() -> bool:
        return scaled()["spec"] == original and ANNOTATION not in scaled()["metadata"].get("annotations", {})

    original = scaled()["spec"]
    policy = a_policy(stage.namespace, scaledObjectRef={"name": "chat"})
    del policy["spec"]["hpaRef"]
    await keda.create(policies_path(stage.namespace), policy)
    async with controller(stage, World(peak=1150.0)):
        await until(lambda: stage.pods == 12)
        assert scaled()["spec"]["minReplicaCount"] == 12
        assert "foresail" not in {entry["manager"] for entry in scaled()["metadata"]["managedFields"]}
        await until(lambda: stage.condition("Acting") == ("True", "Active"))

        named = {**scaled(), "metadata": {"name": "chat", "namespace": stage.namespace, "labels": {"release": "two"}}}
        named["spec"] = {**original, "minReplicaCount": 11}
        await keda.patch(path, named, APPLY, {"fieldManager": "owner"})  # succeeds
        original = named["spec"]
        await until(lambda: scaled()["spec"]["minReplicaCount"] == 12)
        await until(lambda: "FloorReset" in stage.events())
        await until(lambda: stage.pods == 12)  # an HPA that syncs in between may have let one go

        stage.edit(mode="Paused")
        await until(theirs)
        stage.edit(mode="Active")
        await until(lambda: scaled()["spec"]["minReplicaCount"] == 12)
    async with watchdog(stage) as cluster:
        (step,) = await step_back(cluster, cluster.hpas, cluster.policies, float("inf"), datetime.now().astimezone())  # noqa: TID251
    assert (step.after, step.done) == (11, True)
    assert theirs()
