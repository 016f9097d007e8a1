"""Floors on a real API server, given back without a controller."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from controller.adapters.kube.api import MERGE_PATCH, Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.originals import ANNOTATION
from controller.restoring import step_back
from tests.controller.live import Stage, World, controller, make_policy, until, watchdog

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("lost", [False, True], ids=["noted", "note lost"])
async def test_without_any_controller_the_floor_walks_back(stage: Stage, owner: Api, lost: bool) -> None:
    """Also where a replace has dropped the note, since nobody is left who could put it back."""
    original = stage.hpa["spec"]
    await make_policy(owner, stage, rampDown={"hold": "1m", "percentPerMinute": 30})
    async with controller(stage, World(peak=950.0)):
        await until(lambda: stage.pods == 10)
        await until(lambda: stage.policy.get("status", {}).get("floor") == 10)
    if lost:
        path = hpa_path(stage.namespace, "gateway")
        await owner.patch(path, {"metadata": {"annotations": {ANNOTATION: None}}}, MERGE_PATCH)
    async with watchdog(stage) as cluster:
        floors = []
        while steps := await step_back(cluster, cluster.hpas, cluster.policies, 1.0, datetime.now().astimezone()):  # noqa: TID251
            floors += [one.after for one in steps if not one.failed]  # as where the HPA's status was just written
            await asyncio.sleep(0.05)
    assert len(floors) <= 8
    assert floors[0] == 7
    assert floors == sorted(floors, reverse=True)
    assert stage.hpa["spec"] == original
    assert ANNOTATION not in stage.hpa["metadata"].get("annotations", {})
