"""Foresail beside the owners of an HPA: their applies succeed, what is in force comes back, and all is given back.

Every way in which people make an HPA, at once: the real tools, one controller process, the real HPA controller.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from statistics import median

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from controller.kube_cluster import policies_path
from tests.cluster.api import Api, Json
from tests.cluster.control_plane import ControlPlane, control_plane, make_namespace
from tests.cluster.kubelet import kubelet
from tests.cluster.metrics_server import Board, Measured, metrics_server
from tests.cluster.programs import Program, ProgramFailed
from tests.cluster.workloads import a_deployment, deployment_path, hpas_path
from tests.e2e.controllers import controller_process, make_crd, variables
from tests.e2e.owners import LOW, METRIC, OWN_TARGET, Owner, Tools, in_force, nothing_of_ours, watching
from tests.e2e.prometheus_server import PrometheusServer, missing_programs, prometheus_server
from tests.e2e.recurrence import GAUGE, Recurrence
from tests.e2e.stage import connections_query, now
from tests.helpers.processes import ROOT, until
from tools.kube_clients import VARIABLES, NotBrought, locate

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

NAMESPACE, FLOOR, LOAD = "owners", 6, 100
BACK_WITHIN_S, SYNC_S, ABOUT_S = 2.0, 15.0, 2.0
LOG = logging.getLogger(__name__)
TOOLS = ("kubectl-client", "kubectl-server", "helm-3", "helm-4")
MATRIX = [Owner(tool, named, lever) for tool, named, lever in product(TOOLS, (True, False), ("Floor", "Target"))]
FORCED = Owner("helm-4", named=True, ownership="Force")
KEPT_OFF = Owner("helm-4", named=True, ownership="Respect")
FREE = Owner("helm-4", named=False, ownership="Respect")
CLAIMING = [FORCED, KEPT_OFF, FREE]


class Asked(Board):
    """A board that keeps when it was asked, which is once for every sync of an HPA.

    at  by owner, of time.monotonic
    """

    def __init__(self, values: dict[tuple[str, str], Sequence[Measured]]) -> None:
        super().__init__(external_metrics=values)
        self.at: dict[str, list[float]] = {}

    def external(self, namespace: str, metric: str, selector: str) -> Sequence[Measured] | None:
        self.at.setdefault(selector.removeprefix("owner="), []).append(time.monotonic())
        return super().external(namespace, metric, selector)


@dataclass
class Yard:
    """A cluster with a namespace of owners, and what its controllers need."""

    cluster: ControlPlane
    prometheus: PrometheusServer
    tools: Tools
    board: Asked
    folder: Path
    originals: dict[Owner, Json] = field(default_factory=dict)

    @property
    def api(self) -> Api:
        return self.cluster.api

    def hpas(self) -> dict[str, Json]:
        return {one["metadata"]["name"]: one for one in self.api.get(hpas_path(NAMESPACE))["items"]}

    def policy(self, owner: Owner) -> str:
        return f"{policies_path(NAMESPACE)}/{owner.name}"

    def condition(self, owner: Owner, kind: str) -> tuple[str, str]:
        said = self.api.get(self.policy(owner)).get("status", {}).get("conditions", [])
        return next(((one["status"], one["reason"]) for one in said if one["type"] == kind), ("", ""))

    def events(self, owner: Owner) -> set[str]:
        found = self.api.get(f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events")["items"]
        return {one["reason"] for one in found if one["regarding"]["name"] == owner.name}

    def everywhere(self, owners: Sequence[Owner], what: Callable[[Owner], None]) -> None:
        """For all of them, some at once, as their teams would."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(what, owners))

    def make(self, owners: Sequence[Owner]) -> None:
        for one in owners:
            path = deployment_path(NAMESPACE, one.name).rpartition("/")[0]
            self.api.create(path, a_deployment(one.name, replicas=LOW))
        self.everywhere(owners, lambda one: self.tools.apply(one, "one"))
        found = self.hpas()
        self.originals |= {one: found[one.name]["spec"] for one in owners}

    def follow(self, owners: Sequence[Owner]) -> None:
        for one in owners:
            self.api.create(policies_path(NAMESPACE), a_policy(one))

    def raised(self, owners: Sequence[Owner]) -> None:
        def all_there() -> bool:
            hpas, deployments = self.hpas(), self.api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")["items"]
            ready = {one["metadata"]["name"]: one["status"].get("readyReplicas", 0) for one in deployments}
            return all(in_force(hpas[one.name]) == wanted(one) and ready[one.name] == FLOOR for one in owners)

        until(all_there, 240)

    def given_back(self, owners: Sequence[Owner]) -> None:
        def all_theirs() -> bool:
            hpas = self.hpas()
            return all(
                hpas[one.name]["spec"] == self.originals[one] and nothing_of_ours(hpas[one.name]) for one in owners
            )

        until(all_theirs, 240)

    def syncs(self, times: int, owners: Sequence[Owner]) -> None:
        """Waits for so many syncs of every HPA."""
        wanted = {one.name: len(self.board.at.get(one.name, ())) + times for one in owners}
        until(lambda: all(len(self.board.at.get(name, ())) >= count for name, count in wanted.items()), 240)

    def synced(self, owner: str, since: float, until: float) -> bool:
        """Whether the HPA controller may have looked at the HPA in between; it sees it a little later than others."""
        return any(since - ABOUT_S <= at <= until + ABOUT_S for at in self.board.at.get(owner, ()))


def wanted(owner: Owner) -> tuple[int, str]:
    """What is in force where Foresail has its way: the floor of the event, or a target that has the HPA hold it."""
    if owner.lever == "Target":
        return (LOW if owner.named else 1), f"{-(-LOAD * 1000 // FLOOR)}m"
    return FLOOR, OWN_TARGET


def a_policy(owner: Owner) -> Json:
    target = {"target": {"metric": METRIC, "min": 10, "max": 90}} if owner.lever == "Target" else {}
    signal = {"name": METRIC, "kind": "Stock", "query": connections_query(NAMESPACE), "capacityPerPod": 100}
    return {
        "apiVersion": "foresail.dev/v1alpha1", "kind": "PredictiveAutoscaler",
        "metadata": {"name": owner.name, "namespace": NAMESPACE},
        "spec": {
            "hpaRef": {"name": owner.name}, "mode": "Active", "levers": [owner.lever], "ownership": owner.ownership,
            "signals": [signal], "bounds": {"minReplicas": 1, "maxReplicas": 12},
            "budget": {"extraPodHoursPercent": 100}, "rampDown": {"hold": "1s", "percentPerMinute": 100},
            "events": [{"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z", "minReplicas": FLOOR}],
            **target,
        },
    }  # fmt: skip


@contextmanager
def steady_load(target: Path) -> Iterator[Path]:
    """Something to scrape that goes on as the history ended; the file that names it."""
    registry = CollectorRegistry()
    Gauge(GAUGE, "Open connections.", ["namespace"], registry=registry).labels(NAMESPACE).set(LOAD)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    target.write_text(json.dumps([{"targets": [f"127.0.0.1:{server.server_port}"]}]))
    try:
        yield target
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def yard(control_plane_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    if missing := missing_programs():
        pytest.skip(f"no {' and no '.join(missing)} on this machine: `apt-get install prometheus` brings both")
    folder = tmp_path_factory.mktemp("owners")
    for name in ("control-plane", "prometheus", "given", "home"):
        (folder / name).mkdir()
    history = Recurrence(now() + timedelta(hours=8), calm=LOAD).history(NAMESPACE, now() - timedelta(seconds=30))
    board = Asked({(NAMESPACE, METRIC): [Measured(str(LOAD))]})
    flags = {"horizontal-pod-autoscaler-sync-period": f"{SYNC_S:.0f}s"}
    with ExitStack() as stack:
        cluster = stack.enter_context(
            control_plane(folder / "control-plane", control_plane_programs, controller_manager=flags)
        )
        try:
            found = {name: Program(locate(name, os.environ), cluster.kubeconfig, folder / "home") for name in VARIABLES}
        except NotBrought as reason:
            pytest.skip(str(reason))
        stack.enter_context(kubelet(cluster.api))
        stack.enter_context(metrics_server(cluster, board))
        target = stack.enter_context(steady_load(folder / "targets.json"))
        prometheus = stack.enter_context(prometheus_server(folder / "prometheus", [target], history))
        make_namespace(cluster.api, NAMESPACE)
        made = Yard(cluster, prometheus, Tools(found, NAMESPACE, folder / "given"), board, folder)
        make_crd(made)
        made.make([*MATRIX, *CLAIMING])
        yield made


@pytest.fixture
def environ(yard: Yard) -> dict[str, str]:
    return variables(NAMESPACE, yard.prometheus.url, "one", TICK_S="5")


def test_every_owner_applies_in_peace_and_gets_everything_back(yard: Yard, environ: dict[str, str]) -> None:
    yard.follow(MATRIX)
    with controller_process(yard.cluster.kubeconfig, environ, yard.folder / "matrix.log"):
        yard.raised(MATRIX)
        with watching(yard.api, NAMESPACE) as seen:
            yard.everywhere(MATRIX, lambda one: yard.tools.apply(one, "two"))
            until(lambda: all(seen.values[one.name][-1][1:] == ("two", wanted(one)) for one in MATRIX))
            yard.syncs(2, MATRIX)
        found = {one.name: seen.away(one.name, "two", wanted(one)) for one in MATRIX}
        away = {name: span for name, span in found.items() if span}
        assert away.keys() >= {one.name for one in MATRIX if one.named or one.lever == "Target"}
        seconds = sorted(until - since for since, until in away.values())
        LOG.info("out of force for seconds: %s", seconds)
        assert median(seconds) < BACK_WITHIN_S
        assert seconds[-1] < SYNC_S
        # Only an HPA that syncs in just that moment obeys its owner, and only until its next sync.
        fewer = {one.name for one in MATRIX if min(seen.replicas[one.name]) < FLOOR}
        assert all(name in away and yard.synced(name, *away[name]) for name in fewer), (fewer, away, yard.board.at)
        yard.raised(MATRIX)

        for one in MATRIX:
            yard.api.patch(yard.policy(one), {"spec": {"mode": "Paused"}})
        yard.given_back(MATRIX)
        for one in MATRIX:
            yard.api.patch(yard.policy(one), {"spec": {"mode": "Active"}})
        yard.raised(MATRIX)
        for one in MATRIX:
            yard.api.delete(yard.policy(one))
        yard.given_back(MATRIX)
        until(lambda: not yard.api.get(policies_path(NAMESPACE))["items"])
        yard.follow(MATRIX)
        yard.raised(MATRIX)
    uninstalled = [sys.executable, "-m", "foresail", "controller", "restore", "--now"]
    subprocess.run(
        [*uninstalled, "--kubeconfig", str(yard.cluster.kubeconfig)], cwd=ROOT, env=environ, check=True, timeout=120
    )  # fmt: skip
    yard.given_back(MATRIX)
    yard.everywhere(MATRIX, lambda one: yard.tools.apply(one, "three"))
    for one in MATRIX:
        yard.api.delete(yard.policy(one))


def test_a_claim_is_told_and_what_it_costs_the_owner_is_so(yard: Yard, environ: dict[str, str]) -> None:
    yard.follow(CLAIMING)
    with controller_process(yard.cluster.kubeconfig, environ, yard.folder / "claiming.log"):
        yard.raised([FORCED, FREE])
        until(lambda: yard.condition(KEPT_OFF, "Contested") == ("True", "FieldHeld"))
        until(lambda: {"FieldHeld"} <= yard.events(KEPT_OFF))
        assert in_force(yard.hpas()[KEPT_OFF.name]) == (LOW, OWN_TARGET)
        for one in (FORCED, FREE):
            until(lambda one=one: yard.condition(one, "Contested") == ("True", "Claimed"))  # type: ignore[misc]
            until(lambda one=one: {"Claimed"} <= yard.events(one))  # type: ignore[misc]

        yard.tools.apply(KEPT_OFF, "two")
        yard.tools.apply(FREE, "two")  # their manifest does not name what we hold
        assert in_force(yard.hpas()[FREE.name]) == (FLOOR, OWN_TARGET)
        with pytest.raises(ProgramFailed, match=r'conflict.* with "foresail".*\.spec\.minReplicas'):
            yard.tools.apply(FORCED, "two")
        yard.tools.apply(FORCED, "three", "--force-conflicts")
        until(lambda: in_force(yard.hpas()[FORCED.name])[0] == FLOOR)

        for one in CLAIMING:
            yard.api.patch(yard.policy(one), {"spec": {"mode": "Paused"}})
        yard.given_back(CLAIMING)
        yard.everywhere(CLAIMING, lambda one: yard.tools.apply(one, "four"))
        yard.given_back(CLAIMING)
        for one in CLAIMING:
            yard.api.delete(yard.policy(one))
        until(lambda: not yard.api.get(policies_path(NAMESPACE))["items"])
