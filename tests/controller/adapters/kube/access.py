"""An API of the controller's own through a proxy that can fail."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from controller.adapters.kube.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.helpers.faulty_proxy import FaultyProxy, faulty_proxy


@contextlib.asynccontextmanager
async def behind_a_proxy(cluster: ControlPlane, folder: Path) -> AsyncIterator[tuple[Api, FaultyProxy]]:
    """The administrator's access, over a connection that a test may break."""
    async with faulty_proxy(cluster.url) as proxy:
        text = cluster.kubeconfig.read_text().replace(cluster.url, f"https://127.0.0.1:{proxy.port}")
        (folder / "kubeconfig").write_text(text)
        async with await Api.connect(folder / "kubeconfig") as api:
            yield api, proxy
