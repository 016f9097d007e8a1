"""The loop against a real API server and the real HPA controller: raised, told, put back, handed over, given back.

Only the load and the forecaster are made up: what they say is what a scenario is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import APPLY, Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.adapters.kube.lease import Timing
from controller.adapters.ledger import read_ledger, verify_ledger
from controller.adapters.prometheus_feed import Fed, Problem, SignalKey
from controller.cluster_metrics import ClusterMetrics
from controller.json_log import DecisionLog
from controller.kube_cluster import KubeCluster, hpas_path, policies_path, scaled_objects_path
from controller.ledger_folder import LedgerFolder
from controller.live_forecasts import LiveForecasts
from controller.loop import Loop, LoopSettings
from controller.onlooker import Onlooker, Onlookers
from controller.originals import ANNOTATION, FINALIZER
from controller.recent import Recent
from controller.reconcile import Reconciler
from controller.recorder import Recorder
from controller.restoring import step_back
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts
from forecaster.series import EPOCH, Kind, Series
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.kubelet import kubelet
from tests.cluster.metrics_server import Board, Measured, metrics_server
from tests.cluster.workloads import a_deployment, an_external_metric, an_hpa
from tests.helpers.processes import until as wait_until

pytestmark = pytest.mark.cluster
Json = dict[str, Any]
CRD = Path(__file__).parents[2] / "deploy" / "kubernetes" / "crd.yaml"
MINUTE = timedelta(minutes=1)
TIMING = Timing(3.0, 2.0, 0.3)


@dataclass
class World:
    """What a scenario says: the load now, the peak that is forecast, and whether Prometheus answers."""

    load: float = 100.0
    peak: float = 100.0
    away: bool = False

    name: str = "made up"

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]:
        bins = (now - EPOCH) // MINUTE
        series = Series(EPOCH + (bins - 60) * MINUTE, MINUTE, np.full(60, self.load), Kind.STOCK, "load")
        fed = Fed(series, Problem.UNAVAILABLE, "the server does not answer") if self.away else Fed(series)
        refused = Fed(None, Problem.REFUSED, "parse error: unclosed left parenthesis")
        return {key: refused if key.query.count("(") != key.query.count(")") else fed for key in keys}

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        shape = (1, HORIZON, len(LEVELS))
        return [
            Forecasts(
                ask.origins, LEVELS, np.full(shape, self.peak), np.full(shape[::2], self.peak), ask.window, self.name
            )
            for ask in asks
        ]


@dataclass
class Stage:
    """A namespace with a deployment of real pods, its HPA on connections, and a policy."""

    cluster: ControlPlane
    namespace: str
    board: Board

    @property
    def hpa(self) -> Json:
        return self.cluster.api.get(hpa_path(self.namespace, "gateway"))

    @property
    def policy(self) -> Json:
        return self.cluster.api.get(f"{policies_path(self.namespace)}/gateway")

    @property
    def pods(self) -> int:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/gateway"
        return int(self.cluster.api.get(path)["status"].get("readyReplicas", 0))

    def edit(self, **spec: object) -> None:
        self.cluster.api.patch(f"{policies_path(self.namespace)}/gateway", {"spec": spec})

    def condition(self, kind: str) -> tuple[str, str]:
        found = {
            one["type"]: (one["status"], one["reason"]) for one in self.policy.get("status", {}).get("conditions", [])
        }
        return found.get(kind, ("", ""))

    def events(self) -> set[str]:
        return {one["reason"] for one in self._events()}

    def event(self, reason: str) -> Json | None:
        return next((one for one in self._events() if one["reason"] == reason), None)

    def _events(self) -> list[Json]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        return [one for one in self.cluster.api.get(path)["items"] if one["regarding"]["name"] == "gateway"]


def a_policy(namespace: str, **spec: object) -> Json:
    return {
        "apiVersion": "foresail.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "gateway", "namespace": namespace},
        "spec": {
            "hpaRef": {"name": "gateway"},
            "mode": "Active",
            "signals": [{"name": "connections", "kind": "Stock", "query": "connections", "capacityPerPod": "100"}],
            "bounds": {"minReplicas": 2, "maxReplicas": 20},
            "rampDown": {"hold": "1s", "percentPerMinute": 100},
            **spec,
        },
    }


def the_hpa(namespace: str, label: str = "one") -> Json:
    made = an_hpa("gateway", [an_external_metric("connections", "70")], low=2, high=12)
    made["metadata"] |= {"namespace": namespace, "labels": {"release": label}}
    return made


@pytest.fixture
def stage(cluster: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Stage]:
    namespace = request.node.name.replace("_", "-")[-50:].strip("-").split("[")[0]
    make_namespace(cluster.api, namespace)
    with contextlib.suppress(ApiError):
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
    board = Board(external_metrics={(namespace, "connections"): [Measured("100")]})
    with metrics_server(cluster, board), kubelet(cluster.api):
        cluster.api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", a_deployment("gateway", replicas=2))
        wait_until(lambda: _served(cluster, namespace))
        yield Stage(cluster, namespace, board)


def _served(cluster: ControlPlane, namespace: str) -> bool:
    try:
        cluster.api.get(policies_path(namespace))
    except ApiError:
        return False
    return True


async def _apply(api: Api, made: Json) -> Json:
    path = hpa_path(made["metadata"]["namespace"], "gateway")
    return await api.patch(path, made, APPLY, {"fieldManager": "owner"})


@contextlib.asynccontextmanager
async def controller(
    stage: Stage,
    world: World,
    identity: str = "one",
    metrics: ClusterMetrics | None = None,
    onlooker: Onlooker | None = None,
    tick_s: float = 0.5,
) -> AsyncIterator[Loop]:
    """A controller, until the block ends as a SIGTERM would end it."""
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        cluster, forecasts = KubeCluster(api, stage.namespace, identity), LiveForecasts(world)
        metrics = metrics or ClusterMetrics(CollectorRegistry())
        reconciler = Reconciler(cluster, world, forecasts, "http://prometheus", onlooker or metrics)
        settings = LoopSettings(identity, stage.namespace, stage.namespace, "foresail", tick_s, TIMING)
        loop = Loop(api, cluster, reconciler, metrics, settings, onlooker)
        task = asyncio.create_task(loop.run())
        try:
            yield loop
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await forecasts.close()


def sampled(metrics: ClusterMetrics, name: str) -> dict[tuple[str, ...], float]:
    """Of one family: labels -> value, of a histogram how many were observed."""
    samples = (one for family in metrics.registry.collect() if family.name == name for one in family.samples)
    return {tuple(one.labels.values()): one.value for one in samples if one.name in (name, f"{name}_count")}


def alone(metrics: ClusterMetrics) -> float | None:
    """What the HPA would hold without us, of the one policy."""
    samples = (one for family in metrics.registry.collect() for one in family.samples)
    return next((one.value for one in samples if one.name == "foresail_hpa_alone_replicas"), None)


async def until(what: Callable[[], bool], seconds: float = 90) -> None:
    limit = time.monotonic() + seconds
    while not await asyncio.to_thread(what):
        assert time.monotonic() < limit, "did not come to be"
        await asyncio.sleep(0.1)


@pytest.fixture
async def owner(stage: Stage) -> AsyncIterator[Api]:
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        await _apply(api, the_hpa(stage.namespace))
        yield api


async def _make_policy(api: Api, stage: Stage, **spec: object) -> None:
    await api.create(policies_path(stage.namespace), a_policy(stage.namespace, **spec))


async def test_one_id_is_in_the_event_the_log_the_ledger_and_the_api(
    stage: Stage, owner: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "foresail.decisions")
    await _make_policy(owner, stage)
    recent, metrics = Recent(), ClusterMetrics(CollectorRegistry())
    recorder = Recorder(recent, LedgerFolder(tmp_path, 10**7))
    async with controller(stage, World(peak=950.0), onlooker=Onlookers((metrics, DecisionLog(), recorder))):
        await until(lambda: stage.event("FloorRaised") is not None)
    await recorder.close()
    event = stage.event("FloorRaised")
    assert event is not None
    said = re.search(r"\(decision (\S+)\)$", event["note"])
    assert said
    assert said[1] in {record.decision.id for record in caplog.records if record.name == "foresail.decisions"}  # type: ignore[attr-defined]
    parts = sorted((tmp_path / stage.namespace / "gateway").iterdir())
    assert said[1] in {entry.id for part in parts for entry in read_ledger(part).entries}
    assert any(said[1].encode() in line for line in recent.lines((stage.namespace, "gateway")))
    assert sum(verify_ledger(part) for part in parts) > 0


async def test_capacity_comes_before_the_load_and_goes_back(stage: Stage, owner: Api) -> None:
    original = stage.hpa["spec"]
    world = World(peak=950.0)
    await _make_policy(owner, stage)
    metrics = ClusterMetrics(CollectorRegistry())
    async with controller(stage, world, metrics=metrics):
        await until(lambda: stage.pods == 10)
        assert stage.hpa["spec"]["minReplicas"] == 10
        assert "foresail" not in {entry["manager"] for entry in stage.hpa["metadata"]["managedFields"]}
        await until(lambda: stage.condition("Acting") == ("True", "Active"))
        await until(lambda: "FloorRaised" in stage.events())
        assert sampled(metrics, "foresail_leader") == {(): 1.0}
        assert sampled(metrics, "foresail_watch_age_seconds").keys() == {
            ("horizontalpodautoscalers",), ("pods",), ("predictiveautoscalers",), ("scaledobjects",)
        }  # fmt: skip
        assert {("plan",), ("read",), ("write",)} <= sampled(metrics, "foresail_tick_step_duration_seconds").keys()
        assert stage.policy["status"]["original"] == {"minReplicas": 2}
        assert FINALIZER in stage.policy["metadata"]["finalizers"]
        assert int(stage.policy["status"]["leadTime"].rstrip("s")) <= 60  # measured, once five pods were seen to start

        # The owner's next apply succeeds, and takes nobody's pods away.
        applied = await _apply(owner, the_hpa(stage.namespace, label="two"))
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
    await _make_policy(owner, stage)
    async with controller(stage, World(peak=250.0)):
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 3)
        stage.edit(mode="Paused")
        await until(lambda: stage.condition("Acting") == ("True", "HandingBack"))
        assert stage.hpa["spec"]["minReplicas"] == 3
        await until(lambda: stage.hpa["spec"] == original)


async def test_observe_changes_nothing(stage: Stage, owner: Api) -> None:
    before = stage.hpa
    await _make_policy(owner, stage, mode="Observe")
    async with controller(stage, World(peak=950.0)):
        await until(lambda: stage.policy.get("status", {}).get("wanted") == 10)
        await until(lambda: stage.condition("Ready") == ("True", "Followed"))
        after = stage.hpa
        assert (after["spec"], after["metadata"].get("annotations")) == (
            before["spec"], before["metadata"].get("annotations")
        )  # fmt: skip
        assert "finalizers" not in stage.policy["metadata"]


async def test_a_successor_goes_on_without_a_flap(stage: Stage, owner: Api) -> None:
    await _make_policy(owner, stage, rampDown={"hold": "1m", "percentPerMinute": 10})
    world = World(peak=950.0)
    async with controller(stage, world, "one") as first:
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 10)
        async with controller(stage, world, "two") as second:
            await asyncio.sleep(1.5)
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


async def test_an_owner_who_replaces_gets_the_floor_back_and_later_their_own(stage: Stage, owner: Api) -> None:
    """A replace takes the note with it, and every other trace of us on the HPA."""
    await _make_policy(owner, stage)
    async with controller(stage, World(peak=350.0)):
        await until(lambda: stage.pods == 4)
        for low in (4, 3):  # with the floor as it stands, and with another
            made = the_hpa(stage.namespace, label=f"replaced-{low}")
            made["spec"]["minReplicas"] = low
            await owner.replace(hpa_path(stage.namespace, "gateway"), made)
            await until(lambda: ANNOTATION in stage.hpa["metadata"].get("annotations", {}), 5)
            assert stage.hpa["spec"]["minReplicas"] == 4
        stage.edit(mode="Paused")
        await until(lambda: ANNOTATION not in stage.hpa["metadata"].get("annotations", {}))
        assert stage.hpa["spec"]["minReplicas"] == 3


async def test_another_policy_takes_over_and_knows_whose_the_floor_is(stage: Stage, owner: Api) -> None:
    """The first is taken away by force, as people do where a finalizer is in their way."""
    original = stage.hpa["spec"]
    await _make_policy(owner, stage)
    async with controller(stage, World(peak=250.0)):
        await until(lambda: stage.pods == 3)
    path = f"{policies_path(stage.namespace)}/gateway"
    await owner.delete(path)
    await owner.patch(path, {"metadata": {"finalizers": None}})
    renamed = a_policy(stage.namespace)
    renamed["metadata"]["name"] = "renamed"
    await owner.create(policies_path(stage.namespace), renamed)
    async with controller(stage, World(peak=250.0), "two"):
        await until(lambda: "renamed" in stage.hpa["metadata"]["annotations"][ANNOTATION])
        assert stage.hpa["spec"]["minReplicas"] == 3
        await owner.delete(f"{policies_path(stage.namespace)}/renamed")
        await until(lambda: stage.hpa["spec"] == original)


async def test_a_prometheus_that_is_away_takes_no_pods(stage: Stage, owner: Api) -> None:
    await _make_policy(owner, stage)
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
    await _make_policy(owner, stage, levers=["Floor", "Target"], target=target)
    async with controller(stage, World(load=420.0, peak=430.0)):
        await until(lambda: stage.hpa["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "90")
        again = await _apply(owner, the_hpa(stage.namespace, label="two"))
        assert again["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "70"
        await until(lambda: stage.hpa["spec"]["metrics"][0]["external"]["target"]["averageValue"] == "90")
        stage.edit(mode="Paused")
        await until(lambda: stage.hpa["spec"] == original)
        assert ANNOTATION not in stage.hpa["metadata"].get("annotations", {})


async def test_what_cannot_be_followed_is_said_and_the_others_go_on(stage: Stage, owner: Api) -> None:
    await _make_policy(owner, stage)
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
        stage.edit(bounds={"minReplicas": 3, "maxReplicas": 5})
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 5)
        await until(lambda: stage.condition("Limited")[0] == "False")


async def test_more_than_the_maximum_is_a_condition(stage: Stage, owner: Api) -> None:
    await _make_policy(owner, stage)
    async with controller(stage, World(peak=1850.0)):
        await until(lambda: stage.condition("Limited") == ("True", "BeyondMaximum"))
        assert stage.hpa["spec"]["minReplicas"] <= 12


async def test_without_any_controller_the_floor_walks_back(stage: Stage, owner: Api) -> None:
    original = stage.hpa["spec"]
    await _make_policy(owner, stage, rampDown={"hold": "1m", "percentPerMinute": 30})
    async with controller(stage, World(peak=950.0)):
        await until(lambda: stage.pods == 10)
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        cluster = KubeCluster(api, stage.namespace, "watchdog")
        tasks = [asyncio.create_task(one.run()) for one in cluster.reflectors]
        for one in cluster.reflectors:
            await one.until_synced()
        floors = []
        for _ in range(8):
            steps = await step_back(cluster, cluster.hpas, cluster.policies, 1.0, datetime.now().astimezone())  # noqa: TID251
            floors += [one.after for one in steps]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert floors[0] == 7
    assert floors == sorted(floors, reverse=True)
    assert stage.hpa["spec"] == original
    assert ANNOTATION not in stage.hpa["metadata"].get("annotations", {})


async def test_a_change_of_the_hpa_does_not_wait_for_the_next_tick(stage: Stage, owner: Api) -> None:
    """Which is ten minutes away here: its owner lets it grow, takes it away, and makes it again."""
    path = hpa_path(stage.namespace, "gateway")
    await _make_policy(owner, stage)
    async with controller(stage, World(peak=1500.0), tick_s=600.0):
        await until(lambda: "conditions" in stage.policy.get("status", {}))
        stage.edit(events=[])  # by now there is a forecast
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 12)
        await owner.patch(path, {"spec": {"maxReplicas": 15}})
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 15)
        await owner.delete(path)
        await until(lambda: stage.condition("Ready") == ("False", "HpaNotFound"))
        await _apply(owner, the_hpa(stage.namespace))
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 12)


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
    async with controller(stage, World(peak=250.0)):
        await until(lambda: stage.pods == 3)
        assert scaled()["spec"]["minReplicaCount"] == 3
        assert "foresail" not in {entry["manager"] for entry in scaled()["metadata"]["managedFields"]}
        await until(lambda: stage.condition("Acting") == ("True", "Active"))

        named = {**scaled(), "metadata": {"name": "chat", "namespace": stage.namespace, "labels": {"release": "two"}}}
        named["spec"] = {**original, "minReplicaCount": 2}
        await keda.patch(path, named, APPLY, {"fieldManager": "owner"})  # succeeds, and takes nobody's pods away
        original = named["spec"]
        await until(lambda: scaled()["spec"]["minReplicaCount"] == 3)
        await until(lambda: "FloorReset" in stage.events())
        assert stage.pods == 3

        stage.edit(mode="Paused")
        await until(theirs, 90)
        stage.edit(mode="Active")
        await until(lambda: scaled()["spec"]["minReplicaCount"] == 3)
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        cluster = KubeCluster(api, stage.namespace, "watchdog")
        tasks = [asyncio.create_task(one.run()) for one in cluster.reflectors]
        for one in cluster.reflectors:
            await one.until_synced()
        (step,) = await step_back(cluster, cluster.hpas, cluster.policies, float("inf"), datetime.now().astimezone())  # noqa: TID251
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert (step.after, step.done) == (2, True)
    assert theirs()
