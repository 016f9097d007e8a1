"""The loop on a real API server, for the tests of several modules: a stage, a controller, and what they are asked.

Only the load and the forecaster are made up: what they say is what a scenario is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import APPLY, Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.adapters.kube.lease import Timing
from controller.adapters.prometheus_feed import Fed, Problem, SignalKey
from controller.cluster_metrics import ClusterMetrics
from controller.kube_cluster import KubeCluster, policies_path
from controller.live_forecasts import LiveForecasts
from controller.loop import Loop, LoopSettings
from controller.onlooker import Onlooker
from controller.reconcile import Reconciler
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts
from forecaster.series import EPOCH, Kind, Series
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.kubelet import kubelet
from tests.cluster.metrics_server import Board, Measured, metrics_server
from tests.cluster.workloads import a_deployment, an_external_metric, an_hpa
from tests.helpers.processes import PATIENCE_S
from tests.helpers.processes import until as wait_until

Json = dict[str, Any]
CRD = Path(__file__).parents[2] / "deploy" / "kubernetes" / "crd.yaml"
MINUTE = timedelta(minutes=1)
TIMING = Timing(8.0, 6.0, 0.3)
"""A look at the Lease often, and yet nobody loses it for seconds in which a busy machine does not run this process."""


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


def the_hpa(namespace: str, label: str = "one", low: int = 2) -> Json:
    """A floor of 12 walks back to 11 in five seconds, one of 3 to 2 in twenty."""
    made = an_hpa("gateway", [an_external_metric("connections", "70")], low=low, high=12)
    made["metadata"] |= {"namespace": namespace, "labels": {"release": label}}
    return made


@contextlib.contextmanager
def a_stage(cluster: ControlPlane, namespace: str) -> Iterator[Stage]:
    """In a namespace of its own; the pods are ready as soon as they are there."""
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


async def apply(api: Api, made: Json) -> Json:
    path = hpa_path(made["metadata"]["namespace"], "gateway")
    return await api.patch(path, made, APPLY, {"fieldManager": "owner"})


async def make_policy(api: Api, stage: Stage, **spec: object) -> None:
    await api.create(policies_path(stage.namespace), a_policy(stage.namespace, **spec))


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


@contextlib.asynccontextmanager
async def watchdog(stage: Stage) -> AsyncIterator[KubeCluster]:
    """The cluster as somebody sees it who is no controller."""
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        cluster = KubeCluster(api, stage.namespace, "watchdog")
        tasks = [asyncio.create_task(one.run()) for one in cluster.reflectors]
        try:
            for one in cluster.reflectors:
                await one.until_synced()
            yield cluster
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def sampled(metrics: ClusterMetrics, name: str) -> dict[tuple[str, ...], float]:
    """Of one family: labels -> value, of a histogram how many were observed."""
    samples = (one for family in metrics.registry.collect() if family.name == name for one in family.samples)
    return {tuple(one.labels.values()): one.value for one in samples if one.name in (name, f"{name}_count")}


def renewed(stage: Stage) -> str:
    """When the Lease was renewed last, as its holder wrote it."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{stage.namespace}/leases/foresail"
    return str(stage.cluster.api.get(path)["spec"]["renewTime"])


def alone(metrics: ClusterMetrics) -> float | None:
    """What the HPA would hold without us, of the one policy."""
    samples = (one for family in metrics.registry.collect() for one in family.samples)
    return next((one.value for one in samples if one.name == "foresail_hpa_alone_replicas"), None)


async def until(what: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    limit = time.monotonic() + seconds
    while not await asyncio.to_thread(what):
        assert time.monotonic() < limit, "did not come to be"
        await asyncio.sleep(0.1)
