"""A TCP proxy on this machine that can stop passing on, refuse, or break every connection: a network that fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class FaultyProxy:
    """Passes on to one address, as long as it is told nothing else.

    attempts  connections that were asked for
    kept      bytes of answers that it held back
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._passing = asyncio.Event()
        self._passing.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.attempts = 0
        self.kept = 0
        self.refusing = False

    @property
    def serving(self) -> int:
        """Connections that neither end has closed."""
        return len(self._serving)

    def hold(self) -> None:
        """From now on nothing arrives, and nobody is told: a connection that is half open."""
        self._passing.clear()

    def hold_answers(self) -> None:
        """From now on the server is asked, and what it says does not arrive."""
        self._answering.clear()

    def pass_on(self) -> None:
        self._passing.set()
        self._answering.set()

    async def refuse(self) -> None:
        """Breaks every connection, and every new one at once."""
        self.refusing = True
        for writer in list(self._open):
            writer.transport.abort()

    def accept(self) -> None:
        self.refusing = False

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Nothing of it is left, nor of a connection that was only about to be passed on."""
        assert self._server is not None
        self._server.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0)  # a transport that is aborted closes its socket in the next round of the loop

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts += 1
        if self.refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        try:
            with contextlib.suppress(asyncio.CancelledError):  # asyncio would call it a fault
                await self._pass_on(reader, writer)
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            self._serving.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways, until either end is closed."""
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._open.add(there_writer)
        pair = [
            asyncio.create_task(self._pump(reader, there_writer)),
            asyncio.create_task(self._pump(there_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(pair, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there_writer.transport.abort()
            self._open.discard(there_writer)
            for one in pair:
                one.cancel()
            await asyncio.gather(*pair, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while data := await reader.read(65536):
                if answers and not self._answering.is_set():
                    self.kept += len(data)
                    await self._answering.wait()
                await self._passing.wait()
                writer.write(data)
                await writer.drain()


@contextlib.asynccontextmanager
async def faulty_proxy(url: str) -> AsyncIterator[FaultyProxy]:
    """In front of the server at a URL, on a port of its own."""
    host, _, port = url.partition("://")[2].partition("/")[0].partition(":")
    proxy = FaultyProxy(host, int(port))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
