"""The control plane that other tests stand on: it starts, its controllers act, it says why it does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cluster.control_plane import ControlPlane, control_plane, make_namespace
from tests.cluster.workloads import a_deployment, deployment_path
from tests.helpers.processes import until

pytestmark = pytest.mark.cluster


def test_its_controllers_make_what_is_asked_for(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "made")
    make_namespace(cluster.api, "made")
    cluster.api.create("/apis/apps/v1/namespaces/made/deployments", a_deployment("web", replicas=2))
    until(lambda: len(cluster.api.get("/api/v1/namespaces/made/pods")["items"]) == 2)


def test_a_controller_manager_that_crashed_can_be_started_again(control_plane_programs: Path, tmp_path: Path) -> None:
    flags = {"controllers": "deployment-controller,replicaset-controller"}
    with control_plane(tmp_path, control_plane_programs, controller_manager=flags) as alone:
        alone.kill_controller_manager()
        alone.api.create("/apis/apps/v1/namespaces/default/deployments", a_deployment("web", replicas=1))
        path = deployment_path("default", "web")
        assert alone.api.get(path)["status"] == {}
        alone.start_controller_manager()
        until(lambda: alone.api.get(path)["status"].get("replicas") == 1)


def test_a_kubeconfig_leads_to_it(cluster: ControlPlane) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == cluster.url
    assert Path(config["clusters"][0]["cluster"]["certificate-authority"]).exists()


def test_a_program_that_ends_at_once_is_shown_with_its_last_words(control_plane_programs: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"(?s)kube-apiserver ended with 1; .* unknown flag: --nonsense"),
        control_plane(tmp_path, control_plane_programs, api_server={"nonsense": "1"}),
    ):
        pass
