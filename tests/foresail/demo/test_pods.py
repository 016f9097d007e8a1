"""Pods as real gateway processes: started, probed, scraped, ended in a ReplicaSet's order; none stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from itertools import chain
from pathlib import Path

import httpx
import pytest

from foresail.demo import pods as module
from foresail.demo.crowd import Crowd
from foresail.demo.errors import PodFailed
from foresail.demo.pods import Pods
from gateway.settings import read_settings
from tests.helpers.builders import at
from tests.helpers.processes import alive, children_of

POD_START = timedelta(seconds=30)


@asynccontextmanager
async def some_pods(admits: int = 30) -> AsyncIterator[Pods]:
    """A set of pods whose processes are all gone afterwards."""
    before = children_of(os.getpid())
    pods = Pods(POD_START, admits, 0.05, 0)
    try:
        yield pods
    finally:
        await pods.close()
    assert children_of(os.getpid()) <= before


async def test_pods_take_traffic_tell_of_it_and_end() -> None:
    async with some_pods() as pods:
        await pods.start(2, at())
        assert (len(pods), len(pods.ready)) == (2, 0)
        await pods.become_ready(at())
        assert len(pods.ready) == 2
        crowd = Crowd(0)
        await crowd.open(20, pods.ready)
        received = await pods.scrape()
        assert sum(pod.connections for pod in pods.ready) == 20
        await crowd.chat(15, 0.0)
        while received < 20 + 15:  # joins and messages; the last may still be on their way
            received += await pods.scrape()
        assert received == 20 + 15
        assert await pods.scrape() == 0
        both = set(pods.ready)
        (ended,) = await pods.scale(1, at())
        assert await crowd.drained([ended]) == ended.connections == crowd.waiting
        assert {ended, *pods.ready} == both
        await crowd.leave()


async def test_a_pod_is_not_ready_before_its_time() -> None:
    async with some_pods() as pods:
        assert await pods.scale(1, at()) == []
        await pods.become_ready(at(seconds=29))
        assert not pods.ready
        await pods.become_ready(at(seconds=30))
        assert len(pods.ready) == 1


async def test_pods_that_are_not_ready_go_first_then_the_youngest() -> None:
    async with some_pods() as pods:
        await pods.start(1, at())
        await pods.become_ready(at())
        (oldest,) = pods.ready
        await pods.scale(2, at())
        await pods.become_ready(at(seconds=30))
        youngest = pods.ready[-1]
        await pods.scale(3, at(seconds=30))
        assert await pods.scale(2, at(seconds=45)) == []
        assert pods.ready == [oldest, youngest]
        assert await pods.scale(1, at(seconds=45)) == [youngest]
        assert pods.ready == [oldest]


async def test_a_pod_takes_no_more_connections_than_it_admits() -> None:
    async with some_pods(admits=3) as pods:
        await pods.start(1, at())
        await pods.become_ready(at())
        crowd = Crowd(0)
        assert await crowd.open(5, pods.ready) == (3, 2)
        await crowd.leave()


async def test_a_pod_that_dies_by_itself_is_an_error_at_the_next_scrape() -> None:
    async with some_pods() as pods:
        await pods.start(1, at())
        await pods.become_ready(at())
        (pod,) = pods.ready
        os.kill(pod.process.pid, signal.SIGKILL)
        await pod.process.wait()
        with pytest.raises(PodFailed, match="a gateway process ended with -9: "):
            await pods.scrape()


async def test_a_connection_that_ended_between_two_scrapes_is_made_anew() -> None:
    async with some_pods() as pods:
        await pods.start(1, at())
        await pods.become_ready(at())
        await pods.scrape()
        answers = iter([httpx.ReadError("cut off")])
        get = pods._http.get

        async def cut_off_once(url: str) -> httpx.Response:
            for error in answers:
                raise error
            return await get(url)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pods._http, "get", cut_off_once)
            assert await pods.scrape() == 0
        assert next(answers, None) is None


async def test_a_process_that_does_not_start_is_an_error_in_its_own_words() -> None:
    async with some_pods(admits=0) as pods:
        await pods.start(1, at())
        with pytest.raises(PodFailed, match=r"ended with 2: .*FORESAIL_GATEWAY_MAX_CONNECTIONS is '0'"):
            await pods.become_ready(at())


async def test_a_process_that_says_much_is_not_stopped_by_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chatty = tmp_path / "chatty.py"
    chatty.write_text("import sys\nsys.stderr.write('again\\n' * 1_000_000 + 'enough\\n')\nsys.exit(3)\n")
    monkeypatch.setattr(module, "COMMAND", (sys.executable, str(chatty)))
    monkeypatch.setattr(module, "_READY_WITHIN_S", 20.0)
    async with some_pods() as pods:
        await pods.start(1, at())
        with pytest.raises(PodFailed, match="ended with 3: enough"):
            await pods.become_ready(at())


def test_pods_wait_for_clients_that_are_stopped_for_a_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESAIL_GATEWAY_CLOSE_AFTER_S", "50")
    heartbeat = read_settings(Pods(POD_START, 30, 0.05, 0)._environ).heartbeat
    night_s = 12 * 3600
    assert heartbeat.close_after_s > heartbeat.inactive_after_s > night_s


async def test_killed_pods_are_gone_at_once_the_draining_and_the_stopped_among_them() -> None:
    async with some_pods() as pods:
        await pods.start(2, at())
        await pods.become_ready(at())
        processes = [pod.process for pod in pods.ready]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        await pods.scale(1, at())
        pods.kill()
        await pods.close()
        assert [process.returncode for process in processes] == [-signal.SIGKILL] * 2


async def test_a_port_that_somebody_took_is_tried_again_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        ports = chain([port, port], iter(module._free_port, None))
        monkeypatch.setattr(module, "_free_port", lambda: next(ports))
        async with some_pods() as pods:
            await pods.start(1, at())
            await pods.become_ready(at())
            (pod,) = pods.ready
            assert pod.port != port


async def test_an_interrupted_start_leaves_no_process() -> None:
    before = children_of(os.getpid())  # other tests keep servers of their own
    async with some_pods() as pods:
        starting = asyncio.create_task(pods.start(3, at()))
        while not children_of(os.getpid()) - before:
            await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting


async def test_closing_ends_pods_that_have_only_just_begun() -> None:
    pods = Pods(POD_START, 30, 0.05, 0)
    await pods.start(2, at())
    pids = [pod.process.pid for pod in pods._pods]
    await pods.close()
    assert len(pids) == 2
    assert not alive(pids)
    assert len(pods) == 0
