"""How much earlier is the capacity for a recurring rise ready than with the HPA alone? `make bench-lead`.

Several rises, one after the other by some seconds, each met by four workloads at once: an HPA on CPU and one on
connections, both at 70 % of a pod, alone and with Foresail's floor. Writes results/lead.json.

    real      etcd, API server, deployment and HPA controllers (a sync every 15 s, as shipped), Prometheus with two
              weeks of backfilled history, `foresail controller run` as a process with the shipped model, defaults but
              for the bounds
    measured  CPU for each connection, on a real gateway process with real sockets before the rises
    made up   pods: the test kubelet reports them ready POD_START after they were made; and who is on which: connections
              stay where they are, new ones go to a ready pod by chance, as with kube-proxy. Prometheus scrapes how many
              there are, and what CPU each pod takes by that
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from benchmarks.ending import end_with
from controller.kube_cluster import policies_path
from foresail.demo.crowd import Crowd
from foresail.output import emit_json, err
from tests.cluster.api import Json
from tests.cluster.control_plane import ControlPlane, control_plane, make_namespace
from tests.cluster.fixtures import programs
from tests.cluster.kubelet import kubelet, ready_after
from tests.cluster.metrics_server import metrics_server
from tests.cluster.workloads import a_deployment, an_external_metric, an_hpa, hpas_path
from tests.e2e.meter import Meter, Meters
from tests.e2e.prometheus_server import PrometheusServer, prometheus_server
from tests.e2e.recurrence import DAY, GAUGE, Recurrence
from tests.helpers.processes import ROOT, free_port, until

RESULTS = Path(__file__).parent / "results" / "lead.json"
CRD = ROOT / "deploy" / "kubernetes" / "crd.yaml"
POD_START = timedelta(seconds=60)
CAPACITY = 1000
"""Connections that a pod carries; its CPU request is what that many take."""
SHARE = 0.7
CORES = "gateway_cores"
LAG = timedelta(seconds=15)
"""Age of what an HPA is told, beside the 5 s between two scrapes, for both metrics."""
WINDOW = timedelta(seconds=30)
"""CPU is the mean over so long, as metrics-server has it from the kubelets."""
WARM, STAGGER = timedelta(minutes=4), timedelta(seconds=37)
RISE = {"climb": timedelta(minutes=2), "lasts": timedelta(minutes=6)}
BEFORE, AFTER = timedelta(minutes=3), timedelta(minutes=8)
METRICS, ARMS = ("cpu", "connections"), ("hpa", "foresail")
_MINUTE = timedelta(minutes=1)
_CONTROLLERS = (
    "deployment-controller", "replicaset-controller", "horizontal-pod-autoscaler-controller",
    "garbage-collector-controller", "namespace-controller",
)  # fmt: skip
_FLAGS = {"horizontal-pod-autoscaler-sync-period": "15s", "controllers": ",".join(_CONTROLLERS)}


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  where a cluster runs, time passes


@dataclass
class Workload:
    """One deployment under one HPA: who is on which pod, what that takes, and what became of it."""

    name: str
    rise: int
    metric: str
    arm: str
    usual: Recurrence
    on: dict[str, int] = field(default_factory=dict)
    ready_at: dict[int, datetime] = field(default_factory=dict)
    pod_seconds: float = 0.0
    overload_seconds: float = 0.0
    most: int = 0
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(6))
    _last: datetime | None = None

    @property
    def needed(self) -> int:
        """Pods that are full at the top of the rise."""
        return -(-self.usual.busy // CAPACITY)

    def step(self, at: datetime, ready: Sequence[str], pods: int) -> None:
        """One look at the cluster."""
        wanted = self.usual.at(at)
        self.on = {pod: self.on.get(pod, 0) for pod in ready}
        self._move(wanted - sum(self.on.values()))
        began = self.usual.rise_at - BEFORE
        if began <= at <= self.usual.rise_at + 2 * self.usual.climb + self.usual.lasts + AFTER and self._last:
            gone = (at - self._last).total_seconds()
            self.pod_seconds += gone * pods
            self.overload_seconds += gone * (wanted > len(ready) * CAPACITY)
            self.most = max(self.most, len(ready))
        self._last = at
        if at < self.usual.rise_at + self.usual.climb + self.usual.lasts:
            for n in range(1, len(ready) + 1):
                self.ready_at.setdefault(n, at)
            for n in [n for n in self.ready_at if n > len(ready)]:
                del self.ready_at[n]  # it went again before the rise was over

    def _move(self, more: int) -> None:
        pods = list(self.on)
        if more > 0 and pods:
            for pod, came in zip(pods, self._rng.multinomial(more, [1 / len(pods)] * len(pods)), strict=True):
                self.on[pod] += int(came)
        elif more < 0:
            left = self._rng.multivariate_hypergeometric(list(self.on.values()), -more)
            for pod, gone in zip(pods, left, strict=True):
                self.on[pod] -= int(gone)


def query_of(rise: int) -> str:
    return f'sum({GAUGE}{{rise="{rise}"}})'


def meter_of(one: Workload, prometheus: PrometheusServer) -> Meter:
    """What its HPA is told."""
    window = f"{WINDOW.total_seconds():.0f}s"
    return Meter(
        prometheus,
        external={"connections": query_of(one.rise)},
        cores=f'avg_over_time({CORES}{{workload="{one.name}"}}[{window}])',
        lag=LAG,
    )


async def cores_of_a_gateway(counts: Sequence[int], seconds: float = 15.0) -> Json:
    """CPU of a real gateway process with so many clients, each of which says something every second."""
    address = f"127.0.0.1:{free_port()}"
    host, _, port = address.partition(":")
    command = [sys.executable, "-m", "foresail", "gateway", "--host", host, "--port", port, "--tether"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            await asyncio.to_thread(until, lambda: _listens(int(port)))
            target, crowd = _Target(f"ws://{address}/ws"), Crowd(6)
            said: list[float] = []
            taken: list[float] = []
            for count in counts:
                await crowd.open(count - crowd.connected, [target])
                began, cpu, sent = time.monotonic(), _cpu(process.pid), 0
                while (gone := time.monotonic() - began) < seconds:
                    await crowd.chat(count, 1.0)
                    sent += count
                    await asyncio.sleep(max(0.0, began + gone + 1.0 - time.monotonic()))
                said.append(sent / (time.monotonic() - began))
                taken.append((_cpu(process.pid) - cpu) / (time.monotonic() - began))
            await crowd.leave()
        finally:
            process.terminate()
    # By what was said, and not by how many there are: clients that are late, on a busy machine, say less.
    each, idle = np.polyfit(said, taken, 1)
    residual = np.array(taken) - (idle + each * np.array(said))
    variation = 1 - residual.var() / np.var(taken)
    return {
        "connections": list(counts), "messages_per_s": said, "cores": taken, "each": float(each), "idle": float(idle),
        "r_squared": float(variation), "messages_per_s_each": 1.0,
    }  # fmt: skip


@dataclass(frozen=True)
class _Target:
    url: str


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Exported:
    """What Prometheus scrapes: every rise's connections, and what CPU each pod takes by those that are on it."""

    rises: Mapping[int, Recurrence]
    cores: tuple[float, float]
    """What a gateway takes by itself, and for each connection."""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _pods: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connections = Gauge(GAUGE, "Made up.", ["rise"], registry=self.registry)
        self._cores = Gauge(CORES, "By the connections of a pod.", ["workload", "pod"], registry=self.registry)
        for number, usual in self.rises.items():
            self._connections.labels(str(number)).set_function(lambda usual=usual: usual.at(now()))  # type: ignore[misc]

    def tell(self, one: Workload) -> None:
        for gone in self._pods.get(one.name, set()) - one.on.keys():
            self._cores.remove(one.name, gone)
        for pod, connections in one.on.items():
            self._cores.labels(one.name, pod).set(self.cores[0] + self.cores[1] * connections)
        self._pods[one.name] = set(one.on)

    @contextlib.contextmanager
    def serving(self, port: int) -> Iterator[None]:
        server, thread = start_http_server(port, "127.0.0.1", self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def history(rises: Mapping[int, Recurrence], port: int, end: datetime, days: int = 14) -> Iterator[str]:
    """OpenMetrics lines of the very series that are scraped later on."""
    first = (end - days * DAY).replace(second=30, microsecond=0)
    moments = [first + k * _MINUTE for k in range(int((end - first) / _MINUTE))]
    yield f"# TYPE {GAUGE} gauge"
    for number, usual in rises.items():
        noise = np.random.default_rng(number).normal(1.0, 0.02, len(moments))
        labels = f'instance="127.0.0.1:{port}",job="gateway",rise="{number}"'
        for at, by in zip(moments, noise.tolist(), strict=True):
            yield f"{GAUGE}{{{labels}}} {max(0, round(usual.at(at) * by))} {at.timestamp():.0f}"


def make(cluster: ControlPlane, one: Workload, cores: tuple[float, float]) -> None:
    """Its namespace, deployment and HPA, and a policy where Foresail is to see to it."""
    make_namespace(cluster.api, one.name)
    request = cores[0] + cores[1] * CAPACITY
    calm = -(-one.usual.calm // round(SHARE * CAPACITY))
    deployment = a_deployment("web", replicas=calm, requests={"cpu": f"{max(1, round(1000 * request))}m"})
    cluster.api.create(f"/apis/apps/v1/namespaces/{one.name}/deployments", deployment)
    metric: Json = an_external_metric("connections", str(round(SHARE * CAPACITY)))
    if one.metric == "cpu":
        target = {"type": "Utilization", "averageUtilization": round(100 * SHARE)}
        metric = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    cluster.api.create(hpas_path(one.name), an_hpa("web", [metric], high=12))
    if one.arm == "hpa":
        return
    signal = {"name": "connections", "kind": "Stock", "query": query_of(one.rise), "capacityPerPod": str(CAPACITY)}
    spec = {"hpaRef": {"name": "web"}, "mode": "Active", "signals": [signal],
            "bounds": {"minReplicas": 1, "maxReplicas": 12}}  # fmt: skip
    cluster.api.create(policies_path(one.name), {
        "apiVersion": "foresail.dev/v1alpha1", "kind": "PredictiveAutoscaler",
        "metadata": {"name": "web", "namespace": one.name}, "spec": spec,
    })  # fmt: skip


@contextlib.contextmanager
def controller(cluster: ControlPlane, prometheus: PrometheusServer, log: Path) -> Iterator[None]:
    settings = {"PROMETHEUS_URL": prometheus.url, "IDENTITY": "one", "PORT": str(free_port())}
    environ = {**os.environ, "OMP_NUM_THREADS": "1", **{f"FORESAIL_CONTROLLER_{k}": v for k, v in settings.items()}}
    command = [sys.executable, "-m", "foresail", "controller", "run", "--kubeconfig", str(cluster.kubeconfig)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield
        assert process.poll() is None, f"the controller has ended: see {log}"
    finally:
        process.terminate()
        process.wait(60)


def follow(cluster: ControlPlane, workloads: Mapping[str, Workload], exported: Exported, end: datetime) -> None:
    """Looks at all pods every second or so, until the end."""
    while now() < end:
        pods = cluster.api.get("/api/v1/pods")["items"]
        at = now()
        for name, one in workloads.items():
            mine = [pod for pod in pods if pod["metadata"]["namespace"] == name]
            one.step(at, [pod["metadata"]["name"] for pod in mine if _is_ready(pod)], len(mine))
            exported.tell(one)
        time.sleep(1)  # noqa: TID251  what is measured is what happens meanwhile


def _is_ready(pod: Json) -> bool:
    said = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in said)


def figures(workloads: Sequence[Workload]) -> Json:
    """For each metric every rise, and what they come to."""
    found: Json = {}
    for metric in METRICS:
        rows: list[Json] = []
        for rise in sorted({one.rise for one in workloads}):
            arms = {one.arm: one for one in workloads if (one.rise, one.metric) == (rise, metric)}
            rows.append({arm: _row(one) for arm, one in arms.items()} | {"lead_s": _lead(arms)})
        leads: list[float] = [row["lead_s"] for row in rows if row["lead_s"] is not None]
        found[metric] = {
            "rises": rows,
            "lead_median_s": median(leads) if leads else None,
            "lead_range_s": [min(leads), max(leads)] if leads else None,
            "pod_hours": {arm: sum(row[arm]["pod_hours"] for row in rows) for arm in ARMS},
            "overload_s": {arm: sum(row[arm]["overload_s"] for row in rows) for arm in ARMS},
        }
    return found


def _lead(arms: Mapping[str, Workload]) -> float | None:
    """Seconds by which the needed pods are ready earlier with Foresail; None where one of the two never had them."""
    ready = [arms[arm].ready_at.get(arms[arm].needed) for arm in ("foresail", "hpa")]
    early, late = ready
    return None if early is None or late is None else (late - early).total_seconds()


def _row(one: Workload) -> Json:
    ready = one.ready_at.get(one.needed)
    return {
        "needed": one.needed,
        "ready_after_rise_s": None if ready is None else (ready - one.usual.rise_at).total_seconds(),
        "pod_hours": one.pod_seconds / 3600,
        "overload_s": one.overload_seconds,
        "most_ready": one.most,
    }


def measure(folder: Path, rises: int, cores: tuple[float, float]) -> Json:
    """All rises on one control plane."""
    for name in ("plane", "prometheus"):
        (folder / name).mkdir()
    port, begun = free_port(), now()
    usual = {
        k: Recurrence(begun + WARM + k * STAGGER, calm=900 + 100 * k, busy=4800 + 50 * k, **RISE) for k in range(rises)
    }
    workloads = {
        f"{arm}-{metric}-{k}": Workload(f"{arm}-{metric}-{k}", k, metric, arm, usual[k])
        for k in usual for metric in METRICS for arm in ARMS
    }  # fmt: skip
    targets = folder / "targets.json"
    targets.write_text(f'[{{"targets": ["127.0.0.1:{port}"]}}]')
    with contextlib.ExitStack() as stack:
        exported = Exported(usual, cores)
        stack.enter_context(exported.serving(port))
        past = history(usual, port, begun - timedelta(seconds=20))
        prometheus = stack.enter_context(prometheus_server(folder / "prometheus", [targets], past))
        cluster = stack.enter_context(control_plane(folder / "plane", programs(), controller_manager=_FLAGS))
        stack.enter_context(kubelet(cluster.api, lambda _: ready_after(POD_START)))
        meters = Meters({one.name: meter_of(one, prometheus) for one in workloads.values()})
        stack.enter_context(metrics_server(cluster, meters))
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
        until(lambda: _served(cluster))
        for one in workloads.values():
            make(cluster, one, cores)
        stack.enter_context(controller(cluster, prometheus, folder / "controller.log"))
        last = usual[rises - 1]
        end = last.rise_at + 2 * last.climb + last.lasts + AFTER
        err.print(f"{rises} rises from {usual[0].rise_at:%H:%M:%S} UTC on; all is over at {end:%H:%M:%S}")
        follow(cluster, workloads, exported, end)
    return figures(list(workloads.values()))


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(Exception):
        return bool(cluster.api.get(policies_path("default")))
    return False


def main() -> int:
    """Measures and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rises", type=int, default=6)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--folder", type=Path, help="where logs are left; by default they go with the run")
    options = parser.parse_args()
    err.print("a gateway's CPU by its connections")
    proportion = asyncio.run(cores_of_a_gateway([100, 200, 300, 400]))
    with tempfile.TemporaryDirectory() as made:
        measured = measure(options.folder or Path(made), options.rises, (proportion["idle"], proportion["each"]))
    settings = {
        "rises": options.rises, "stagger_s": STAGGER.total_seconds(), "pod_start_s": POD_START.total_seconds(),
        "capacity": CAPACITY, "hpa_target": SHARE, "metric_lag_s": LAG.total_seconds(),
        "cpu_window_s": WINDOW.total_seconds(), "hpa_sync_s": 15, "scrape_s": 5,
        **{f"{key}_s": value.total_seconds() for key, value in RISE.items()},
    }  # fmt: skip
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load_average": os.getloadavg()[1]}
    emit_json({"machine": machine, "settings": settings, "gateway": proportion, "metrics": measured}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
