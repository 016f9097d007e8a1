"""An API of the controller's own through a proxy that can fail, and waiting for what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
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


async def until(what: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "did not come to be"
        await asyncio.sleep(0.05)
