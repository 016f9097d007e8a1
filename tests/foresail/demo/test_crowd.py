"""The users, on real sockets of a real gateway: nobody gets lost, and who is turned away tries again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from foresail.demo.crowd import Crowd
from foresail.demo.errors import ClientFailed
from gateway.settings import Drain, Limits, Settings
from tests.gateway.running import Gateway, a_gateway, until

ACTIVE = 'websocket_connections_total{endpoint="/ws",status="active"}'
RECEIVED = 'websocket_message_rate_total{client_type="service",direction="in"}'
SWIFT = Settings(drain=Drain(drain_window_s=0.05, flush_timeout_s=1))


@dataclass(frozen=True)
class Target:
    url: str


def target(gateway: Gateway) -> Target:
    return Target(f"ws://127.0.0.1:{gateway.port}/ws?client_type=service")


def small(connections: int) -> Settings:
    return Settings(limits=Limits(max_connections=connections), drain=SWIFT.drain)


def cut_off(gateway: Gateway) -> None:
    """Every connection ends as when its process is killed."""
    for connection in list(gateway.server.server_state.connections):
        connection.transport.abort()


async def counts(gateway: Gateway, active: int) -> None:
    async def agree() -> bool:
        return await gateway.metric(ACTIVE) == active

    await until(agree)


async def holds(condition: Callable[[], bool]) -> None:
    async def now() -> bool:
        return condition()

    await until(now)


async def test_everybody_opens_a_connection_of_their_own() -> None:
    async with a_gateway() as gateway:
        crowd = Crowd(0)
        assert await crowd.open(60, [target(gateway)]) == (60, 0)
        assert (crowd.connected, crowd.waiting, crowd.wanted) == (60, 0, 60)
        await counts(gateway, 60)
        await crowd.leave()
        assert crowd.connected == 0
        await counts(gateway, 0)


async def test_new_clients_are_spread_over_all_pods() -> None:
    async with a_gateway() as one, a_gateway() as other:
        crowd = Crowd(0)
        await crowd.open(40, [target(one), target(other)])
        first, second = await one.metric(ACTIVE), await other.metric(ACTIVE)
        assert first + second == 40
        assert min(first, second) >= 8
        await crowd.leave()


async def test_who_is_turned_away_waits_and_tries_again_at_the_next_tick() -> None:
    async with a_gateway(small(3)) as full, a_gateway() as free:
        crowd = Crowd(0)
        assert await crowd.open(5, [target(full)]) == (3, 2)
        assert (crowd.connected, crowd.waiting, crowd.wanted) == (3, 2, 5)
        assert await crowd.open(1, [target(full)]) == (0, 3)
        assert await crowd.open(0, [target(free)]) == (3, 0)
        assert (crowd.connected, crowd.waiting) == (6, 0)
        await crowd.leave()


async def test_without_a_ready_pod_everybody_waits() -> None:
    crowd = Crowd(0)
    assert await crowd.open(4, []) == (0, 4)
    assert await crowd.open(2, []) == (0, 6)
    assert (crowd.connected, crowd.wanted) == (0, 6)


async def test_users_leave_whether_they_have_a_connection_or_wait_for_one() -> None:
    async with a_gateway(small(6)) as gateway:
        crowd = Crowd(1)
        await crowd.open(12, [target(gateway)])
        await crowd.close(8)
        assert crowd.wanted == 4
        assert crowd.connected < 6
        assert crowd.waiting < 6
        await counts(gateway, crowd.connected)
        await crowd.close(9)
        assert (crowd.connected, crowd.waiting) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_the_users_are_as_many_as_came_and_did_not_leave(seed: int) -> None:
    async with a_gateway(small(20)) as gateway:
        crowd, wanted = Crowd(seed), 0
        for opens, closes in ((10, 0), (15, 4), (0, 9), (8, 8), (3, 11)):
            await crowd.close(closes)
            opened, refused = await crowd.open(opens, [target(gateway)])
            wanted += opens - closes
            assert crowd.wanted == wanted == crowd.connected + refused
            assert opened <= crowd.connected <= 20
            await counts(gateway, crowd.connected)
        await crowd.leave()


async def test_a_message_reaches_the_others_of_its_room() -> None:
    async with a_gateway() as gateway:
        crowd = Crowd(0)
        await crowd.open(6, [target(gateway)])  # few enough for one room
        joined = await gateway.metric(RECEIVED)
        assert joined <= 6
        await crowd.chat(10, 0.01)

        async def counted() -> bool:
            return await gateway.metric(RECEIVED) == 6 + 10

        await until(counted)
        crowd.check()
        await crowd.leave()
        assert crowd.received >= 10 * 5


async def test_nobody_chats_in_an_empty_house() -> None:
    crowd = Crowd(0)
    await crowd.chat(10, 0.01)
    assert crowd.received == 0


async def test_clients_of_a_pod_that_drains_wait_and_are_counted() -> None:
    async with a_gateway(SWIFT) as ending, a_gateway() as staying:
        crowd = Crowd(0)
        ended, stays = target(ending), target(staying)
        await crowd.open(10, [ended])
        await crowd.open(5, [stays])
        ending.stop.set()
        assert await crowd.drained([ended]) == 10
        assert (crowd.connected, crowd.waiting) == (5, 10)
        crowd.check()
        assert await crowd.open(0, [stays]) == (10, 0)
        assert await crowd.drained([ended]) == 0
        await crowd.leave()


async def test_a_drain_without_a_close_frame_is_an_error() -> None:
    async with a_gateway() as gateway:
        crowd = Crowd(0)
        ended = target(gateway)
        await crowd.open(3, [ended])
        cut_off(gateway)
        with pytest.raises(ClientFailed, match=r"3 of 3 clients .* close code 1006 instead of 1012"):
            await crowd.drained([ended])
        await crowd.leave()


async def test_a_pod_that_keeps_its_clients_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foresail.demo.crowd._DRAINED_WITHIN_S", 0.05)
    async with a_gateway() as gateway:
        crowd, ended = Crowd(0), target(gateway)
        await crowd.open(3, [ended])
        with pytest.raises(ClientFailed, match="kept 3 clients"):
            await crowd.drained([ended])
        await crowd.leave()
        await counts(gateway, 0)


async def test_a_connection_that_a_running_pod_lost_is_noticed() -> None:
    async with a_gateway() as gateway:
        crowd = Crowd(0)
        await crowd.open(3, [target(gateway)])
        crowd.check()
        cut_off(gateway)

        def noticed() -> bool:
            try:
                crowd.check()
            except ClientFailed as error:
                return "3 clients lost their connection (close code 1006)" in str(error)
            return False

        await holds(noticed)
        await crowd.chat(5, 0.0)  # into closed sockets, and nobody minds
        await crowd.leave()


async def test_clients_lost_by_a_pod_of_somebody_else_wait() -> None:
    async with a_gateway(SWIFT) as gateway:
        crowd = Crowd(0)
        await crowd.open(4, [target(gateway)])
        assert crowd.lost() == 0
        gateway.stop.set()
        await gateway.finished
        lost = 0

        def all_noticed() -> bool:
            nonlocal lost
            lost += crowd.lost()
            return lost == 4

        await holds(all_noticed)
        assert (crowd.connected, crowd.waiting) == (0, 4)


async def test_nobody_there_is_an_error_that_names_the_place() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ClientFailed, match=f"cannot connect to ws://127.0.0.1:{port}/ws: "):
        await Crowd(0).open(2, [Target(f"ws://127.0.0.1:{port}/ws")])


async def test_a_wrong_path_is_an_error_and_not_a_full_pod() -> None:
    async with a_gateway() as gateway:
        with pytest.raises(ClientFailed, match=r"HTTP 40\d; check address and path"):
            await Crowd(0).open(2, [Target(f"ws://127.0.0.1:{gateway.port}/nothing")])


async def test_whoever_was_taken_before_an_interruption_can_still_leave() -> None:
    async with a_gateway() as gateway:
        crowd = Crowd(0)
        opening = asyncio.create_task(crowd.open(200, [target(gateway)]))

        async def some() -> bool:
            return await gateway.metric(ACTIVE) > 0

        await until(some)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await crowd.leave()
        await counts(gateway, 0)
