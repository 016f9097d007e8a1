"""A stage on the shared control plane for every test of the controller that wants one, and the owner of its HPA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from controller.adapters.kube.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.controller.live import Stage, a_stage, apply, the_hpa


@pytest.fixture
def stage(cluster: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Stage]:
    namespace = request.node.name.replace("_", "-")[-50:].strip("-").split("[")[0]
    with a_stage(cluster, namespace) as made:
        yield made


@pytest.fixture
async def owner(stage: Stage) -> AsyncIterator[Api]:
    async with await Api.connect(stage.cluster.kubeconfig) as api:
        await apply(api, the_hpa(stage.namespace))
        yield api
