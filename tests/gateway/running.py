"""A real gateway on a real socket inside the test's event loop, and real clients of it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from gateway.server import GatewayServer, listen
from gateway.settings import Listen, Settings

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Gateway:
    """`stop` begins the drain, `hurry` cuts it short, `finished` is the server's own end."""

    port: int
    stop: asyncio.Event
    hurry: asyncio.Event
    server: GatewayServer
    finished: asyncio.Task[None]

    def connect(self, origin: str | None = None, query: str = "", **options: Any) -> connect:
        return connect_to(self.port, origin, query, **options)

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    async def metric(self, sample: str) -> float:
        """The value of one sample, named with its labels as in the exposition; 0 where it is not there yet."""
        for line in (await self.get("/metrics")).text.splitlines():
            if line.startswith(sample + " "):
                return float(line.split()[-1])
        return 0.0


@asynccontextmanager
async def a_gateway(settings: Settings | None = None) -> AsyncIterator[Gateway]:
    listener = listen(Listen(port=0))
    # Small kernel buffers, inherited by every connection: a peer that does not read is noticed after kilobytes.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    stop, hurry = asyncio.Event(), asyncio.Event()
    server = GatewayServer(settings or Settings(), stop, hurry)
    finished = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield Gateway(listener.getsockname()[1], stop, hurry, server, finished)
    finally:
        stop.set()
        hurry.set()
        await finished


def connect_to(port: int, origin: str | None = None, query: str = "", **options: Any) -> connect:
    """A client as the `websockets` package makes it: answers pings, sends an Origin only where one is given."""
    return connect(
        f"ws://127.0.0.1:{port}/ws{query}",
        origin=None if origin is None else Origin(origin),
        proxy=None,
        compression=None,
        ping_interval=None,
        open_timeout=PATIENCE_S,
        **options,
    )


async def tell(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def hear(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), PATIENCE_S))
    return message


async def greet(client: ClientConnection) -> str:
    """The client's own id, from its welcome."""
    welcome = await hear(client)
    assert welcome["type"] == "welcome"
    return str(welcome["client_id"])


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.01)


async def a_mute_client(port: int) -> socket.socket:
    """A socket after its WebSocket handshake, with a small receive buffer, that answers and reads nothing by itself."""
    loop = asyncio.get_running_loop()
    mute = socket.socket()
    mute.setblocking(False)
    mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await loop.sock_connect(mute, ("127.0.0.1", port))
    request = (
        "GET /ws HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await loop.sock_sendall(mute, request.encode())
    assert (await asyncio.wait_for(loop.sock_recv(mute, 1024), PATIENCE_S)).startswith(b"HTTP/1.1 101 ")
    return mute
