"""By the chart's roles the controller's account may do what the controller does and no more, on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.adapters.kube.api import APPLY, Api
from controller.kube_cluster import policies_path
from controller.settings import ControllerSettings
from foresail.in_cluster import once, restore
from tests.cluster.api import Api as TokenApi
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.programs import Program
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.controller.live import a_policy
from tests.deploy.chart import rendered
from tests.helpers.processes import free_port, until

pytestmark = pytest.mark.cluster
Json = dict[str, Any]
ACCOUNT, HOME, ONLY = "foresail-controller", "foresail", "account"
PLURALS = {
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
}
"""What the rights are made of, and where the API server keeps it."""


async def applied(api: Api, one: Json) -> None:
    folder = PLURALS[one["kind"]].format(one["metadata"].get("namespace", ""))
    params = {"fieldManager": "test", "force": "true", "fieldValidation": "Strict"}
    await api.patch(f"/{folder}/{one['metadata']['name']}", one, APPLY, params)


def _path(one: Json) -> str:
    return f"/{PLURALS[one['kind']].format(one['metadata'].get('namespace', ''))}/{one['metadata']['name']}"


@contextlib.contextmanager
def _rights(cluster: ControlPlane, helm: Program, *values: str) -> Iterator[ControlPlane]:
    """The kind, the account and what it may, as the chart has them; the account's rights are gone afterwards."""
    objects = [one for one in rendered(helm, *values, namespace=HOME) if one["kind"] in PLURALS]
    for namespace in (HOME, ONLY):
        make_namespace(cluster.api, namespace)

    async def install() -> None:
        async with await Api.connect(cluster.kubeconfig) as api:
            for one in objects:
                await applied(api, one)

    asyncio.run(install())
    until(lambda: _served(cluster))
    rules = [(one, rule) for one in objects if one["kind"] in ("ClusterRole", "Role") for rule in one["rules"]]
    until(lambda: all(_in_force(cluster, *rule) for rule in rules))
    yield cluster
    for one in objects:
        if one["kind"] != "CustomResourceDefinition":
            cluster.api.delete(_path(one))
    until(lambda: not any(_in_force(cluster, *rule) for rule in rules))


def _in_force(cluster: ControlPlane, role: Json, rule: Json) -> bool:
    """Whether the API server lets the account do what the rule says first: it learns of roles and bindings later."""
    resource, _, sub = rule["resources"][0].partition("/")
    asked = {
        "verb": rule["verbs"][0],
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": sub,
        "name": rule.get("resourceNames", [""])[0],
        "namespace": role["metadata"].get("namespace", "default"),
    }
    review = {"spec": {"user": f"system:serviceaccount:{HOME}:{ACCOUNT}", "resourceAttributes": asked}}
    made = cluster.api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(made["status"]["allowed"])


@pytest.fixture
def everywhere(cluster: ControlPlane, helm_4: Program) -> Iterator[ControlPlane]:
    with _rights(cluster, helm_4) as ready:
        yield ready


@pytest.fixture
def in_one_namespace(cluster: ControlPlane, helm_4: Program) -> Iterator[ControlPlane]:
    with _rights(cluster, helm_4, "--set", f"controller.watchNamespace={ONLY}") as ready:
        yield ready


def _served(cluster: ControlPlane) -> bool:
    with contextlib.suppress(ApiError):
        return bool(cluster.api.get(policies_path("default")))
    return False


def kubeconfig_of_the_account(cluster: ControlPlane, folder: Path, home: str = HOME, account: str = ACCOUNT) -> Path:
    """By a token that the API server made for the controller's account."""
    path = f"/api/v1/namespaces/{home}/serviceaccounts/{account}/token"
    made = cluster.api.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": made["status"]["token"]}
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    until(lambda: _known(cluster.api_of(made["status"]["token"])))
    return folder / "kubeconfig"


def _known(api: TokenApi) -> bool:
    """Whether the API server takes the token: it may still know an account of the same name that is gone."""
    try:
        api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    except ApiError as error:
        if error.status != 401:
            raise
        return False
    return True


ALLOWED = {
    ("list", "foresail.dev", "predictiveautoscalers", ""), ("watch", "foresail.dev", "predictiveautoscalers", ""),
    ("patch", "foresail.dev", "predictiveautoscalers", ""),
    ("patch", "foresail.dev", "predictiveautoscalers", "status"),
    ("get", "autoscaling", "horizontalpodautoscalers", ""), ("list", "autoscaling", "horizontalpodautoscalers", ""),
    ("watch", "autoscaling", "horizontalpodautoscalers", ""), ("patch", "autoscaling", "horizontalpodautoscalers", ""),
    ("get", "keda.sh", "scaledobjects", ""), ("list", "keda.sh", "scaledobjects", ""),
    ("watch", "keda.sh", "scaledobjects", ""), ("patch", "keda.sh", "scaledobjects", ""),
    ("list", "", "pods", ""), ("watch", "", "pods", ""),
    ("create", "events.k8s.io", "events", ""), ("patch", "events.k8s.io", "events", ""),
}  # fmt: skip
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    ("foresail.dev", "predictiveautoscalers", ""), ("foresail.dev", "predictiveautoscalers", "status"),
    ("autoscaling", "horizontalpodautoscalers", ""), ("autoscaling", "horizontalpodautoscalers", "status"),
    ("keda.sh", "scaledobjects", ""),
    ("events.k8s.io", "events", ""), ("", "secrets", ""), ("", "configmaps", ""), ("", "pods", ""),
    ("", "pods", "exec"),
    ("", "nodes", ""), ("apps", "deployments", ""), ("apps", "deployments", "scale"), ("", "serviceaccounts", "token"),
    ("rbac.authorization.k8s.io", "clusterroles", ""), ("coordination.k8s.io", "leases", ""),
)  # fmt: skip


class Rights:
    """What the API server says that the owner of a token may do."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def may(self, verb: str, of: tuple[str, str, str], namespace: str, name: str = "") -> bool:
        group, resource, sub = of
        asked = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "subresource": sub,
            "namespace": namespace,
            "name": name,
        }
        made = await self._api.create(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": asked}}
        )
        return bool(made["status"]["allowed"])

    async def given(self, namespace: str) -> set[tuple[str, str, str, str]]:
        return {(verb, *of) for verb in VERBS for of in RESOURCES if await self.may(verb, of, namespace)}

    async def of_lease(self, name: str) -> list[str]:
        lease = ("coordination.k8s.io", "leases", "")
        return [verb for verb in VERBS if await self.may(verb, lease, HOME, name)]


async def test_the_account_may_do_so_much_and_no_more(everywhere: ControlPlane, tmp_path: Path) -> None:
    async with await Api.connect(kubeconfig_of_the_account(everywhere, tmp_path)) as api:
        rights = Rights(api)
        assert await rights.given("default") == ALLOWED
        assert await rights.of_lease(ACCOUNT) == ["get", "create", "update"]
        assert await rights.of_lease("another") == ["create"]


async def test_in_one_namespace_it_may_nothing_elsewhere(in_one_namespace: ControlPlane, tmp_path: Path) -> None:
    async with await Api.connect(kubeconfig_of_the_account(in_one_namespace, tmp_path)) as api:
        rights = Rights(api)
        assert await rights.given(ONLY) == ALLOWED
        assert await rights.given("default") == set()
        assert await rights.of_lease(ACCOUNT) == ["get", "create", "update"]


@pytest.mark.parametrize("rights", ["everywhere", "in_one_namespace"])
def test_with_its_own_account_it_can_do_its_work(
    request: pytest.FixtureRequest, rights: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster: ControlPlane = request.getfixturevalue(rights)
    made = an_hpa("gateway", [an_external_metric("connections", "70")], low=2, high=12)
    cluster.api.create(hpas_path(ONLY), made)
    cluster.api.create(policies_path(ONLY), a_policy(ONLY))
    settings = ControllerSettings(
        prometheus_url=f"http://127.0.0.1:{free_port()}", lease_namespace=HOME, identity="one", namespace=ONLY
    )
    kubeconfig = kubeconfig_of_the_account(cluster, tmp_path)
    try:
        assert asyncio.run(once(settings, kubeconfig, dry=False, as_json=True)) == 0
        found = cluster.api.get(f"{policies_path(ONLY)}/gateway")["status"]["conditions"]
        assert {one["type"]: one["reason"] for one in found}["Degraded"] == "PrometheusUnavailable"
        assert asyncio.run(restore(settings, kubeconfig, None, None)) == 0
        assert "forbidden" not in caplog.text.lower()
    finally:
        path = f"{policies_path(ONLY)}/gateway"
        cluster.api.patch(path, {"metadata": {"finalizers": None}})
        cluster.api.delete(path)
        cluster.api.delete(f"{hpas_path(ONLY)}/gateway")
