"""Installed and uninstalled by both Helms on a real API server: what comes, what stays, and that HPAs go back first.

No kubelet runs here: the test plays it for the pod of the uninstall's Job, with the settings of the release and a token
of its account.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.hpa_patch import operations
from controller.kube_cluster import policies_path
from controller.originals import ANNOTATION, FINALIZER, raising, taken
from tests.cluster.api import ApiError, Json
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.programs import Program, ProgramFailed
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.controller.test_hpa_patch import applied
from tests.deploy.chart import CHART
from tests.helpers.processes import ROOT, free_port, until
from tests.test_deploy import kubeconfig_of_the_account

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]
HOME, CHAT = "scaling", "chat"
_KIND = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/predictiveautoscalers.foresail.dev"
_ACCOUNT = f"system:serviceaccount:{HOME}:foresail-controller"
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "users": [_ACCOUNT]}],
}
"""What the account of the release asks for is written down by the API server itself."""


@dataclass(frozen=True)
class Site:
    """A cluster of its own, in which the kind is not there yet, and a Helm."""

    cluster: ControlPlane
    helm: Program
    folder: Path

    def installed(self, *arguments: str) -> str:
        """What Helm says after `upgrade --install` of the release `foresail`."""
        values = ("--set", "gateway.enabled=true,gateway.policy.enabled=true", *arguments)
        return self.helm.run("upgrade", "--install", "foresail", CHART, "-n", HOME, "--create-namespace", *values)

    def exists(self, path: str) -> bool:
        with contextlib.suppress(ApiError):
            return bool(self.cluster.api.get(path))
        return False

    def settings(self) -> dict[str, str]:
        """What the ConfigMap tells a pod, but for the address, which pods on one machine cannot share."""
        found: Json = self.cluster.api.get(f"/api/v1/namespaces/{HOME}/configmaps/foresail-controller")["data"]
        return {
            **os.environ,
            **found,
            "FORESAIL_CONTROLLER_HOST": "127.0.0.1",
            "FORESAIL_CONTROLLER_PORT": str(free_port()),
        }

    def run(self, arguments: list[str], identity: str) -> subprocess.Popen[str]:
        """A container of the controller's image: `foresail` with these arguments, by the account of the release."""
        kubeconfig = kubeconfig_of_the_account(self.cluster, self.folder, HOME)
        command = [sys.executable, "-m", "foresail", *arguments, "--kubeconfig", str(kubeconfig)]
        environ = {**self.settings(), "FORESAIL_CONTROLLER_IDENTITY": identity}
        return subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture(params=["helm_3", "helm_4"])
def site(request: pytest.FixtureRequest, control_plane_programs: Path, tmp_path: Path) -> Iterator[Site]:
    helm: Program = request.getfixturevalue(request.param)
    (tmp_path / "audit.json").write_text(json.dumps(_AUDIT))
    flags = {"audit-policy-file": str(tmp_path / "audit.json"), "audit-log-path": str(tmp_path / "audit.log")}
    with control_plane(tmp_path, control_plane_programs, api_server=flags) as cluster:
        yield Site(cluster, helm.as_user(cluster.kubeconfig), tmp_path)


def test_installed_acting_and_uninstalled_with_everything_given_back(site: Site) -> None:
    api = site.cluster.api
    assert "NOT made: the gateway's PredictiveAutoscaler" in site.installed()
    until(lambda: _KIND.rpartition("/")[2] in api.discovered())  # by which Helm knows the kinds that there are
    assert not site.exists(f"{policies_path(HOME)}/foresail-gateway")
    assert "NOT made" not in site.installed()
    assert api.get(f"{policies_path(HOME)}/foresail-gateway")["spec"]["mode"] == "Observe"
    _a_raised_floor(site)
    controller = site.run(["controller", "run"], "one")
    try:
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/foresail-controller"
        until(lambda: site.exists(lease) and api.get(lease)["spec"]["holderIdentity"] == "one")
        said, removed_from = _uninstalled(site, lambda: api.get(lease)["spec"]["holderIdentity"] == "restore-two")
        assert "chat/web: 8 → 2, given back" in said
        hpa = api.get(f"{hpas_path(CHAT)}/web")
        assert (hpa["spec"]["minReplicas"], hpa["metadata"].get("annotations")) == (2, None)
    finally:
        controller.send_signal(signal.SIGTERM)
        controller.communicate(timeout=60)
    # Nothing waits for a controller that is no more: the release's own policy is gone, and the other can go.
    until(lambda: not site.exists(f"{policies_path(HOME)}/foresail-gateway"))
    api.delete(f"{policies_path(CHAT)}/web")
    until(lambda: not site.exists(f"{policies_path(CHAT)}/web"))
    _check_calls(site, removed_from)
    assert site.exists(_KIND)
    assert not site.exists("/apis/rbac.authorization.k8s.io/v1/clusterroles/scaling-foresail-controller")
    site.installed()
    assert site.exists(f"{policies_path(HOME)}/foresail-gateway")


def test_an_uninstall_that_cannot_give_back_removes_nothing(site: Site) -> None:
    site.installed("--set", "controller.restoreOnUninstall.within=0s")
    with pytest.raises(ProgramFailed, match=r"timed out|deadline exceeded|DeadlineExceeded"):
        site.helm.run("uninstall", "foresail", "-n", HOME, "--timeout", "2s")
    assert site.exists(f"/apis/apps/v1/namespaces/{HOME}/deployments/foresail-controller")
    assert site.exists(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{HOME}-foresail-controller")


def _check_calls(site: Site, removed_from: str) -> None:
    """The account asked for all that acting and giving back take, and was denied nothing while it had its rights.

    Its rights go one after the other, from `removed_from` on.
    """
    asked = [json.loads(line) for line in (site.folder / "audit.log").read_text().splitlines()]
    denied = [one["requestReceivedTimestamp"] for one in asked if one["responseStatus"]["code"] == 403]
    assert not [moment for moment in denied if moment < removed_from]
    calls = {(one["verb"], *(one["objectRef"].get(key, "") for key in ("resource", "subresource"))) for one in asked}
    kept = {("patch", "horizontalpodautoscalers", ""), ("patch", "predictiveautoscalers", "")}
    both = ("horizontalpodautoscalers", "predictiveautoscalers")
    read = {(verb, of, "") for verb in ("list", "watch") for of in both}
    lease = {(verb, "leases", "") for verb in ("create", "get", "update")}
    assert kept | read | lease | {("patch", "predictiveautoscalers", "status"), ("list", "pods", "")} <= calls


def _a_raised_floor(site: Site) -> None:
    """In a namespace of its own: an HPA of 2 that a controller has raised to 8, and its policy."""
    api = site.cluster.api
    api.create("/api/v1/namespaces", {"metadata": {"name": CHAT}})
    made = api.create(hpas_path(CHAT), an_hpa("web", [an_external_metric("connections", "70")], low=2, high=12))
    change, _ = raising(taken(made, f"{CHAT}/web", None), 8, None)
    api.replace(f"{hpas_path(CHAT)}/web", applied(made, operations(made, change)))
    signal_of_web = {"name": "connections", "kind": "Stock", "query": "vector(1)", "capacityPerPod": "100"}
    policy = {
        "apiVersion": "foresail.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "web", "namespace": CHAT, "finalizers": [FINALIZER]},
        "spec": {
            "hpaRef": {"name": "web"},
            "mode": "Active",
            "signals": [signal_of_web],
            "bounds": {"minReplicas": 2, "maxReplicas": 12},
        },
    }
    api.create(policies_path(CHAT), policy)
    assert ANNOTATION in api.get(f"{hpas_path(CHAT)}/web")["metadata"]["annotations"]


def _uninstalled(site: Site, nobody_leads: Callable[[], bool]) -> tuple[str, str]:
    """What the Job said that Helm waits for, and when that was over. Its pod runs here as a process.

    `nobody_leads` is asked as soon as it has ended: the Lease that the Job has taken runs out after a while.
    """
    failed: list[Exception] = []

    def uninstall() -> None:
        try:
            site.helm.run("uninstall", "foresail", "-n", HOME, "--timeout", "100s")
        except ProgramFailed as error:
            failed.append(error)

    helm = threading.Thread(target=uninstall)
    helm.start()
    pods = f"/api/v1/namespaces/{HOME}/pods"
    until(lambda: bool(site.cluster.api.get(pods, labelSelector="job-name=foresail-restore")["items"]))
    (pod,) = site.cluster.api.get(pods, labelSelector="job-name=foresail-restore")["items"]
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["serviceAccountName"] == "foresail-controller"
    assert container["args"] == ["controller", "restore", "--within", "4m"]
    process = site.run(["controller", "restore", "--within", "0s"], "two")  # the same, in one step: no minutes between
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert nobody_leads()
    ended = datetime.now(UTC).isoformat(timespec="microseconds")  # noqa: TID251
    path = f"{pods}/{pod['metadata']['name']}/status"
    site.cluster.api.patch(path, {"status": {"phase": "Succeeded"}})
    helm.join()
    assert not failed, failed
    return said, ended.replace("+00:00", "Z")
