"""A control plane for the tests that want one, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.control_plane import ControlPlane, control_plane
from tools.control_plane import NotBuilt, locate


@pytest.fixture(scope="session")
def control_plane_programs() -> Path:
    """The folder of etcd, kube-apiserver and kube-controller-manager."""
    try:
        return locate(os.environ)
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
