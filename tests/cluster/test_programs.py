"""Helm 3, Helm 4 and kubectl run against the real API server, as who their kubeconfig says."""

from __future__ import annotations

import json

import pytest

from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.programs import Program, ProgramFailed

pytestmark = pytest.mark.cluster


def test_each_helm_is_the_version_that_it_is_called(helm_3: Program, helm_4: Program) -> None:
    assert helm_3.run("version", "--short").startswith("v3.")
    assert helm_4.run("version", "--short").startswith("v4.")
    assert json.loads(helm_3.run("list", "-o", "json")) == json.loads(helm_4.run("list", "-o", "json")) == []


def test_kubectl_applies_what_it_is_given(cluster: ControlPlane, kubectl: Program) -> None:
    make_namespace(cluster.api, "programs")
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}
    kubectl.run("-n", "programs", "apply", "--server-side", "-f", "-", stdin=json.dumps(made))
    assert cluster.api.get("/api/v1/namespaces/programs/configmaps/m")["data"] == {"a": "1"}


def test_what_it_refuses_is_an_error_with_its_words(cluster: ControlPlane, kubectl: Program) -> None:
    with pytest.raises(ProgramFailed, match=r"kubectl get configmap none ended with 1: .*NotFound"):
        kubectl.run("get", "configmap", "none")
    stranger = kubectl.as_user(cluster.write_kubeconfig("stranger", "unknown"))
    with pytest.raises(ProgramFailed, match=r"Unauthorized|must be logged in"):
        stranger.run("get", "pods")
