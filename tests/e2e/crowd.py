"""The users: real WebSocket clients, as many as a schedule wants, which go to any pod that serves."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

_TICK_S = 0.5
_AT_ONCE = 40


@dataclass
class Crowd:
    """Every half second it opens and closes sockets until there are as many as `wanted()` says.

    lost  sockets that a pod closed, or that broke: their users come back at once, to another pod
    """

    wanted: Callable[[], int]
    serving: Callable[[], Sequence[str]]
    lost: int = 0
    _open: list[ClientConnection] = field(default_factory=list)
    _random: random.Random = field(default_factory=lambda: random.Random(6))
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def connected(self) -> int:
        return len(self._open)

    async def run(self) -> None:
        try:
            while not self._ended.is_set():
                await self._tick()
                await asyncio.sleep(_TICK_S)
        finally:
            await self._close(len(self._open))

    def end(self) -> None:
        self._ended.set()

    async def _tick(self) -> None:
        there = [socket for socket in self._open if socket.close_code is None]
        self.lost += len(self._open) - len(there)
        self._open = there
        missing, addresses = self.wanted() - len(there), self.serving()
        if missing < 0:
            await self._close(-missing)
        elif missing and addresses:
            picked = self._random.choices(addresses, k=min(missing, _AT_ONCE))
            came = await asyncio.gather(*map(_enter, picked))
            self._open += [socket for socket in came if socket is not None]

    async def _close(self, count: int) -> None:
        self._random.shuffle(self._open)
        leaving, self._open = self._open[:count], self._open[count:]
        await asyncio.gather(*(socket.close() for socket in leaving))


async def _enter(address: str) -> ClientConnection | None:
    """None where the pod has just gone, or takes nobody: the user tries again."""
    try:
        return await connect(address, compression=None, proxy=None, open_timeout=20, close_timeout=5)
    except (OSError, WebSocketException):
        return None


@contextmanager
def crowd(wanted: Callable[[], int], serving: Callable[[], Sequence[str]]) -> Iterator[Crowd]:
    """In a thread of its own; everybody leaves when the block ends."""
    users = Crowd(wanted, serving)
    thread = threading.Thread(target=lambda: asyncio.run(users.run()))
    thread.start()
    try:
        yield users
    finally:
        users.end()
        thread.join()
