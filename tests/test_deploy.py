"""The manifests: a real API server takes each of them, and the controller's account may do what it does and no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.adapters.kube.api import APPLY, Api
from controller.loop import policies_path
from controller.settings import ControllerSettings
from foresail.in_cluster import once, restore
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.controller.test_loop import a_policy
from tests.helpers.processes import free_port, until

pytestmark = pytest.mark.cluster
Json = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "deploy" / "kubernetes"
ACCOUNT, HOME = "foresail-controller", "foresail"
PLURALS = {
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "Namespace": "api/v1/namespaces",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "CronJob": "apis/batch/v1/namespaces/{}/cronjobs",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}


def manifests(name: str) -> list[Json]:
    return [one for one in yaml.safe_load_all((FOLDER / name).read_text()) if one]


async def applied(api: Api, one: Json, *, dry: bool = False) -> Json:
    folder = PLURALS[one["kind"]].format(one["metadata"].get("namespace", ""))
    params = {"fieldManager": "test", "force": "true", "fieldValidation": "Strict"} | ({"dryRun": "All"} if dry else {})
    return await api.patch(f"/{folder}/{one['metadata']['name']}", one, APPLY, params)


@pytest.fixture(scope="module")
def installed(cluster: ControlPlane) -> Iterator[ControlPlane]:
    """Kind, namespace and rights are there."""

    async def install() -> None:
        async with await Api.connect(cluster.kubeconfig) as api:
            for name in ("crd.yaml", "rbac.yaml"):
                for one in manifests(name):
                    await applied(api, one)

    asyncio.run(install())
    until(lambda: _served(cluster))
    yield cluster
    for path in ("clusterroles", "clusterrolebindings"):
        cluster.api.delete(f"/apis/rbac.authorization.k8s.io/v1/{path}/{ACCOUNT}")


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(ApiError):
        return bool(cluster.api.get(policies_path("default")))
    return False


def kubeconfig_of_the_account(cluster: ControlPlane, folder: Path) -> Path:
    """By a token that the API server made for the controller's account."""
    path = f"/api/v1/namespaces/{HOME}/serviceaccounts/{ACCOUNT}/token"
    made = cluster.api.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": made["status"]["token"]}
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return folder / "kubeconfig"


async def test_the_api_server_takes_every_manifest(installed: ControlPlane) -> None:
    async with await Api.connect(installed.kubeconfig) as api:
        for path in sorted(FOLDER.glob("*.yaml")):
            for one in manifests(path.name):
                await applied(api, one, dry=True)


ALLOWED = {
    ("get", "foresail.dev", "predictiveautoscalers", ""), ("list", "foresail.dev", "predictiveautoscalers", ""),
    ("watch", "foresail.dev", "predictiveautoscalers", ""), ("patch", "foresail.dev", "predictiveautoscalers", ""),
    ("patch", "foresail.dev", "predictiveautoscalers", "status"),
    ("get", "autoscaling", "horizontalpodautoscalers", ""), ("list", "autoscaling", "horizontalpodautoscalers", ""),
    ("watch", "autoscaling", "horizontalpodautoscalers", ""), ("patch", "autoscaling", "horizontalpodautoscalers", ""),
    ("list", "", "pods", ""), ("watch", "", "pods", ""),
    ("create", "events.k8s.io", "events", ""), ("patch", "events.k8s.io", "events", ""),
}  # fmt: skip
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("foresail.dev", "predictiveautoscalers", ""), ("foresail.dev", "predictiveautoscalers", "status"),
    ("autoscaling", "horizontalpodautoscalers", ""), ("autoscaling", "horizontalpodautoscalers", "status"),
    ("events.k8s.io", "events", ""), ("", "secrets", ""), ("", "configmaps", ""), ("", "pods", ""),
    ("", "pods", "exec"),
    ("", "nodes", ""), ("apps", "deployments", ""), ("apps", "deployments", "scale"), ("", "serviceaccounts", "token"),
    ("rbac.authorization.k8s.io", "clusterroles", ""), ("coordination.k8s.io", "leases", ""),
)  # fmt: skip


async def test_the_account_may_do_so_much_and_no_more(installed: ControlPlane, tmp_path: Path) -> None:
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    async with await Api.connect(kubeconfig_of_the_account(installed, tmp_path)) as api:

        async def may(
            verb: str, group: str, resource: str, sub: str, namespace: str = "default", name: str = ""
        ) -> bool:
            asked = {
                "verb": verb,
                "group": group,
                "resource": resource,
                "subresource": sub,
                "namespace": namespace,
                "name": name,
            }
            made = await api.create(reviews, {"spec": {"resourceAttributes": asked}})
            return bool(made["status"]["allowed"])

        given = {(v, *r) for v in VERBS for r in RESOURCES if await may(v, *r)}
        assert given == ALLOWED
        lease = ("coordination.k8s.io", "leases", "", HOME)
        assert [verb for verb in VERBS if await may(verb, *lease, ACCOUNT)] == ["get", "create", "update"]
        assert [verb for verb in VERBS if await may(verb, *lease, "another")] == ["create"]


async def test_with_its_own_account_it_can_do_its_work(
    installed: ControlPlane, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_namespace(installed.api, "account")
    made = an_hpa("gateway", [an_external_metric("connections", "70")], low=2, high=12)
    installed.api.create(hpas_path("account"), made)
    installed.api.create(policies_path("account"), a_policy("account"))
    settings = ControllerSettings(
        prometheus_url=f"http://127.0.0.1:{free_port()}", lease_namespace=HOME, identity="one", namespace="account"
    )
    kubeconfig = kubeconfig_of_the_account(installed, tmp_path)
    assert await once(settings, kubeconfig, dry=False, as_json=True) == 0
    found = installed.api.get(f"{policies_path('account')}/gateway")["status"]["conditions"]
    assert {one["type"]: one["reason"] for one in found}["Degraded"] == "PrometheusUnavailable"
    assert await restore(settings, kubeconfig, None, None) == 0
    assert "forbidden" not in caplog.text.lower()
