"""What uvicorn's protocol lacks, over real sockets: writes that do not wait, pings, hanging up on a stuck peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.frames import Frame, Opcode

from gateway.http_protocol import HttpProtocol
from gateway.protocol import GatewayProtocol, text_frame
from gateway.server import listen
from gateway.settings import Listen
from tests.gateway.running import PATIENCE_S, a_mute_client, connect_to, until

Endpoint = Callable[[GatewayProtocol, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


@asynccontextmanager
async def an_endpoint(endpoint: Endpoint) -> AsyncIterator[int]:
    """The port of a bare ASGI server whose sockets are handled by `endpoint(link, receive, send)`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await endpoint(scope["state"]["link"], receive, send)

    listener = listen(Listen(port=0))
    server = uvicorn.Server(
        uvicorn.Config(app, ws=GatewayProtocol, ws_ping_interval=None, lifespan="off", log_config=None)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def close_of(client: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as caught:
        await asyncio.wait_for(client.recv(), PATIENCE_S)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.mark.parametrize("text", ["", "plain", "é" * 40_000])
def test_a_text_frame_is_the_librarys_own(text: str) -> None:
    assert text_frame(text) == Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


async def test_a_link_is_writable_from_its_handshake_to_its_close() -> None:
    seen: list[bool] = []

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        seen.append(link.is_writable)
        await send({"type": "websocket.accept"})
        seen.append(link.is_writable)
        link.write(text_frame("hello"))
        link.hang_up(4001, "enough")
        link.hang_up(4002, "again")
        seen.append(link.is_writable)
        assert (await receive())["code"] == 4001

    async with an_endpoint(endpoint) as port, connect_to(port) as client:
        assert await client.recv() == "hello"
        assert await close_of(client) == (4001, "enough")
    assert seen == [False, True, False]


async def test_a_ping_is_answered_and_the_answer_shows_in_the_pulse() -> None:
    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        link.ping()
        assert link.pulse.pinged_at < link.pulse.heard_at, "no ping before the handshake is over"
        await send({"type": "websocket.accept"})
        silent_since = link.pulse.heard_at
        link.ping()
        assert link.pulse.pinged_at >= silent_since

        async def answered() -> bool:
            return link.pulse.heard_at > silent_since

        await until(answered)
        link.hang_up(1000, "answered")

    async with an_endpoint(endpoint) as port, connect_to(port) as client:
        assert await close_of(client) == (1000, "answered")


async def test_hanging_up_before_the_handshake_drops_the_socket() -> None:
    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        link.hang_up(1012, "restarting")
        assert (await receive())["type"] == "websocket.disconnect"

    async with an_endpoint(endpoint) as port:
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect_to(port)


async def test_a_socket_that_just_ends_is_1006_and_a_close_keeps_its_code() -> None:
    codes: asyncio.Queue[int] = asyncio.Queue()

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        codes.put_nowait((await receive())["code"])

    async with an_endpoint(endpoint) as port:
        (await a_mute_client(port)).close()
        assert await asyncio.wait_for(codes.get(), PATIENCE_S) == 1006
        async with connect_to(port) as client:
            await client.close(4321)
        assert await asyncio.wait_for(codes.get(), PATIENCE_S) == 4321


async def test_a_stuck_peer_is_hung_up_on_and_its_socket_is_gone_after_the_grace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.protocol.CLOSE_GRACE_S", 0.1)
    resumed: list[str] = []
    lost = asyncio.Event()

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        link.on_writable = lambda: resumed.append("resumed")
        while link.is_writable:
            link.write(text_frame("x" * 65536))
            await asyncio.sleep(0)
        link.ping()
        link.hang_up(4008, "slow consumer")
        assert (await receive())["code"] == 4008

        async def gone() -> bool:
            return link not in link.connections

        await until(gone)
        lost.set()

    async with an_endpoint(endpoint) as port:
        stuck = await a_mute_client(port)
        await asyncio.wait_for(lost.wait(), PATIENCE_S)
        stuck.close()
    assert resumed == []


async def test_a_peer_that_closes_without_reading_is_dropped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.protocol.CLOSE_GRACE_S", 0.1)
    links: list[GatewayProtocol] = []

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while link.is_writable:
            link.write(text_frame("x" * 65536))
            await asyncio.sleep(0)
        links.append(link)
        assert (await receive())["code"] == 1000

    async def is_stuck() -> bool:
        return bool(links)

    async def is_gone() -> bool:
        return links[0] not in links[0].connections

    async with an_endpoint(endpoint) as port:
        stuck = await a_mute_client(port)
        await until(is_stuck)
        close = Frame(Opcode.CLOSE, (1000).to_bytes(2, "big")).serialize(mask=True)
        await asyncio.get_running_loop().sock_sendall(stuck, close)
        await until(is_gone)
        stuck.close()


async def test_a_peer_that_reads_again_is_told_to_the_owner_of_the_link() -> None:
    stuck, resumed = asyncio.Event(), asyncio.Event()

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        link.on_writable = resumed.set
        while link.is_writable:
            link.write(text_frame("x" * 65536))
            await asyncio.sleep(0)
        stuck.set()
        await receive()

    async with an_endpoint(endpoint) as port:
        peer = await a_mute_client(port)
        await asyncio.wait_for(stuck.wait(), PATIENCE_S)
        assert not resumed.is_set()
        while not resumed.is_set():
            await asyncio.wait_for(asyncio.get_running_loop().sock_recv(peer, 1 << 20), PATIENCE_S)
        peer.close()


async def test_a_request_that_only_the_websocket_library_refuses_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """200 headers are fine for HTTP, and too many for `websockets`: uvicorn leaves such a peer without an answer."""

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        raise AssertionError("no such request reaches the application")

    async with an_endpoint(endpoint) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = "".join(f"X-{n}: x\r\n" for n in range(200))
        request = f"GET /ws HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}\r\n"
        writer.write(request.encode())
        assert (await asyncio.wait_for(reader.read(), PATIENCE_S)).startswith(b"HTTP/1.1 431 ")
        writer.close()
        await writer.wait_closed()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_an_accept_that_cannot_reach_the_peer_raises(caplog: pytest.LogCaptureFixture) -> None:
    raised: asyncio.Queue[bool] = asyncio.Queue()

    async def endpoint(link: GatewayProtocol, receive: Any, send: Any) -> None:
        link.transport.close()
        try:
            await send({"type": "websocket.accept"})
        except OSError:
            raised.put_nowait(True)

    async with an_endpoint(endpoint) as port:
        with pytest.raises((InvalidMessage, ConnectionError)):
            await connect_to(port)
        assert await asyncio.wait_for(raised.get(), PATIENCE_S)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


RELIED_ON = {
    WebSocketsSansIOProtocol: (
        "client close_sent close_timer conn connections curr_msg_data_type data_received disconnected frames "
        "handle_connect handle_ping handshake_complete handshake_initiated loop queue read_paused resume_writing "
        "run_asgi send send_receive_event_to_app shutdown transport writable"
    ),
    H11Protocol: (
        "client connections cycle handle_websocket_upgrade limit_concurrency loop on_response_complete transport"
    ),
}
"""What the gateway's protocols take from uvicorn's, which promises none of it."""


@pytest.mark.parametrize("base", RELIED_ON, ids=lambda base: base.__name__)
async def test_uvicorn_still_has_what_is_relied_on(base: type[WebSocketsSansIOProtocol | H11Protocol]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nothing is served here")

    config = uvicorn.Config(app, ws=GatewayProtocol, http=HttpProtocol, interface="asgi3", log_config=None)
    config.load()
    fresh = base(config=config, server_state=ServerState(), app_state={})
    missing = [name for name in RELIED_ON[base].split() if not hasattr(fresh, name)]
    assert not missing, (
        f"{base.__name__} of uvicorn {uvicorn.__version__} has no {', '.join(missing)} any more; "
        "stay below that version, or adapt gateway.protocol and gateway.http_protocol"
    )
