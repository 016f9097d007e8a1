"""Elections on a real API server: one leads, its end is another's beginning, and nobody leads past the deadline."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kube.api import Api
from controller.adapters.kube.lease import Elector, Timing
from controller.errors import NotFound
from tests.cluster.control_plane import ControlPlane
from tests.controller.adapters.kube.access import behind_a_proxy, until

Json = dict[str, Any]
TIMING = Timing(5.0, 4.0, 1.0)
"""Short, and yet nobody loses the lease for a second or two that a busy machine does not run this process."""
FOLDER = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


@contextlib.asynccontextmanager
async def standing(elector: Elector) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(elector.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def moment(text: str) -> datetime:
    """Of a lease. All are written by this process, so that one clock tells them."""
    return datetime.fromisoformat(text)


@pytest.mark.cluster
async def test_one_leads_and_hands_over_at_once(cluster: ControlPlane) -> None:
    async with await Api.connect(cluster.kubeconfig) as api:
        one, two = (Elector(api, "default", "handed-over", name, TIMING) for name in ("one", "two"))
        async with standing(one) as first:
            await until(lambda: one.leading)
            async with standing(two):
                limit = time.monotonic() + TIMING.lease + 0.5
                while time.monotonic() < limit:
                    assert (one.leading, two.leading) == (True, False)
                    await asyncio.sleep(0.05)
                first.cancel()
                ended = time.monotonic()
                await until(lambda: two.leading)
                assert time.monotonic() - ended < TIMING.lease
                assert not one.leading
                spec = (await api.get(f"{FOLDER}/handed-over"))["spec"]
                assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 1)


@pytest.mark.cluster
async def test_who_insists_leads_and_leaves_the_lease_to_run_out(cluster: ControlPlane) -> None:
    async with await Api.connect(cluster.kubeconfig) as api:
        one, two = (Elector(api, "default", "insisted-on", name, TIMING) for name in ("one", "two"))
        two.insist()
        async with standing(one):
            await until(lambda: one.leading)
            async with standing(two):
                await until(lambda: two.leading and not one.leading)
            left = (await api.get(f"{FOLDER}/insisted-on"))["spec"]
            assert left["holderIdentity"] == "two"
            await until(lambda: one.leading)
            taken = (await api.get(f"{FOLDER}/insisted-on"))["spec"]
            assert taken["holderIdentity"] == "one"
            assert moment(taken["acquireTime"]) - moment(left["renewTime"]) > timedelta(seconds=TIMING.lease)


@pytest.mark.cluster
async def test_who_cannot_renew_stops_before_another_begins(cluster: ControlPlane, tmp_path: Path) -> None:
    async with await Api.connect(cluster.kubeconfig) as api, behind_a_proxy(cluster, tmp_path) as (cut_off, proxy):
        one = Elector(cut_off, "default", "cut-off", "one", TIMING)
        two = Elector(api, "default", "cut-off", "two", TIMING)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(standing(one))
            await until(lambda: one.leading)
            await stack.enter_async_context(standing(two))
            proxy.hold()
            limit = time.monotonic() + 60
            while not two.leading:
                assert time.monotonic() < limit
                await asyncio.sleep(0.01)
            assert not one.leading
            proxy.pass_on()
            await asyncio.sleep(2 * TIMING.retry)
            assert (one.leading, two.leading) == (False, True)


async def test_an_end_that_comes_with_an_answer_is_an_end() -> None:
    """Else a controller that is told to end would go on to renew its Lease, and do nothing else."""

    class Server:
        async def get(self, path: str, params: object = None) -> Json:
            raise NotFound(f"GET {path}", 404, "NotFound", "")

        async def create(self, path: str, body: Json) -> Json:
            asyncio.get_running_loop().call_soon(task.cancel)
            return body

        async def replace(self, path: str, body: Json) -> Json:
            given_back.append(body["spec"]["holderIdentity"])
            return body

    given_back: list[str] = []
    task = asyncio.create_task(Elector(Server(), "default", "ended", "one", TIMING).run())
    await asyncio.wait([task], timeout=2 * TIMING.retry)
    try:
        assert task.cancelled()
        assert given_back == [""]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("spans", [(10, 10, 2), (15, 2, 2), (15, 10, 0)])
def test_times_that_do_not_fit_are_refused(spans: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="each must be longer than the next"):
        Timing(*spans)
