"""Real clients of a real gateway: who hears what, what a stuck or flooding member costs others, heartbeats, drains."""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import pairwise
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.http11 import Request

from gateway.protocol import GatewayProtocol
from gateway.settings import Drain, Heartbeat, Limits, Settings
from tests.gateway.running import PATIENCE_S, Gateway, a_gateway, a_mute_client, greet, hear, tell, until


def masked(text: str) -> bytes:
    """A client's text frame of up to 125 bytes, masked with zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode()


async def closes(gateway: Gateway, code: int) -> float:
    return await gateway.metric(f'websocket_closes_total{{code="{code}"}}')


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def connections(gateway: Gateway, status: str) -> float:
    return await gateway.metric(f'websocket_connections_total{{endpoint="/ws",status="{status}"}}')


async def messages(gateway: Gateway, direction: str, client_type: str) -> float:
    return await gateway.metric(f'websocket_message_rate_total{{client_type="{client_type}",direction="{direction}"}}')


async def test_a_message_reaches_the_room_everyone_or_one() -> None:
    async with a_gateway() as gateway, gateway.connect() as ann, gateway.connect() as bob, gateway.connect() as eve:
        a, b, _ = [await greet(client) for client in (ann, bob, eve)]
        await tell(ann, type="join", room="hall", id=1)
        await tell(bob, type="join", room="hall", id=1)
        assert (await hear(ann), await hear(bob)) == ({"type": "ack", "id": 1}, {"type": "ack", "id": 1})

        await tell(ann, type="publish", room="hall", data={"n": 1})
        in_room = {"type": "message", "scope": "room", "room": "hall", "from": a, "data": {"n": 1}}
        assert [await hear(ann), await hear(bob)] == [in_room, in_room]

        await tell(bob, type="broadcast", data=2)
        to_all = {"type": "message", "scope": "broadcast", "from": b, "data": 2}
        assert [await hear(client) for client in (ann, bob, eve)] == [to_all] * 3

        await tell(eve, type="send", to=a, data=3)
        assert (await hear(ann))["scope"] == "private"
        await tell(bob, type="echo", data=4)
        assert await hear(bob) == {"type": "echo", "data": 4}


async def test_a_client_that_is_gone_is_in_no_room() -> None:
    async with a_gateway() as gateway, gateway.connect() as stays:
        await greet(stays)
        async with gateway.connect() as goes:
            gone = await greet(goes)
            await tell(goes, type="join", room="hall", id=1)
            await hear(goes)
            assert await gateway.metric("websocket_rooms") == 1
        await tell(stays, type="send", to=gone, data=1)
        assert (await hear(stays))["code"] == "unknown_client"
        assert await closes(gateway, 1000) == 1
        assert await gateway.metric("websocket_rooms") == 0


async def test_mistakes_are_answered_and_the_connection_lives_on() -> None:
    async with a_gateway(Settings(limits=Limits(max_message_bytes=1000))) as gateway, gateway.connect() as client:
        await greet(client)
        await client.send("{")
        await client.send(b"\x00")
        await client.send(json.dumps({"type": "echo", "data": "x" * 1000}))
        assert [(await hear(client))["code"] for _ in range(3)] == ["bad_json", "not_text", "too_large"]
        await tell(client, type="ping")
        assert await hear(client) == {"type": "pong"}
        assert await gateway.metric('websocket_message_errors_total{code="too_large"}') == 1


async def test_a_message_far_beyond_the_limit_is_cut_off() -> None:
    async with a_gateway(Settings(limits=Limits(max_message_bytes=1000))) as gateway, gateway.connect() as client:
        await greet(client)
        await client.send("x" * 4001)
        with pytest.raises(ConnectionClosed) as caught:
            await hear(client)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_beyond_its_capacity_a_gateway_refuses_until_someone_leaves() -> None:
    async with a_gateway(Settings(limits=Limits(max_connections=1))) as gateway:
        async with gateway.connect() as first:
            await greet(first)
            with pytest.raises(InvalidStatus) as caught:
                await gateway.connect()
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["retry-after"] == "1"
        async with gateway.connect() as second:
            await greet(second)
        refused = 'websocket_handshake_duration_seconds_count{outcome="refused_capacity"}'
        assert await gateway.metric(refused) == 1


async def test_messages_are_counted_by_who_sends_and_who_receives() -> None:
    async with (
        a_gateway() as gateway,
        gateway.connect(query="?client_type=mobile") as phone,
        gateway.connect(query="?client_type=x") as other,
    ):
        await greet(phone)
        await greet(other)
        await tell(phone, type="broadcast", data=1)
        await hear(phone)
        await hear(other)
        assert await messages(gateway, "in", "mobile") == 1
        assert await messages(gateway, "out", "mobile") == 2
        assert await messages(gateway, "in", "other") == 0
        assert await messages(gateway, "out", "other") == 2


async def test_a_stalled_member_delays_nobody_and_is_closed_as_a_slow_consumer() -> None:
    limits = Limits(queue_bytes=300_000)
    loop = asyncio.get_running_loop()
    async with a_gateway(Settings(limits=limits)) as gateway, gateway.connect() as ann, gateway.connect() as bob:
        stalled = await a_mute_client(gateway.port)
        await loop.sock_sendall(stalled, masked('{"type":"join","room":"hall"}'))
        for client in (ann, bob):
            await greet(client)
            await tell(client, type="join", room="hall", id=1)
            await hear(client)

        heard_at = [loop.time()]
        for n in range(60):
            await tell(ann, type="publish", room="hall", data=[n, "x" * 16_000])
            assert (await hear(bob))["data"][0] == n
            heard_at.append(loop.time())
            await hear(ann)
            if n % 10 == 0:
                # The socket's own buffer comes on top: 64 KiB, then one message.
                assert await gateway.metric("websocket_send_queue_bytes") <= limits.queue_bytes + 65536 + 20_000
        assert max(later - earlier for earlier, later in pairwise(heard_at)) < 1.0
        assert await closes(gateway, 4008) == 1
        assert await connections(gateway, "active") == 2
        stalled.close()


async def test_a_flooding_member_leaves_the_others_their_turn() -> None:
    """20,000 messages at once: without a turn for others in between, they are through before the first pong."""
    async with a_gateway() as gateway, gateway.connect(query="?client_type=browser") as client:
        await greet(client)
        flood = await a_mute_client(gateway.port)
        frames = masked('{"type":"leave","room":"x"}') * 20_000
        flooding = asyncio.create_task(asyncio.get_running_loop().sock_sendall(flood, frames))
        rounds = 0
        while await messages(gateway, "in", "other") < 20_000:
            await tell(client, type="ping")
            assert await hear(client) == {"type": "pong"}
            rounds += 1
        assert rounds >= 4
        await flooding
        flood.close()


async def test_silence_makes_inactive_then_closed_and_a_pong_is_no_silence() -> None:
    rhythm = Heartbeat(ping_after_s=0.5, inactive_after_s=1.0, close_after_s=3.0)
    async with a_gateway(Settings(heartbeat=rhythm)) as gateway, gateway.connect() as quiet:
        await greet(quiet)
        mute = await a_mute_client(gateway.port)

        async def mute_is_inactive() -> bool:
            return await connections(gateway, "inactive") == 1

        async def mute_is_closed() -> bool:
            return await closes(gateway, 1011) == 1

        await until(mute_is_inactive)
        assert await connections(gateway, "active") == 1
        await until(mute_is_closed)
        assert await connections(gateway, "inactive") == 0
        await tell(quiet, type="ping")
        assert await hear(quiet) == {"type": "pong"}
        mute.close()


async def departure(client: ClientConnection) -> tuple[list[dict[str, Any]], int, float]:
    """What the client hears until its close, the close code (1006 where none came), and when that was."""
    heard = []
    try:
        while True:
            heard.append(await hear(client))
    except ConnectionClosed as closed:
        return heard, closed.rcvd.code if closed.rcvd else 1006, asyncio.get_running_loop().time()


async def test_a_drain_asks_everyone_to_reconnect_one_after_another() -> None:
    async with a_gateway(Settings(drain=Drain(drain_window_s=1.0))) as gateway:
        clients = [await gateway.connect() for _ in range(10)]
        for client in clients:
            await greet(client)
        gateway.stop.set()
        ends = await asyncio.gather(*(departure(client) for client in clients))
        for heard, code, _ in ends:
            assert [message["type"] for message in heard] == ["reconnect"]
            assert code == 1012
        closed_at = sorted(at for _, _, at in ends)
        assert 0.5 < closed_at[-1] - closed_at[0] < 3.0
        await asyncio.wait_for(gateway.finished, PATIENCE_S)


async def test_nothing_that_was_accepted_is_lost_in_a_drain() -> None:
    async with a_gateway(Settings(drain=Drain(drain_window_s=0))) as gateway, gateway.connect(max_queue=1) as slow:
        await greet(slow)
        async with gateway.connect() as ann:
            await greet(ann)
            for n in range(30):
                await tell(ann, type="broadcast", data=[n, "x" * 10_000])
                await hear(ann)
        gateway.stop.set()
        heard, code, _ = await departure(slow)
        assert [message["data"][0] for message in heard[:-1]] == list(range(30))
        assert heard[-1]["type"] == "reconnect"
        assert code == 1012


async def test_a_drain_gives_up_on_whom_it_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.protocol.CLOSE_GRACE_S", 0.1)
    async with a_gateway(Settings(drain=Drain(drain_window_s=0, flush_timeout_s=0.1))) as gateway:
        stalled = await a_mute_client(gateway.port)
        async with gateway.connect() as ann:
            await greet(ann)
            while await gateway.metric("websocket_send_queue_bytes") == 0:
                await tell(ann, type="broadcast", data="x" * 60_000)
                await hear(ann)
        gateway.stop.set()
        await asyncio.wait_for(gateway.finished, PATIENCE_S)
        stalled.close()


async def test_hurry_ends_the_window_at_once() -> None:
    async with a_gateway(Settings(drain=Drain(drain_window_s=3600))) as gateway:
        async with gateway.connect() as client:
            await greet(client)
            gateway.stop.set()
            gateway.hurry.set()
            heard, code, _ = await departure(client)
            assert len(heard) == 1
            assert code == 1012
        await asyncio.wait_for(gateway.finished, PATIENCE_S)


async def test_a_peer_that_pings_and_never_reads_is_closed_as_a_slow_consumer() -> None:
    settings = Settings(limits=Limits(queue_bytes=100_000))
    async with a_gateway(settings) as gateway:
        mute = await a_mute_client(gateway.port)
        pings = bytes([0x89, 0x80 | 125]) + bytes(4 + 125)
        pinging = asyncio.create_task(asyncio.get_running_loop().sock_sendall(mute, pings * 40_000))

        async def is_closed() -> bool:
            # What can be written in one turn of the loop comes on top: one read of the socket.
            assert await gateway.metric("websocket_send_queue_bytes") <= 100_000 + 262_144
            return await closes(gateway, 4008) == 1

        await until(is_closed)
        await asyncio.wait_for(asyncio.gather(pinging, return_exceptions=True), PATIENCE_S)
        mute.close()


async def test_pongs_that_nobody_reads_show_in_the_gauge() -> None:
    async with a_gateway() as gateway:
        mute = await a_mute_client(gateway.port)
        await asyncio.get_running_loop().sock_sendall(mute, (bytes([0x89, 0x80 | 125]) + bytes(4 + 125)) * 4000)

        async def shows() -> bool:
            return await gateway.metric("websocket_send_queue_bytes") > 200_000

        await until(shows)
        mute.close()


async def test_a_handshake_whose_peer_is_gone_is_not_counted_as_accepted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handle_connect = GatewayProtocol.handle_connect

    def reset_at_once(link: GatewayProtocol, event: Request) -> None:
        handle_connect(link, event)
        link.transport.abort()

    async with a_gateway() as gateway:
        monkeypatch.setattr(GatewayProtocol, "handle_connect", reset_at_once)
        with pytest.raises((InvalidMessage, ConnectionError)):
            await gateway.connect()
        monkeypatch.undo()
        handshakes = "websocket_handshake_duration_seconds_count"
        assert await gateway.metric(f'{handshakes}{{outcome="abandoned"}}') == 1
        assert await gateway.metric(f'{handshakes}{{outcome="accepted"}}') == 0
        assert await closes(gateway, 1006) == 0
        assert await connections(gateway, "active") == 0
    assert loud(caplog) == []


async def test_refusals_and_bad_text_leave_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with a_gateway() as gateway:
        with pytest.raises(InvalidStatus):
            await gateway.connect(origin="https://evil.example")
        async with gateway.connect() as client:
            await greet(client)
            await client.send(b"\xff", text=True)
            with pytest.raises(ConnectionClosed) as caught:
                await hear(client)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1007
        assert await closes(gateway, 1007) == 1
    assert loud(caplog) == []
