"""Real rollouts of a real Deployment, as its pods tell the controller: noted, told, and found by a successor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from controller.adapters.kube.api import Api
from controller.rollouts import read
from tests.cluster.workloads import deployment_path
from tests.controller.live import Stage, World, controller, make_policy, until

pytestmark = pytest.mark.cluster
Json = dict[str, Any]


def roll_out(stage: Stage, release: str) -> None:
    path = deployment_path(stage.namespace, "gateway")
    stage.cluster.api.patch(path, {"spec": {"template": {"metadata": {"labels": {"release": release}}}}})


def rolled_out(stage: Stage) -> bool:
    """Whether all pods are of the newest template, and ready."""
    one = stage.cluster.api.get(deployment_path(stage.namespace, "gateway"))
    status, wanted = one["status"], one["spec"]["replicas"]
    counts = {status.get(name) for name in ("replicas", "updatedReplicas", "readyReplicas")}
    return bool(status.get("observedGeneration") == one["metadata"]["generation"] and counts == {wanted})


def seen(stage: Stage) -> list[Json]:
    found: list[Json] = stage.policy.get("status", {}).get("rollouts", {}).get("seen", [])
    return found


async def test_rollouts_are_noted_told_and_found_by_a_successor(stage: Stage, owner: Api) -> None:
    await until(lambda: stage.pods == 2)
    await make_policy(owner, stage)
    async with controller(stage, World()):
        await until(lambda: "template" in stage.policy.get("status", {}).get("rollouts", {}))
        first = read(stage.policy["status"]).template
        stage.edit(bounds={"minReplicas": 4, "maxReplicas": 20})  # a scale-up is no rollout
        await until(lambda: stage.pods >= 4)
        roll_out(stage, "two")
        await until(lambda: bool(seen(stage)))
        await until(lambda: rolled_out(stage))  # as the Deployment says, a little later than its pods
        known = read(stage.policy["status"])
        (rollout,) = known.seen
        assert known.template == rollout.template != first
        await until(lambda: stage.event("RolledOut") is not None)
        told = stage.event("RolledOut")
        assert told is not None
        made, noted = (
            datetime.fromisoformat(one) for one in (stage.policy["metadata"]["creationTimestamp"], told["eventTime"])
        )
        assert made <= rollout.start <= rollout.end <= noted
        assert f"rollout of {rollout.template}" in told["note"]
        assert "is not expected again" in told["note"]
    roll_out(stage, "three")
    await until(lambda: rolled_out(stage))
    async with controller(stage, World(), "two"):
        await until(lambda: len(seen(stage)) == 2)
        known = read(stage.policy["status"])
        assert known.seen[0] == rollout
        assert known.seen[1].template == known.template not in (first, rollout.template)
        assert rollout.end <= known.seen[1].start <= known.seen[1].end
