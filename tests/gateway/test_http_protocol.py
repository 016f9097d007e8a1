"""Peers that never finish a request: dropped in time, bounded in number and in bytes, and in nobody's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.http_protocol import HTTP_RESERVE
from gateway.settings import Limits, Settings
from tests.gateway.running import PATIENCE_S, Gateway, a_gateway, greet, hear, tell

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"


@asynccontextmanager
async def a_peer(gateway: Gateway) -> AsyncIterator[socket.socket]:
    peer = socket.socket()
    try:
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", gateway.port))
        yield peer
    finally:
        peer.close()


async def say(peer: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(peer, data)


async def answer(peer: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 65536), PATIENCE_S)


async def all_that_comes(peer: socket.socket) -> bytes:
    """Everything until the gateway ends the connection."""
    heard = b""
    with contextlib.suppress(ConnectionError):
        while data := await answer(peer):
            heard += data
    return heard


@pytest.mark.parametrize("said", [b"", b"G", REQUEST, b"POST /healthz HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n"])
async def test_a_request_that_is_not_finished_in_time_is_dropped(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr("gateway.http_protocol.REQUEST_TIMEOUT_S", 0.2)
    async with a_gateway() as gateway, a_peer(gateway) as peer:
        await say(peer, said)
        assert await all_that_comes(peer) == b""


@pytest.mark.parametrize("half", [b"G", REQUEST])
async def test_a_second_request_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch, half: bytes) -> None:
    monkeypatch.setattr("gateway.http_protocol.REQUEST_TIMEOUT_S", 1.0)  # the first request is to be in time
    async with a_gateway() as gateway, a_peer(gateway) as peer:
        await say(peer, REQUEST + b"\r\n")
        assert (await answer(peer)).startswith(b"HTTP/1.1 200 ")
        await say(peer, half)
        await all_that_comes(peer)


async def test_a_websocket_outlives_the_deadline_of_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http_protocol.REQUEST_TIMEOUT_S", 1.0)  # the client's handshake is to be in time
    async with a_gateway() as gateway, gateway.connect() as client, a_peer(gateway) as dropped:
        await greet(client)
        assert await all_that_comes(dropped) == b"", "came later than the client, so the client's time is over too"
        await tell(client, type="ping")
        assert await hear(client) == {"type": "pong"}


async def test_headers_without_end_are_cut_off_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async with a_gateway() as gateway, a_peer(gateway) as peer:
        with contextlib.suppress(ConnectionError):
            await say(peer, REQUEST)
            for n in range(2000):
                await asyncio.wait_for(say(peer, b"X-%d: %s\r\n" % (n, b"x" * 8000)), PATIENCE_S)
            pytest.fail("16 MB of headers were taken")
        assert (await gateway.get("/healthz")).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_crowd_of_silent_sockets_keeps_neither_probes_nor_clients_out() -> None:
    settings = Settings(limits=Limits(max_connections=2))
    async with contextlib.AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(a_gateway(settings))
        client = await stack.enter_async_context(gateway.connect())
        await greet(client)
        crowd = [await stack.enter_async_context(a_peer(gateway)) for _ in range(3 * HTTP_RESERVE)]
        assert (await gateway.get("/healthz")).status_code == 200
        assert len(gateway.server.server_state.connections) < 2 + HTTP_RESERVE
        assert await all_that_comes(crowd[0]) == b""
        async with gateway.connect() as newcomer:
            await greet(newcomer)
        await tell(client, type="ping")
        assert await hear(client) == {"type": "pong"}


async def test_when_only_websockets_are_there_a_full_gateway_still_answers_probes() -> None:
    async with a_gateway(Settings(limits=Limits(max_connections=1))) as gateway, gateway.connect() as client:
        await greet(client)
        assert (await gateway.get("/readyz")).status_code == 200
