"""The copy of a kind of objects: it is what the server has, through breaks of every sort, and it does not hammer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.kube.reflector import Patience, Reflector, without_claims
from controller.errors import ApiAway, ApiRefused, Gone, NotFound
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.controller.adapters.kube.access import behind_a_proxy, until

Json = dict[str, Any]
QUICK = Patience(silence=1.0, watch=30, first=0.05, longest=0.5)


@contextlib.asynccontextmanager
async def running(reflector: Reflector) -> AsyncIterator[None]:
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(reflector.until_synced(), 20)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.cluster
async def test_it_has_what_the_server_has_through_every_break(cluster: ControlPlane, tmp_path: Path) -> None:
    make_namespace(cluster.api, "reflected")
    path = "/api/v1/namespaces/reflected/configmaps"
    told: list[tuple[str, str]] = []

    def make(name: str) -> None:
        cluster.api.create(path, {"metadata": {"name": name}})

    def names() -> set[str]:
        return {name for _, name in reflector.objects}

    make("before")
    async with behind_a_proxy(cluster, tmp_path) as (api, proxy):
        reflector = Reflector(api, path, lambda kind, one: told.append((kind, one["metadata"]["name"])), QUICK)
        async with running(reflector):
            assert "before" in names()
            make("watched")
            await until(lambda: "watched" in names())
            proxy.hold()  # half open: only its own patience tells
            make("unseen")
            cluster.api.delete(f"{path}/before")
            await asyncio.sleep(0.3)
            assert "unseen" not in names()
            await proxy.refuse()
            proxy.pass_on()
            await asyncio.sleep(0.3)
            proxy.accept()
            await until(lambda: "unseen" in names() and "before" not in names())
            proxy.hold()
            make("later")
            await asyncio.sleep(1.2)
            proxy.pass_on()
            await until(lambda: "later" in names())
    assert ("DELETED", "before") in told
    assert [kind for kind, name in told if name == "watched"] == ["ADDED"]


class Script:
    """A server that answers as a test says."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.lists = 0
        self.at: list[float] = []

    @property
    def watches(self) -> int:
        return len(self.at)

    async def get(self, path: str, params: Any = None) -> Json:
        self.lists += 1
        items = [{"metadata": {"name": "a", "namespace": "b", "resourceVersion": str(self.lists)}}]
        return {"items": items, "metadata": {"resourceVersion": str(self.lists)}}

    async def watch(self, path: str, params: Any, silence_s: float) -> AsyncIterator[Json]:
        self.at.append(time.monotonic())
        answer = self.answers.pop(0) if self.answers else ApiAway("away")
        if answer is None:
            return
        if isinstance(answer, Exception):
            raise answer
        yield answer  # type: ignore[misc]


async def test_what_is_gone_is_listed_anew() -> None:
    server = Script(Gone("watch", 410, "Expired", ""), Gone("watch", 410, "Expired", ""))
    reflector = Reflector(server, "/a", patience=Patience(first=0.01, longest=0.01))
    async with running(reflector):
        await until(lambda: server.lists == 3)
    assert reflector.objects["b", "a"]["metadata"]["resourceVersion"] == "3"


async def test_a_version_that_is_refused_again_and_again_is_given_up() -> None:
    """After a restore of an older etcd the server knows of no such version, and says so without 410."""
    unknown = [ApiRefused("watch", 504, "Timeout", "Too large resource version") for _ in range(6)]
    reflector = Reflector(server := Script(*unknown), "/a", patience=Patience(first=0.01, longest=0.01))
    async with running(reflector):
        await until(lambda: server.watches >= 8)
    assert server.lists == 2


async def test_watches_that_end_at_once_are_not_a_storm() -> None:
    patience = Patience(first=0.2, longest=30)
    reflector = Reflector(server := Script(*[None] * 10_000), "/a", patience=patience)
    async with running(reflector):
        await until(lambda: server.watches >= 4)
    _, *gaps = (other - one for one, other in pairwise(server.at))  # the first followed a list, which said something
    for k, gap in enumerate(gaps):
        assert gap >= patience.first * 2**k / 2  # half of each pause is by chance


async def test_of_the_managed_fields_it_keeps_none_where_nobody_asks_for_them_and_tells_of_the_whole() -> None:
    one = {"metadata": {"name": "a", "namespace": "b", "resourceVersion": "9", "managedFields": [{}]}, "spec": {"x": 1}}
    told: list[Json] = []
    server = Script({"type": "MODIFIED", "object": one})
    patience = Patience(first=0.01, longest=0.01)
    reflector = Reflector(server, "/a", lambda _, one: told.append(one), patience, keep=without_claims)
    async with running(reflector):
        await until(lambda: one in told)
    kept = {"metadata": {"name": "a", "namespace": "b", "resourceVersion": "9"}, "spec": {"x": 1}}
    assert reflector.objects["b", "a"] == kept


async def test_it_says_for_how_long_nothing_was_heard() -> None:
    reflector = Reflector(Script(), "/a", patience=Patience(first=0.01, longest=0.01))
    reflector.seen_at -= 60
    before = reflector.silence_s()
    assert before >= 60
    async with running(reflector):
        await until(lambda: reflector.synced)
        assert reflector.silence_s() < before


async def test_a_listener_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def fail(kind: str, one: Json) -> None:
        raise KeyError("mine")

    reflector = Reflector(Script(), "/a", fail)
    async with running(reflector):
        assert reflector.objects
    assert "was not taken" in caplog.text


async def test_a_server_that_is_away_is_not_hammered() -> None:
    """With the pauses as they are shipped: fewer than one attempt a second once half a minute has passed."""
    patience = Patience()
    ends, at = [], 0.0
    for failures in range(1, 40):
        at += patience.pause(failures)
        ends.append(at)
    late = [one for one in ends if one >= 30]
    assert late
    assert min(b - a for a, b in pairwise(late)) > 1
    assert sum(one < 30 for one in ends) < 15


async def test_a_kind_that_may_be_missing_has_no_objects_until_it_comes() -> None:
    class Server:
        """Has no such kind at first."""

        there = False

        async def get(self, path: str, params: Any = None) -> Json:
            if not self.there:
                raise NotFound(f"GET {path}", 404, "NotFound", "the server could not find the requested resource")
            return {
                "metadata": {"resourceVersion": "1"},
                "items": [{"metadata": {"name": "a", "resourceVersion": "1"}}],
            }

        async def watch(self, path: str, params: Any, silence_s: float) -> AsyncIterator[Json]:
            await asyncio.sleep(0.1)
            if not self.there:
                raise NotFound(f"watch {path}", 404, "NotFound", "the server could not find the requested resource")
            nothing: tuple[Json, ...] = ()
            for one in nothing:
                yield one

    server = Server()
    told: list[str] = []
    reflector = Reflector(
        server, "/apis/keda.sh/v1alpha1/scaledobjects", lambda kind, _: told.append(kind), QUICK, optional=True
    )
    async with running(reflector):
        assert reflector.objects == {}
        server.there = True
        await until(lambda: ("", "a") in reflector.objects)
        server.there = False  # KEDA is uninstalled
        await until(lambda: reflector.objects == {})
    assert told == ["ADDED", "DELETED"]
