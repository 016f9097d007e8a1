"""The users: real WebSocket clients that open, chat and close as a load says.

A new client picks a ready pod at random, as kube-proxy would, and stays there until it closes or its pod drains. One
that is refused, or whose pod drains, waits and tries again at the next tick.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Protocol

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from foresail.demo.errors import ClientFailed

ROOM_SIZE = 8
_AT_ONCE = 40
_DRAINED_WITHIN_S = 20.0
_GOING_AWAY = {1001, 1012}


class Target(Protocol):
    """Somewhere to connect to."""

    @property
    def url(self) -> str: ...


class Client:
    """One open connection, the pod that it is on, and the task that reads what it is sent."""

    def __init__(self, socket: ClientConnection, target: Target, room: str) -> None:
        self.socket = socket
        self.target = target
        self.room = room
        self.received = 0
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Counts what arrives, until the connection is over."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.socket.recv(decode=False)
                self.received += 1


class Crowd:
    """All clients. `waiting` ones want a connection and have none; `back` ones had waited until the last opening."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._clients: list[Client] = []
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self.waiting = 0
        self.back = 0
        self.received = 0

    @property
    def connected(self) -> int:
        return len(self._clients)

    @property
    def wanted(self) -> int:
        """Clients that want to be connected: what the users offer, whatever the pods take."""
        return len(self._clients) + self.waiting

    async def close(self, count: int) -> None:
        """So many users leave, each as likely as the next, those who wait included."""
        chosen = self._rng.choice(self.wanted, min(count, self.wanted), replace=False)
        leaving = [self._clients[k] for k in chosen if k < len(self._clients)]
        self.waiting -= len(chosen) - len(leaving)
        gone = set(map(id, leaving))
        self._clients = [c for c in self._clients if id(c) not in gone]
        await asyncio.gather(*(self._leave(c) for c in leaving))

    async def open(self, count: int, targets: Sequence[Target]) -> tuple[int, int]:
        """So many new users and all who wait try to connect: (taken, turned away). Those turned away wait."""
        arriving = count + self.waiting
        self.back = 0
        if not targets:
            self.waiting = arriving
            return 0, arriving
        picks = self._rng.integers(len(targets), size=arriving)
        rooms = self._rng.integers(max(1, self.wanted // ROOM_SIZE), size=arriving)
        taken = await asyncio.gather(*(self._join(targets[p], f"room-{r}") for p, r in zip(picks, rooms, strict=True)))
        self.waiting = arriving - sum(taken)
        self.back = sum(taken[count:])
        return sum(taken), self.waiting

    async def chat(self, messages: int, within_s: float) -> None:
        """So many messages from random clients into their rooms, in a few bunches spread over the time given."""
        if not self._clients or not messages:
            return
        senders = self._rng.integers(len(self._clients), size=messages)
        bunches = np.array_split(senders, min(8, messages))
        for k, bunch in enumerate(bunches):
            for sender in bunch:
                client = self._clients[sender]
                text = json.dumps({"type": "publish", "room": client.room, "data": "hello"})
                with contextlib.suppress(ConnectionClosed):  # its pod has gone; `check` and `lost` tell
                    await client.socket.send(text)
            if k + 1 < len(bunches):
                await asyncio.sleep(within_s / len(bunches))

    async def drained(self, targets: Iterable[Target]) -> int:
        """Waits until these pods have closed their clients, who wait from then on; how many there were."""
        ending = set(targets)
        broken = [c for c in self._clients if c.target in ending]
        if not broken:
            return 0
        _, kept = await asyncio.wait([c.reader for c in broken], timeout=_DRAINED_WITHIN_S)
        if kept:
            raise ClientFailed(f"a pod that was ended kept {len(kept)} clients for {_DRAINED_WITHIN_S:g} s")
        abrupt = [c for c in broken if c.socket.close_code not in _GOING_AWAY]
        if abrupt:
            raise ClientFailed(
                f"{len(abrupt)} of {len(broken)} clients of a drained pod were cut off with close code "
                f"{abrupt[0].socket.close_code} instead of 1012"
            )
        self._set_waiting(broken)
        return len(broken)

    def lost(self) -> int:
        """Clients who lost their connection to a pod that somebody else runs wait from now on; how many there were."""
        broken = [c for c in self._clients if c.reader.done()]
        self._set_waiting(broken)
        return len(broken)

    def check(self) -> None:
        """Raises ClientFailed if a client lost its connection although its pod was not ended."""
        lost = [c for c in self._clients if c.reader.done()]
        if lost:
            raise ClientFailed(
                f"{len(lost)} clients lost their connection (close code {lost[0].socket.close_code}) to a pod that runs"
            )

    async def leave(self) -> None:
        """Everybody leaves."""
        clients, self._clients = self._clients, []
        await asyncio.gather(*(self._leave(c) for c in clients), return_exceptions=True)

    def _set_waiting(self, broken: Sequence[Client]) -> None:
        gone = set(map(id, broken))
        self._clients = [c for c in self._clients if id(c) not in gone]
        self.received += sum(c.received for c in broken)
        self.waiting += len(broken)

    async def _join(self, target: Target, room: str) -> bool:
        """Whether the pod took the client, who is then among the clients at once, whatever ends the tick."""
        async with self._slots:
            try:
                socket = await connect(
                    target.url, compression=None, ping_interval=None, proxy=None, open_timeout=20, close_timeout=5
                )
                await socket.send(json.dumps({"type": "join", "room": room}))
            except ConnectionClosed:  # taken and sent away at once: it drains
                return False
            except InvalidStatus as refusal:
                if refusal.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:  # full or draining
                    return False
                raise ClientFailed(f"cannot connect to {target.url}: {refusal}; check address and path") from refusal
            except (OSError, WebSocketException) as error:
                raise ClientFailed(f"cannot connect to {target.url}: {error}") from error
        self._clients.append(Client(socket, target, room))
        return True

    async def _leave(self, client: Client) -> None:
        async with self._slots:
            await client.socket.close()
        await client.reader
        self.received += client.received
