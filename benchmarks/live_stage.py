"""The stage that `live_tick` plays on: objects, loads and their history, in a real API server and a real Prometheus."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from controller.kube_cluster import policies_path
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.fixtures import programs
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.e2e.prometheus_server import PrometheusServer, prometheus_server
from tests.helpers.processes import ROOT, free_port, until

CRD = ROOT / "deploy" / "kubernetes" / "crd.yaml"
PER_NAMESPACE = 10
LEVEL = 250.0
NOISE = 0.01
TARGET = "140"
"""Of the HPA, which has two pods by it; a pod carries 100, so that the forecast wants three."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Fleet:
    """How many policies there are, whether they share one query, and how long a history its series have."""

    policies: int
    shared: bool
    days: int

    @property
    def series(self) -> int:
        return 1 if self.shared else self.policies

    def __str__(self) -> str:
        return f"{self.policies} policies, {'one query' if self.shared else 'a query each'}"


@contextlib.contextmanager
def stage(folder: Path, fleet: Fleet) -> Iterator[tuple[ControlPlane, PrometheusServer]]:
    """Everything but the controller, until the block ends."""
    port, targets = free_port(), folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
    for name in ("plane", "prometheus"):
        (folder / name).mkdir()
    began = datetime.now(UTC) - _MINUTE  # noqa: TID251  where a cluster runs, time passes
    past = history(fleet.series, port, fleet.days, began)
    cluster = ControlPlane(folder / "plane", programs(), {}, {"controllers": "namespace-controller"})
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        stack.enter_context(loads(fleet.series, port))
        prometheus = stack.enter_context(prometheus_server(folder / "prometheus", [targets], past))
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
        until(lambda: _served(cluster))
        fill(cluster, fleet.policies, fleet.shared)
        yield cluster, prometheus


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(Exception):
        return bool(cluster.api.get(policies_path("default")))
    return False


def the_query(workload: int, shared: bool) -> str:
    return f'sum(load{{workload="w{0 if shared else workload}"}})'


def history(workloads: int, port: int, days: int, until_: datetime) -> Iterator[str]:
    """OpenMetrics lines of the very series that are scraped later on: a level and noise, so that no floor moves."""
    first = (until_ - timedelta(days=days)).replace(second=0, microsecond=0)
    moments = [(first + k * _MINUTE).timestamp() for k in range(int((until_ - first) / _MINUTE))]
    yield "# TYPE load gauge"
    for k in range(workloads):
        values = LEVEL * (1 + NOISE * np.random.default_rng(k).normal(size=len(moments)))
        for at, value in zip(moments, values.tolist(), strict=True):
            yield f'load{{instance="127.0.0.1:{port}",job="gateway",workload="w{k}"}} {value:.2f} {at:.0f}'


@contextlib.contextmanager
def loads(workloads: int, port: int) -> Iterator[None]:
    """Goes on with every series where its history ends, for whoever scrapes."""
    registry = CollectorRegistry()
    gauge = Gauge("load", "Made up.", ["workload"], registry=registry)
    rng, ended = np.random.default_rng(1), threading.Event()

    def follow() -> None:
        while not ended.is_set():
            for k, value in enumerate((LEVEL * (1 + NOISE * rng.normal(size=workloads))).tolist()):
                gauge.labels(f"w{k}").set(value)
            ended.wait(15)

    server, thread = start_http_server(port, "127.0.0.1", registry)
    following = threading.Thread(target=follow)
    following.start()
    try:
        yield
    finally:
        ended.set()
        following.join()
        server.shutdown()
        server.server_close()
        thread.join()


def an_object(cluster: ControlPlane, workload: int, shared: bool) -> None:
    """A policy and its HPA, with the status that an HPA controller would have written."""
    namespace, name = f"n{workload // PER_NAMESPACE}", f"w{workload}"
    cluster.api.create(hpas_path(namespace), an_hpa(name, [an_external_metric("load", TARGET)], low=1, high=10))
    status = {
        "currentReplicas": 2,
        "desiredReplicas": 2,
        "currentMetrics": [
            {"type": "External", "external": {"metric": {"name": "load"}, "current": {"averageValue": "125"}}}
        ],
        "conditions": [
            {"type": kind, "status": "True", "reason": "Made", "lastTransitionTime": "2026-01-01T00:00:00Z"}
            for kind in ("AbleToScale", "ScalingActive")
        ],
    }
    cluster.api.patch(f"{hpas_path(namespace)}/{name}/status", {"status": status})
    policy = {
        "apiVersion": "foresail.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hpaRef": {"name": name},
            "mode": "Active",
            "signals": [
                {"name": "load", "kind": "Stock", "query": the_query(workload, shared), "capacityPerPod": "100"}
            ],
            "bounds": {"minReplicas": 1, "maxReplicas": 10},
        },
    }
    cluster.api.create(policies_path(namespace), policy)


def fill(cluster: ControlPlane, workloads: int, shared: bool) -> None:
    for n in range(-(-workloads // PER_NAMESPACE)):
        make_namespace(cluster.api, f"n{n}")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: an_object(cluster, k, shared), range(workloads)))
