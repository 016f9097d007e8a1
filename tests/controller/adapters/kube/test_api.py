"""The API on the wire: what a real server answers comes as it is, refusals have types, and silence has an end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.adapters.kube.api import Api
from controller.errors import ApiAway, ApiRefused, ClusterError, Conflict, NotFound
from tests.cluster.control_plane import ControlPlane
from tests.controller.adapters.kube.access import behind_a_proxy, until
from tests.helpers.processes import PATIENCE_S

NAMESPACES = "/api/v1/namespaces"
MAPS = "/api/v1/namespaces/default/configmaps"


def a_map(name: str) -> dict[str, object]:
    return {"metadata": {"name": name}, "data": {"key": "value"}}


@pytest.mark.cluster
async def test_what_is_written_is_read_patched_and_deleted(cluster: ControlPlane) -> None:
    async with await Api.connect(cluster.kubeconfig) as api:
        await api.create(MAPS, a_map("one"))
        with pytest.raises(Conflict) as caught:
            await api.create(MAPS, a_map("one"))
        assert (caught.value.status, caught.value.reason) == (409, "AlreadyExists")
        found = await api.patch(f"{MAPS}/one", {"data": {"key": None, "other": "1"}})
        assert found["data"] == {"other": "1"}
        assert [one["metadata"]["name"] for one in (await api.get(MAPS, {"limit": "500"}))["items"]].count("one") == 1
        await api.delete(f"{MAPS}/one")
        with pytest.raises(NotFound, match='configmaps "one" not found'):
            await api.get(f"{MAPS}/one")
        with pytest.raises(ApiRefused, match="422 Invalid"):
            await api.create(MAPS, a_map("Not A Name"))


@pytest.mark.cluster
async def test_a_watch_tells_until_the_server_ends_it(cluster: ControlPlane) -> None:
    async with await Api.connect(cluster.kubeconfig) as api:
        version = (await api.get(MAPS))["metadata"]["resourceVersion"]
        await api.create(MAPS, a_map("watched"))
        await api.delete(f"{MAPS}/watched")
        watching = api.watch(MAPS, {"resourceVersion": version, "timeoutSeconds": "2"}, 10)
        told = [(event["type"], event["object"]["metadata"]["name"]) async for event in watching]
        told = [one for one in told if one[1] == "watched"]  # a young cluster gives the namespace its certificates
        assert told == [("ADDED", "watched"), ("DELETED", "watched")]


@pytest.mark.cluster
async def test_a_connection_that_is_half_open_has_an_end(cluster: ControlPlane, tmp_path: Path) -> None:
    async with behind_a_proxy(cluster, tmp_path) as (api, proxy):
        version = (await api.get(MAPS))["metadata"]["resourceVersion"]
        proxy.hold()
        with pytest.raises(ApiAway, match="watch"):
            async for _ in api.watch(MAPS, {"resourceVersion": version}, 0.5):
                pass
        proxy.pass_on()
        assert await api.get(MAPS)
        await proxy.refuse()
        with pytest.raises(ApiAway):
            await api.get(MAPS)
        proxy.accept()
        assert await api.get(MAPS)


@pytest.mark.cluster
async def test_a_watch_that_is_left_takes_its_connection_along(cluster: ControlPlane, tmp_path: Path) -> None:
    """It waits for no goodbye: the server gives none here, and a session does not look after what it waits for."""
    async with behind_a_proxy(cluster, tmp_path) as (api, proxy):
        told = asyncio.Event()

        async def watch() -> None:
            async for _ in api.watch(NAMESPACES, {}, 60):
                told.set()

        watching = asyncio.create_task(watch())
        await asyncio.wait_for(told.wait(), PATIENCE_S)
        assert proxy.serving == 1
        proxy.hold()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await until(lambda: not proxy.serving)


@pytest.mark.cluster
async def test_a_request_without_an_answer_takes_its_connection_along(cluster: ControlPlane, tmp_path: Path) -> None:
    async with behind_a_proxy(cluster, tmp_path) as (api, proxy):
        await api.get(NAMESPACES)
        proxy.hold_answers()
        asking = asyncio.create_task(api.get(NAMESPACES))
        await until(lambda: proxy.kept > 0)
        proxy.hold()
        assert proxy.serving == 1
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await until(lambda: not proxy.serving)


async def test_no_way_to_a_cluster_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no way to a cluster"):
        await Api.connect(tmp_path / "none")
    (tmp_path / "empty").write_text("{}")
    with pytest.raises(ClusterError, match="no way to a cluster"):
        await Api.connect(tmp_path / "empty")
