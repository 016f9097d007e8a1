"""What a tick costs in a cluster of hundreds of policies: `make bench-controller`. Writes results/live_tick.json.

A real etcd and API server, a real Prometheus that holds days of every series and goes on scraping them, and
`foresail controller run` as a process. Each policy has an HPA and a query of its own, or all have the same query. What
is made up: the loads, and that no HPA controller runs beside it: it would have written the status of each HPA as it is
written here, once. Requests are those that the API server has counted, seconds of ticks those that the controller
exports. Everything shares the machine, so its load stands beside the figures.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.ending import end_with
from controller.kube_cluster import policies_path
from foresail.output import emit_json, err
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.fixtures import programs
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.e2e.prometheus_server import PrometheusServer, prometheus_server
from tests.helpers.processes import ROOT, free_port, until

Json = dict[str, Any]
RESULTS = Path(__file__).parent / "results" / "live_tick.json"
CRD = ROOT / "deploy" / "kubernetes" / "crd.yaml"
PER_NAMESPACE = 10
LEVEL = 250.0
TARGET = "140"
"""Of the HPA, which has two pods by it; a pod carries 100, so that the forecast wants three."""
SETTLE = timedelta(minutes=1)
AWAY_AFTER, AWAY = 30.0, 60.0
_MINUTE = timedelta(minutes=1)
_ALL_HPAS = "/apis/autoscaling/v2/horizontalpodautoscalers"
_WRITTEN = ("horizontalpodautoscalers", "predictiveautoscalers", "events")
_VERBS = ("POST", "PUT", "PATCH", "DELETE", "APPLY")


def the_query(workload: int, shared: bool) -> str:
    return f'sum(load{{workload="w{0 if shared else workload}"}})'


def history(workloads: int, port: int, days: int, until_: datetime) -> Iterator[str]:
    """OpenMetrics lines of the very series that are scraped later on: a level and noise, so that no floor moves."""
    first = (until_ - timedelta(days=days)).replace(second=0, microsecond=0)
    moments = [(first + k * _MINUTE).timestamp() for k in range(int((until_ - first) / _MINUTE))]
    yield "# TYPE load gauge"
    for k in range(workloads):
        values = LEVEL * (1 + 0.01 * np.random.default_rng(k).normal(size=len(moments)))
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
            for k, value in enumerate((LEVEL * (1 + 0.01 * rng.normal(size=workloads))).tolist()):
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


@dataclass
class Watched:
    """A controller as a process, and what is read of it from outside."""

    process: subprocess.Popen[bytes]
    port: int
    ticks: list[float] = field(default_factory=list)
    _seen: tuple[float, float] = (0.0, 0.0)

    def metrics(self) -> dict[str, float]:
        """Sums over all labels."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return {}
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                if not one.name.endswith("_bucket"):
                    found[one.name] = found.get(one.name, 0.0) + one.value
        return found

    def look(self) -> dict[str, float]:
        """The metrics; a tick that has ended since the last look is noted."""
        assert self.process.poll() is None, "the controller has ended"
        said = self.metrics()
        count, total = (said.get(f"foresail_tick_duration_seconds_{part}", 0.0) for part in ("count", "sum"))
        if count > self._seen[0]:
            self.ticks.append((total - self._seen[1]) / (count - self._seen[0]))
            self._seen = count, total
        return said

    def watch(self, length: timedelta) -> None:
        end = time.monotonic() + length.total_seconds()
        while time.monotonic() < end:
            self.look()
            time.sleep(2)  # noqa: TID251  what is measured is what happens meanwhile

    def rss_mib(self) -> float:
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True)
        return int(said.stdout) / 1024

    def cpu_s(self) -> float:
        said = subprocess.run(["ps", "-o", "cputimes=", "-p", str(self.process.pid)], capture_output=True, text=True)
        return float(said.stdout)


@contextlib.contextmanager
def controller(cluster: ControlPlane, prometheus: PrometheusServer, log: Path) -> Iterator[Watched]:
    port = free_port()
    settings = {"PROMETHEUS_URL": prometheus.url, "IDENTITY": "one", "PORT": str(port)}
    environ = {**os.environ, "OMP_NUM_THREADS": "1", **{f"FORESAIL_CONTROLLER_{k}": v for k, v in settings.items()}}
    command = [sys.executable, "-m", "foresail", "controller", "run", "--kubeconfig", str(cluster.kubeconfig)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield Watched(process, port)
    finally:
        process.terminate()
        process.wait(60)


def requests_of(cluster: ControlPlane) -> Counter[tuple[str, str]]:
    """(verb, resource) of the writes so far, as the API server counts them, but for leases."""
    request = urllib.request.Request(f"{cluster.url}/metrics", headers={"Authorization": "Bearer admin"})
    tls = ssl.create_default_context(cafile=str(cluster.certificate))
    with urllib.request.urlopen(request, context=tls, timeout=30) as answer:
        text = answer.read().decode()
    lines = "\n".join(one for one in text.splitlines() if "apiserver_request_total" in one)
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(lines + "\n"):
        for one in family.samples:
            of = one.labels
            if of.get("verb") in _VERBS and of.get("resource") in _WRITTEN:
                what = of["resource"] + (f"/{of['subresource']}" if of.get("subresource") else "")
                found[of["verb"], what] += int(one.value)
    return found


def written(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{verb} {what}": count for (verb, what), count in sorted((after - before).items())}


@dataclass
class Refuser:
    """Stands where the API server was: takes every connection, counts it and resets it."""

    port: int
    attempts: int = 0
    _ended: bool = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Refuser]:
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.settimeout(0.2)
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            try:
                yield self
            finally:
                self._ended = True
                thread.join()

    def _serve(self, listener: socket.socket) -> None:
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                came, _ = listener.accept()
                self.attempts += 1
                came.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                came.close()


def floors(cluster: ControlPlane) -> Counter[int]:
    """How many HPAs have which floor."""
    return Counter(one["spec"]["minReplicas"] for one in cluster.api.get(_ALL_HPAS)["items"])


def steady(cluster: ControlPlane, watched: Watched, length: timedelta) -> Json:
    """Figures of so long, after all floors are where they belong."""
    watched.ticks.clear()
    before, cpu, was = requests_of(cluster), watched.cpu_s(), floors(cluster)
    watched.watch(length)
    ticks = sorted(watched.ticks)
    return {
        "minutes": length / _MINUTE,
        "ticks": len(ticks),
        "tick_median_s": median(ticks),
        "tick_95_s": ticks[int(0.95 * (len(ticks) - 1))],
        "tick_worst_s": ticks[-1],
        "writes": written(before, requests_of(cluster)),
        "floors_before": dict(was),
        "floors_after": dict(floors(cluster)),
        "cpu_share": (watched.cpu_s() - cpu) / length.total_seconds(),
        "rss_mib": watched.rss_mib(),
    }


def away(cluster: ControlPlane, watched: Watched) -> Json:
    """Connections that are tried while the API server refuses them, and whether the controller lives through it."""
    cluster.kill_controller_manager()  # which would be counted too
    cluster.kill_api_server()
    with Refuser(int(cluster.url.rpartition(":")[2]))() as refuser:
        time.sleep(AWAY_AFTER)  # noqa: TID251  what is measured is what happens meanwhile
        first = refuser.attempts
        time.sleep(AWAY)  # noqa: TID251
        later = refuser.attempts - first
    cluster.start_api_server()
    watched.ticks.clear()
    until(lambda: bool(watched.look()) and bool(watched.ticks), 120)
    return {"first_30_s": first, "after_30_s_per_s": later / AWAY, "ticks_again": True}


def measure(
    folder: Path, workloads: int, days: int, length: timedelta, *, shared: bool = False, with_fault: bool = False
) -> Json:
    """One fleet of policies, from the start of the controller to a steady state, and what a dead server does to it."""
    folder.mkdir()
    port, kind = free_port(), "one query" if shared else "a query each"
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"]}]))
    for name in ("plane", "prometheus"):
        (folder / name).mkdir()
    series = 1 if shared else workloads
    err.print(f"{workloads} policies, {kind}: {days} days of {series} series, and as many HPAs")
    past = history(series, port, days, datetime.now(UTC) - _MINUTE)  # noqa: TID251  where a cluster runs, time passes
    cluster = ControlPlane(folder / "plane", programs(), {}, {"controllers": "namespace-controller"})
    with contextlib.ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        stack.enter_context(loads(series, port))
        prometheus = stack.enter_context(prometheus_server(folder / "prometheus", [targets], past))
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
        until(lambda: _served(cluster))
        fill(cluster, workloads, shared)
        watched = stack.enter_context(controller(cluster, prometheus, folder / "controller.log"))
        began, before = time.monotonic(), requests_of(cluster)
        until(lambda: bool(watched.look()) and bool(watched.ticks), 600)
        first: Json = {"first_tick_s": watched.ticks[0], "first_tick_done_s": time.monotonic() - began}
        err.print(f"the first tick took {watched.ticks[0]:.1f} s; waiting until every floor is raised")
        until(lambda: bool(watched.look()) and floors(cluster).get(1, 0) == 0, 3600)
        first |= {
            "all_raised_s": time.monotonic() - began,
            "slowest_tick_until_then_s": max(watched.ticks),
            "writes": written(before, requests_of(cluster)),
        }
        err.print(f"after {first['all_raised_s']:.0f} s; {length / _MINUTE:g} minutes of a steady state")
        watched.watch(SETTLE)
        figures: Json = {
            "policies": workloads,
            "queries": series,
            "start": first,
            "steady": steady(cluster, watched, length),
        }
        if with_fault:
            err.print("the API server is away")
            figures["away"] = away(cluster, watched)
    return figures


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(Exception):
        return bool(cluster.api.get(policies_path("default")))
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", type=int, default=500)
    parser.add_argument("--only", action="append", choices=["shared", "one", "each"], help="cases; all by default")
    parser.add_argument("--days", type=int, default=4, help="of history; with less, starting takes less time")
    parser.add_argument("--folder", type=Path, help="where logs are left; by default they go with the run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    loads, many, days = [os.getloadavg()[1]], options.policies, options.days
    cases: Json = {}
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        runs: dict[str, Callable[[], Json]] = {
            "shared": lambda: measure(folder / "shared", many, days, 2 * _MINUTE, shared=True),
            "one": lambda: measure(folder / "one", 1, days, 2 * _MINUTE, with_fault=True),
            "each": lambda: measure(folder / "each", many, days, 5 * _MINUTE),
        }
        for name in options.only or runs:
            cases[name] = runs[name]()
            loads.append(os.getloadavg()[1])
            machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load_average": loads}
            settings = {"days": days, "tick_s": 15.0, "scrape_s": 5, "load_per_workload": LEVEL, "noise": 0.01}
            emit_json({"machine": machine, "settings": settings, "cases": cases}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
