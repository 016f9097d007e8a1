"""The whole process: says where it listens, drains on SIGTERM, ends with 0, and says clearly when it cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from gateway.errors import CannotListen, PortInUse
from gateway.server import listen, serve
from gateway.settings import Listen, Settings
from tests.gateway.running import PATIENCE_S, connect_to, greet, hear

PROGRAM = """
import logging, os
from gateway.server import serve
from gateway.settings import read_settings
logging.basicConfig(level=logging.INFO)
serve(read_settings(os.environ))
"""


@asynccontextmanager
async def a_process(window_s: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A gateway process and its port. It is killed at the end where a test has not ended it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        PROGRAM,
        env={"FORESAIL_GATEWAY_PORT": "0", "FORESAIL_GATEWAY_DRAIN_WINDOW_S": str(window_s)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        said = (await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)).decode()
        assert "gateway listens on 127.0.0.1 port " in said
        yield process, int(said.split()[-1])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def farewell(client: ClientConnection) -> tuple[str, int, float]:
    """The last message before the close, the close code, and when the close came."""
    last = ""
    try:
        while True:
            last = (await hear(client))["type"]
    except ConnectionClosed as closed:
        return last, closed.rcvd.code if closed.rcvd else 1006, asyncio.get_running_loop().time()


async def test_sigterm_drains_everyone_over_the_window_and_ends_with_0() -> None:
    window_s = 3.0
    async with a_process(window_s) as (process, port):
        clients = [await connect_to(port) for _ in range(50)]
        for client in clients:
            await greet(client)
        began_at = asyncio.get_running_loop().time()
        process.terminate()
        ends = await asyncio.gather(*(farewell(client) for client in clients))
        assert {(last, code) for last, code, _ in ends} == {("reconnect", 1012)}
        closed_after = sorted(at - began_at for _, _, at in ends)
        # One after the other: a machine that is busy with other things tells of a close late, and never early.
        for k, after in enumerate(closed_after):
            assert after >= k * window_s / len(clients)
        assert closed_after[0] < window_s / 2
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_without_clients_ends_the_process_at_once(number: signal.Signals) -> None:
    async with a_process(window_s=3600) as (process, _):
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_a_second_signal_ends_the_window() -> None:
    async with a_process(window_s=3600) as (process, port):
        client = await connect_to(port)
        await greet(client)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"drains" in await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)
        process.send_signal(signal.SIGTERM)
        last, code, _ = await farewell(client)
        assert (last, code) == ("reconnect", 1012)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} on 127\.0\.0\.1 is in use by another process; stop"):
            serve(Settings(listen=Listen(port=port)))


def test_an_address_of_another_machine_is_one_clear_error() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1 port 8080: .*; choose an address") as caught:
        listen(Listen(host="192.0.2.1"))
    assert not isinstance(caught.value, PortInUse)


def test_an_ipv6_address_is_listened_on() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with listen(Listen(host="::1", port=0)) as listener:
        assert listener.family == socket.AF_INET6
