"""A control plane and its clients for the tests that want them, or the reason why there are none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.programs import Program
from tools.control_plane import NotBuilt, locate
from tools.kube_clients import NotBrought
from tools.kube_clients import locate as locate_client


def programs() -> Path:
    """The folder of etcd, kube-apiserver and kube-controller-manager. Raises NotBuilt, with what to do."""
    return locate(os.environ)


@pytest.fixture(scope="session")
def control_plane_programs() -> Path:
    """The folder of etcd, kube-apiserver and kube-controller-manager."""
    try:
        return programs()
    except NotBuilt as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def cluster(control_plane_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One that all tests share, each in a namespace of its own: every controller runs, the HPA syncs every second."""
    flags = {"horizontal-pod-autoscaler-sync-period": "1s"}
    with control_plane(
        tmp_path_factory.mktemp("control-plane"), control_plane_programs, controller_manager=flags
    ) as running:
        yield running


@pytest.fixture(scope="session")
def helm_4(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return _program("helm-4", cluster, tmp_path_factory)


@pytest.fixture(scope="session")
def helm_3(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return _program("helm-3", cluster, tmp_path_factory)


@pytest.fixture(scope="session")
def kubectl(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return _program("kubectl", cluster, tmp_path_factory)


def _program(name: str, cluster: ControlPlane, folders: pytest.TempPathFactory) -> Program:
    """As the administrator of the shared cluster."""
    try:
        return Program(locate_client(name, os.environ), cluster.kubeconfig, folders.mktemp(name))
    except NotBrought as reason:
        pytest.skip(str(reason))
