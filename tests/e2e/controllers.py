"""The controller as processes of their own, and the policy that they follow."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import yaml

from controller.kube_cluster import policies_path
from tests.cluster.api import Api, ApiError, Json
from tests.e2e.stage import Scene, Stage, connections_query
from tests.helpers.processes import ROOT, free_port, until

PER_POD = 40
CRD = ROOT / "deploy" / "kubernetes" / "crd.yaml"


class _HasApi(Protocol):
    @property
    def api(self) -> Api: ...


def a_policy(scene: Scene, mode: str, **spec: object) -> Json:
    return {
        "apiVersion": "foresail.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": "web", "namespace": scene.namespace},
        "spec": {
            "hpaRef": {"name": "web"},
            "mode": mode,
            "signals": [
                {
                    "name": "connections",
                    "kind": "Stock",
                    "query": connections_query(scene.namespace),
                    "capacityPerPod": str(PER_POD),
                }
            ],
            "bounds": {"minReplicas": 1, "maxReplicas": 12},
            **spec,
        },
    }


@contextlib.contextmanager
def controller(
    stage: Stage, scene: Scene, folder: Path, identity: str, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """`foresail controller run` as a process, ended by SIGTERM; its log is in the folder."""
    log = folder / f"{scene.namespace}-{identity}.log"
    with controller_process(stage.cluster.kubeconfig, environment(scene, identity, **settings), log) as process:
        yield process


@contextlib.contextmanager
def controller_process(kubeconfig: Path, environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The same for any cluster and variables."""
    command = [sys.executable, "-m", "foresail", "controller", "run", "--kubeconfig", str(kubeconfig)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environ), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def environment(scene: Scene, identity: str, **more: str) -> dict[str, str]:
    """The variables of a controller, or of a watchdog, of the scene's namespace, and `more` settings of it."""
    return variables(scene.namespace, scene.prometheus.url, identity, **more)


def variables(namespace: str, prometheus: str, identity: str, **more: str) -> dict[str, str]:
    """The environment of a controller of one namespace."""
    settings = {
        "NAMESPACE": namespace, "LEASE_NAMESPACE": namespace, "PROMETHEUS_URL": prometheus,
        "IDENTITY": identity, "PORT": str(free_port()), **more,
    }  # fmt: skip
    return {**os.environ, "OMP_NUM_THREADS": "1", **{f"FORESAIL_CONTROLLER_{k}": text for k, text in settings.items()}}


def make_crd(stage: _HasApi) -> None:
    """The kind of the policies, served."""
    with contextlib.suppress(ApiError):
        stage.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", yaml.safe_load(CRD.read_text()))
    until(lambda: _served(stage))


def _served(stage: _HasApi) -> bool:
    with contextlib.suppress(ApiError):
        return bool(stage.api.get(policies_path("default")))
    return False


def status(scene: Scene) -> Json:
    """What the policy's status says; nothing before the first."""
    found: Json = scene.api.get(f"{policies_path(scene.namespace)}/web").get("status", {})
    return found


def condition(scene: Scene, kind: str) -> tuple[str, str]:
    """The status of one of the policy's conditions, and its reason."""
    found = {one["type"]: one for one in status(scene).get("conditions", [])}
    return (found[kind]["status"], found[kind]["reason"]) if kind in found else ("", "")


def warnings(scene: Scene) -> set[str]:
    """The reasons of the warnings that were told about the policy."""
    events = scene.api.get(f"/apis/events.k8s.io/v1/namespaces/{scene.namespace}/events")["items"]
    return {one["reason"] for one in events if one["regarding"]["name"] == "web" and one["type"] == "Warning"}
