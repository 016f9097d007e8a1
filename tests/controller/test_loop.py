"""The loop against a real API server and the real HPA controller: raised, told, put back, handed over, given back.

Only the load and the forecaster are made up: what they say is what a scenario is about.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.cluster_metrics import ClusterMetrics
from controller.deciding import Outcome
from controller.kube_cluster import policies_path
from controller.loop import MOST_EARLY
from controller.onlooker import Onlooker
from controller.originals import ANNOTATION, FINALIZER
from controller.subjects import Key, Refusal
from tests.cluster.metrics_server import Measured
from tests.controller.live import (
    Stage,
    World,
    alone,
    apply,
    controller,
    make_policy,
    renewed,
    sampled,
    the_hpa,
    until,
)  # fmt: skip

pytestmark = pytest.mark.cluster


async def test_capacity_comes_before_the_load_and_goes_back(stage: Stage, owner: Api) -> None:
    original = stage.hpa["spec"]
    world = World(peak=950.0)
    await make_policy(owner, stage)
    metrics = ClusterMetrics(CollectorRegistry())
    async with controller(stage, world, metrics=metrics):
        await until(lambda: stage.pods == 10)
        assert stage.hpa["spec"]["minReplicas"] == 10
        assert "foresail" not in {entry["manager"] for entry in stage.hpa["metadata"]["managedFields"]}
        await until(lambda: stage.condition("Acting") == ("True", "Active"))
        await until(lambda: "FloorRaised" in stage.events())
        await until(lambda: sampled(metrics, "foresail_leader") == {(): 1.0})
        assert sampled(metrics, "foresail_watch_age_seconds").keys() == {
            ("horizontalpodautoscalers",), ("pods",), ("predictiveautoscalers",), ("scaledobjects",)
        }  # fmt: skip
        steps = {("plan",), ("read",), ("write",)}
        await until(lambda: steps <= sampled(metrics, "foresail_tick_step_duration_seconds").keys())
        assert stage.policy["status"]["original"] == {"minReplicas": 2}
        assert FINALIZER in stage.policy["metadata"]["finalizers"]
        assert int(stage.policy["status"]["leadTime"].rstrip("s")) <= 60  # measured, once five pods were seen to start

        # The owner's next apply succeeds, and takes nobody's pods away.
        applied = await apply(owner, the_hpa(stage.namespace, label="two"))
        assert applied["spec"]["minReplicas"] == 2
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 10)
        assert stage.hpa["metadata"]["labels"]["release"] == "two"
        await until(lambda: "FloorReset" in stage.events())

        # The load has come: the HPA holds those pods by itself, so that the floor may go at once.
        stage.board.external_metrics[stage.namespace, "connections"] = [Measured("700")]
        await until(lambda: alone(metrics) == 10)
        stage.edit(mode="Paused")
        await until(lambda: stage.hpa["spec"] == original)
        assert ANNOTATION not in stage.hpa["metadata"].get("annotations", {})
        await until(lambda: stage.condition("Acting") == ("False", "Paused"))
        assert stage.pods == 10

        stage.edit(mode="Active")
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 10)
        await owner.delete(f"{policies_path(stage.namespace)}/gateway")
        await until(lambda: stage.hpa["spec"] == original)
        await until(lambda: not stage.cluster.api.get(policies_path(stage.namespace))["items"])


async def test_a_pause_walks_back_by_the_ramp(stage: Stage, owner: Api) -> None:
    original = stage.hpa["spec"]
    await make_policy(owner, stage)
    async with controller(stage, World(peak=250.0)):
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 3)
        stage.edit(mode="Paused")
        await until(lambda: stage.condition("Acting") == ("True", "HandingBack"))
        assert stage.hpa["spec"]["minReplicas"] == 3
        await until(lambda: stage.hpa["spec"] == original)


async def test_observe_changes_nothing(stage: Stage, owner: Api) -> None:
    before = stage.hpa
    await make_policy(owner, stage, mode="Observe")
    async with controller(stage, World(peak=950.0)):
        await until(lambda: stage.policy.get("status", {}).get("wanted") == 10)
        await until(lambda: stage.condition("Ready") == ("True", "Followed"))
        after = stage.hpa
        assert (after["spec"], after["metadata"].get("annotations")) == (
            before["spec"], before["metadata"].get("annotations")
        )  # fmt: skip
        assert "finalizers" not in stage.policy["metadata"]


async def test_a_successor_goes_on_without_a_flap(stage: Stage, owner: Api) -> None:
    await make_policy(owner, stage, rampDown={"hold": "1m", "percentPerMinute": 10})
    world = World(peak=950.0)
    async with controller(stage, world, "one") as first:
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 10)
        async with controller(stage, world, "two") as second:
            for _ in range(3):
                before = renewed(stage)
                await until(lambda before=before: renewed(stage) > before)  # type: ignore[misc]
                assert (first.leading, second.leading) == (True, False)
    versions = {stage.hpa["metadata"]["annotations"][ANNOTATION]}
    async with controller(stage, world, "three") as third:
        await until(lambda: third.leading)
        limit = time.monotonic() + 4
        while time.monotonic() < limit:
            versions.add(stage.hpa["metadata"]["annotations"][ANNOTATION])
            assert stage.hpa["spec"]["minReplicas"] == 10
            await asyncio.sleep(0.2)
    assert len(versions) == 1


async def test_a_prometheus_that_is_away_takes_no_pods(stage: Stage, owner: Api) -> None:
    await make_policy(owner, stage)
    world = World(peak=950.0)
    async with controller(stage, world):
        await until(lambda: stage.pods == 10)
        world.away = True
        await until(lambda: stage.condition("Degraded") == ("True", "PrometheusUnavailable"))
        await asyncio.sleep(3)
        assert stage.hpa["spec"]["minReplicas"] == 10
        world.away = False
        await until(lambda: stage.condition("Degraded")[0] == "False")
        assert stage.hpa["spec"]["minReplicas"] == 10


async def test_the_target_is_moved_and_given_back(stage: Stage, owner: Api) -> None:
    original = stage.hpa["spec"]
    stage.board.external_metrics[stage.namespace, "connections"] = [Measured("420")]
    await until(lambda: stage.hpa.get("status", {}).get("currentReplicas") == 6)
    target = {"metric": "connections", "min": 60, "max": 90}
    await make_policy(owner, stage, levers=["Floor", "Target"], target=target)
    async with controller(stage, World(load=420.0, peak=430.0)):
        await until(lambda: stage.hpa["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "90")
        again = await apply(owner, the_hpa(stage.namespace, label="two"))
        assert again["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "70"
        await until(lambda: stage.hpa["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "90")
        stage.edit(mode="Paused")
        await until(lambda: stage.hpa["spec"] == original)
        assert ANNOTATION not in stage.hpa["metadata"].get("annotations", {})


async def test_more_than_the_maximum_is_a_condition(stage: Stage, owner: Api) -> None:
    await make_policy(owner, stage)
    async with controller(stage, World(peak=1850.0)):
        await until(lambda: stage.condition("Limited") == ("True", "BeyondMaximum"))
        assert stage.hpa["spec"]["minReplicas"] <= 12


async def test_a_change_of_the_hpa_does_not_wait_for_the_next_tick(
    stage: Stage, owner: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is ten minutes away here: its owner lets it grow, takes it away, and makes it again."""
    monkeypatch.setattr("controller.loop.MOST_EARLY", 1000)  # how often is another matter; until a forecast is there
    path = hpa_path(stage.namespace, "gateway")
    await make_policy(owner, stage)
    async with controller(stage, World(peak=1500.0), tick_s=600.0):
        for most in count(20):  # a tick each, until one finds the forecast that the first has asked for
            stage.edit(bounds={"minReplicas": 2, "maxReplicas": most})
            if (await owner.get(path))["spec"]["minReplicas"] == 12:
                break
            await asyncio.sleep(0.5)
        await owner.patch(path, {"spec": {"maxReplicas": 15}})
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 15)
        await owner.delete(path)
        await until(lambda: stage.condition("Ready") == ("False", "HpaNotFound"))
        await apply(owner, the_hpa(stage.namespace))
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 12)


async def test_who_fights_over_an_hpa_does_not_make_the_ticks_run_hot(stage: Stage, owner: Api) -> None:
    """A change brings a tick forward twenty times; then they come when they are due, which is ten minutes away here."""

    class Counts(Onlooker):
        ticks = 0

        def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
            self.ticks += bool(found)

    path, counts = hpa_path(stage.namespace, "gateway"), Counts()
    await make_policy(owner, stage)
    async with controller(stage, World(), onlooker=counts, tick_s=600.0):
        for most in count(20):
            if counts.ticks > MOST_EARLY:
                break
            seen = counts.ticks
            await owner.patch(path, {"spec": {"maxReplicas": most}})
            await until(lambda seen=seen: counts.ticks > seen)  # type: ignore[misc]
        for most in (70, 80, 90):
            await owner.patch(path, {"spec": {"maxReplicas": most}})
            before = renewed(stage)
            await until(lambda before=before: renewed(stage) != before)  # type: ignore[misc]
        assert counts.ticks == 1 + MOST_EARLY
