"""A real API server holds policies that cannot be followed: each says why, and the others go on."""

from __future__ import annotations

import asyncio

import pytest

from controller.adapters.kube.api import Api
from controller.kube_cluster import hpas_path, policies_path
from tests.controller.live import Stage, World, a_policy, controller, make_policy, the_hpa, until

pytestmark = pytest.mark.cluster


async def test_what_cannot_be_followed_is_said_and_the_others_go_on(stage: Stage, owner: Api) -> None:
    await make_policy(owner, stage)
    lost = a_policy(stage.namespace, hpaRef={"name": "nobody"})
    lost["metadata"]["name"] = "lost"
    twice = a_policy(stage.namespace)
    twice["metadata"]["name"] = "twice"
    unread = a_policy(stage.namespace, hpaRef={"name": "other"})
    unread["metadata"]["name"] = "unread"
    unread["spec"]["signals"][0]["query"] = "sum(connections"
    owned = a_policy(stage.namespace, hpaRef={"name": "keda-hpa-chat"})
    owned["metadata"]["name"] = "owned"
    # Of a kind that no test makes known: else the garbage collector misses the owner, and deletes the HPA.
    boss = {"apiVersion": "scaling.example/v1", "kind": "ScaledObject", "name": "chat", "uid": "1", "controller": True}
    for name, owners in (("other", []), ("keda-hpa-chat", [boss])):
        made = the_hpa(stage.namespace)
        made["metadata"] |= {"name": name, "ownerReferences": owners}
        stage.cluster.api.create(hpas_path(stage.namespace), made)
    await asyncio.sleep(1.1)  # ages are in whole seconds
    for one in (lost, twice, unread, owned):
        await owner.create(policies_path(stage.namespace), one)

    def ready(name: str) -> tuple[str, str, str]:
        found = stage.cluster.api.get(f"{policies_path(stage.namespace)}/{name}").get("status", {})
        said = (one for one in found.get("conditions", []) if one["type"] == "Ready")
        return next(((one["status"], one["reason"], one["message"]) for one in said), ("", "", ""))

    def warned(name: str) -> list[str]:
        path = f"/apis/events.k8s.io/v1/namespaces/{stage.namespace}/events"
        told = (one for one in stage.cluster.api.get(path)["items"] if one["regarding"]["name"] == name)
        return [one["reason"] for one in told if one["type"] == "Warning"]

    expected = {
        "lost": ("HpaNotFound", "create it, or name another"),
        "twice": ("DuplicatePolicy", "remove one of the two"),
        "unread": ("QueryRefused", "correct the signal's query"),
        "owned": ("HpaOwned", "belongs to ScaledObject chat"),
    }

    async with controller(stage, World(peak=950.0)):
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 10)
        for name, (reason, remedy) in expected.items():
            await until(lambda name=name, reason=reason: ready(name)[:2] == ("False", reason))  # type: ignore[misc]
            assert remedy in ready(name)[2]
            await until(lambda name=name: bool(warned(name)))  # type: ignore[misc]
        assert warned("lost") == ["HpaNotFound"]
        stage.edit(bounds={"minReplicas": 3, "maxReplicas": 5})
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 5)
        await until(lambda: stage.condition("Limited")[0] == "False")
