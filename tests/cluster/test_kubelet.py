"""Pods of a cluster without nodes get the fate that a test gives them, and what is gone is let go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.cluster.api import Api, Json
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.kubelet import FAILED, NOT_READY, PENDING, Fate, kubelet, ready_after
from tests.cluster.workloads import a_deployment, deployment_path
from tests.helpers.processes import until

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("fate", "ages"),
    [
        (Fate(), {0: "Ready"}),
        (PENDING, {0: "Pending", 900: "Pending"}),
        (NOT_READY, {0: "Running", 900: "Running"}),
        (FAILED, {0: "Failed"}),
        (ready_after(30 * SECOND), {0: "Running", 29: "Running", 30: "Ready"}),
        (
            Fate(runs=5 * SECOND, ready=9 * SECOND, fails=20 * SECOND),
            {0: "Pending", 5: "Running", 9: "Ready", 20: "Failed"},
        ),
    ],
)
def test_a_fate_says_what_a_pod_is_at_any_age(fate: Fate, ages: dict[int, str]) -> None:
    assert {age: fate.status_at(age * SECOND) for age in ages} == ages


@pytest.mark.cluster
def test_a_deployment_becomes_ready_with_its_pods(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "starts")
    path = deployment_path("starts", "web")
    cluster.api.create("/apis/apps/v1/namespaces/starts/deployments", a_deployment("web", replicas=2))
    with kubelet(cluster.api, lambda _: ready_after(4 * SECOND)):
        until(lambda: cluster.api.get(path)["status"].get("readyReplicas") == 2)
        pods = cluster.api.get("/api/v1/namespaces/starts/pods")["items"]
        assert all(became_ready(pod) - started(pod) >= SECOND for pod in pods)  # a busy machine may start it late
        cluster.api.patch(path, {"spec": {"replicas": 1}})
        until(lambda: len(cluster.api.get("/api/v1/namespaces/starts/pods")["items"]) == 1)


@pytest.mark.cluster
def test_each_pod_has_its_own_fate(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "fates")
    fates = {"pending": PENDING, "not-ready": NOT_READY, "failed": FAILED, "ready": Fate()}
    with kubelet(cluster.api, lambda pod: fates.get(pod["metadata"]["name"], Fate())):
        for name in fates:
            container = {"name": "app", "image": "none"}
            pod = {"metadata": {"name": name}, "spec": {"containers": [container]}}
            cluster.api.create("/api/v1/namespaces/fates/pods", pod)
        wanted = {
            "pending": ("Pending", None),
            "not-ready": ("Running", "False"),
            "failed": ("Failed", "False"),
            "ready": ("Running", "True"),
        }
        until(lambda: shown(cluster.api) == wanted)


def shown(api: Api) -> dict[str, tuple[str, str | None]]:
    """Phase and Ready condition of every pod of the namespace."""
    pods = api.get("/api/v1/namespaces/fates/pods")["items"]
    return {pod["metadata"]["name"]: (pod["status"]["phase"], (condition(pod) or {}).get("status")) for pod in pods}


def condition(pod: Json) -> Json | None:
    return next((c for c in pod["status"].get("conditions", []) if c["type"] == "Ready"), None)


def started(pod: Json) -> datetime:
    return datetime.fromisoformat(pod["status"]["startTime"])


def became_ready(pod: Json) -> datetime:
    ready = condition(pod)
    assert ready
    return datetime.fromisoformat(ready["lastTransitionTime"])
