"""The controller as a process against a real API server: ready, looked at once, ended, and given back."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from controller.hpa_patch import operations
from controller.kube_cluster import policies_path
from controller.originals import FINALIZER, raising, taken
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.controller.live import CRD, a_policy
from tests.controller.test_hpa_patch import applied
from tests.helpers.processes import PATIENCE_S, free_port, until

pytestmark = pytest.mark.cluster
Json = dict[str, Any]
NAMESPACE = "in-cluster"


def command(cluster: ControlPlane, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    settings = {
        "NAMESPACE": NAMESPACE, "LEASE_NAMESPACE": NAMESPACE, "PROMETHEUS_URL": f"http://127.0.0.1:{free_port()}",
        "TICK_S": "1", "LEASE_NAME": "in-cluster", **variables,
    }  # fmt: skip
    environ = os.environ | {f"FORESAIL_CONTROLLER_{name}": value for name, value in settings.items()}
    call = [sys.executable, "-m", "foresail", "controller", *arguments, "--kubeconfig", str(cluster.kubeconfig)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


@pytest.fixture
def namespace(cluster: ControlPlane) -> Iterator[str]:
    """A policy in Active over an HPA that nobody syncs: its deployment is not there."""
    make_namespace(cluster.api, NAMESPACE)
    with contextlib.suppress(ApiError):
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
    until(lambda: _served(cluster))
    made = an_hpa("gateway", [an_external_metric("connections", "70")], low=2, high=12)
    cluster.api.create(hpas_path(NAMESPACE), made)
    cluster.api.create(policies_path(NAMESPACE), a_policy(NAMESPACE))
    yield NAMESPACE
    path = f"{policies_path(NAMESPACE)}/gateway"
    cluster.api.patch(path, {"metadata": {"finalizers": None}})
    cluster.api.delete(path)
    cluster.api.delete(f"{hpas_path(NAMESPACE)}/gateway")


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(ApiError):
        return bool(cluster.api.get(policies_path(NAMESPACE)))
    return False


def raise_floor(cluster: ControlPlane, floor: int) -> Json:
    """As a controller that is no more would have left it."""

    def raised(hpa: Json) -> Json:
        change, _ = raising(taken(hpa, f"{NAMESPACE}/gateway", None), floor, None)
        return applied(hpa, operations(hpa, change))

    return cluster.api.change(f"{hpas_path(NAMESPACE)}/gateway", raised)


def leading(port: int) -> str:
    """The sample that says whether the controller at the port leads; nothing while it does not answer."""
    with contextlib.suppress(httpx.TransportError):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        return "".join(line for line in text.splitlines() if line.startswith("foresail_leader"))
    return ""


def test_it_runs_is_ready_and_leaves_the_floor_as_it_is(cluster: ControlPlane, namespace: str) -> None:
    raise_floor(cluster, 8)
    port = free_port()
    process = command(cluster, "run", PORT=str(port), IDENTITY="one")

    def ready() -> bool:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
        return False

    def degraded() -> bool:
        status = cluster.api.get(f"{policies_path(NAMESPACE)}/gateway").get("status", {})
        found = {one["type"]: (one["status"], one["reason"]) for one in status.get("conditions", [])}
        return found.get("Degraded") == ("True", "PrometheusUnavailable")

    try:
        until(ready)
        until(lambda: leading(port) == "foresail_leader 1.0")
        until(degraded)
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log
    assert cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")["spec"]["minReplicas"] == 8
    lease = cluster.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/in-cluster")
    assert lease["spec"].get("holderIdentity", "") == ""


def test_once_shows_what_it_would_do(cluster: ControlPlane, namespace: str) -> None:
    before = raise_floor(cluster, 8)
    process = command(cluster, "once", "--dry-run", "--json")
    said, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log
    (row,) = json.loads(said).values()
    assert (row["mode"], row["floor"]) == ("Active", 8)
    assert "held" in row["because"]
    after = cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")
    assert (after["spec"], after["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])


def test_restore_waits_for_nobody_who_is_alive(cluster: ControlPlane, namespace: str) -> None:
    raise_floor(cluster, 8)
    stale = command(cluster, "restore", "--if-stale", "45s", LEASE_NAME="nobodys")
    _, log = stale.communicate(timeout=PATIENCE_S)
    assert (stale.returncode, "in-cluster/gateway: 8 → 2" in log or "8 → " in log) == (0, True), log
    assert cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")["spec"]["minReplicas"] < 8
    raise_floor(cluster, 8)
    now = command(cluster, "restore", "--now")
    _, log = now.communicate(timeout=PATIENCE_S)
    hpa = cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")
    assert (now.returncode, hpa["spec"]["minReplicas"]) == (0, 2), log
    assert not hpa["metadata"].get("annotations")


def test_restore_believes_no_clock(cluster: ControlPlane, namespace: str) -> None:
    """A Lease that is renewed is no stale one, though the time in it is an hour old: two nodes' clocks may differ."""
    raise_floor(cluster, 8)
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    spec = {"holderIdentity": "one", "leaseDurationSeconds": 15}
    cluster.api.create(leases, {"metadata": {"name": "skewed"}, "spec": {**spec, "renewTime": _an_hour_ago()}})
    process = command(cluster, "restore", "--if-stale", "45s", LEASE_NAME="skewed")
    while process.poll() is None:
        cluster.api.patch(f"{leases}/skewed", {"spec": {"renewTime": _an_hour_ago()}})
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    _, log = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "is being renewed" in log) == (0, True), log
    assert cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")["spec"]["minReplicas"] == 8
    process = command(cluster, "restore", "--if-stale", "45s", LEASE_NAME="skewed")
    _, log = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, "8 → " in log) == (0, True), log


def _an_hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: TID251


def test_restore_says_what_it_could_not_give_back(cluster: ControlPlane, namespace: str) -> None:
    """An admission policy stands in the way of one HPA; the other goes back all the same."""
    raise_floor(cluster, 8)
    other = an_hpa("another", [an_external_metric("connections", "70")], low=2, high=12)
    cluster.api.create(hpas_path(NAMESPACE), other)
    path = f"{hpas_path(NAMESPACE)}/another"
    change, _ = raising(taken(cluster.api.get(path), f"{NAMESPACE}/another", None), 8, None)
    note = {"annotations": dict(change.annotations)}
    cluster.api.patch(path, {"spec": {"minReplicas": 8}, "metadata": note})
    admission = "/apis/admissionregistration.k8s.io/v1"
    frozen = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": ["autoscaling"], "apiVersions": ["v2"], "operations": ["UPDATE"],
                 "resources": ["horizontalpodautoscalers"]}
            ]
        },
        "validations": [{"expression": "object.metadata.name != 'another'", "message": "frozen"}],
    }  # fmt: skip
    cluster.api.create(f"{admission}/validatingadmissionpolicies", {"metadata": {"name": "frozen"}, "spec": frozen})
    binding = {"policyName": "frozen", "validationActions": ["Deny"]}
    cluster.api.create(
        f"{admission}/validatingadmissionpolicybindings", {"metadata": {"name": "frozen"}, "spec": binding}
    )
    try:
        until(lambda: _refused(cluster, path))
        now = command(cluster, "restore", "--now")
        _, log = now.communicate(timeout=PATIENCE_S)
        assert (now.returncode, "frozen" in log) == (1, True), log
        assert cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")["spec"]["minReplicas"] == 2
        assert cluster.api.get(path)["spec"]["minReplicas"] == 8
    finally:
        for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
            cluster.api.delete(f"{admission}/{kind}/frozen")
        cluster.api.delete(path)


def _refused(cluster: ControlPlane, path: str) -> bool:
    try:
        cluster.api.patch(path, {"metadata": {"labels": {"tried": str(time.monotonic_ns())}}})
    except ApiError:
        return True
    return False


def test_restore_stops_the_controllers_first(cluster: ControlPlane, namespace: str) -> None:
    raise_floor(cluster, 8)
    path = f"{policies_path(NAMESPACE)}/gateway"
    cluster.api.patch(path, {"metadata": {"finalizers": [FINALIZER]}})
    port = free_port()
    controller = command(cluster, "run", PORT=str(port), IDENTITY="one")

    try:
        until(lambda: leading(port) == "foresail_leader 1.0")
        now = command(cluster, "restore", "--now", IDENTITY="two")
        _, log = now.communicate(timeout=PATIENCE_S)
        assert (now.returncode, leading(port)) == (0, "foresail_leader 0.0"), log
        lease = cluster.api.get(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/in-cluster")
        assert lease["spec"]["holderIdentity"] == "restore-two"
    finally:
        controller.kill()
        controller.communicate()
    hpa = cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")
    assert (hpa["spec"]["minReplicas"], hpa["metadata"].get("annotations")) == (2, None)
    assert not cluster.api.get(path)["metadata"].get("finalizers")


def test_restore_is_not_fooled_by_the_wrong_namespace(cluster: ControlPlane, namespace: str) -> None:
    """Typed on somebody's machine, without the settings of the pod: the controllers would put it all back."""
    raise_floor(cluster, 8)
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    renewed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: TID251
    spec = {"holderIdentity": "one", "leaseDurationSeconds": 15, "renewTime": renewed}
    cluster.api.create(leases, {"metadata": {"name": "elsewhere"}, "spec": spec})
    for options in (["--now"], ["--if-stale", "45s"]):
        process = command(cluster, "restore", *options, LEASE_NAME="elsewhere", LEASE_NAMESPACE="default")
        _, log = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 2
        assert f"set FORESAIL_CONTROLLER_LEASE_NAMESPACE={NAMESPACE}" in log
    assert cluster.api.get(f"{hpas_path(NAMESPACE)}/gateway")["spec"]["minReplicas"] == 8
