"""One gateway process, from its listening socket to its exit.

SIGTERM or SIGINT begins the drain: /readyz says draining, new handshakes are refused, the connections are closed one by
one over the window, and then the process ends. A second signal ends the window at once.

There is no authentication and no rate limit in this version: put the gateway behind a proxy that has both, or wait.
What is bounded is the memory and the sockets that a peer can take.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Generator

import uvicorn

from gateway.app import create_app
from gateway.errors import CannotListen, PortInUse
from gateway.http_protocol import HTTP_RESERVE, HttpProtocol
from gateway.hub import Hub
from gateway.open_files import allow_connections
from gateway.protocol import CLOSE_GRACE_S, GatewayProtocol
from gateway.settings import Listen, Settings

log = logging.getLogger(__name__)

_BACKLOG = 2048
# A message beyond the limit gets an error reply and may stay; one beyond this many limits is cut off unread.
_HARD_LIMIT_FACTOR = 4


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT and returns after the drain.

    Raises BadSettings where the system does not allow so many connections, and PortInUse or another CannotListen,
    before anything else is set up.
    """
    allow_connections(settings.limits.max_connections)
    with listen(settings.listen) as listener:
        stop, hurry = asyncio.Event(), asyncio.Event()
        server = GatewayServer(settings, stop, hurry)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            _on_signals(runner.get_loop(), stop, hurry)
            runner.run(server.serve(sockets=[listener]))


def listen(address: Listen) -> socket.socket:
    """A listening socket. Raises PortInUse or another CannotListen."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        kind = PortInUse if error.errno == errno.EADDRINUSE else CannotListen
        raise kind(address.host, address.port, error) from error


def _on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def received() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)


class GatewayServer(uvicorn.Server):
    """uvicorn, ended by an event instead of by signals of its own, with the drain before its shutdown."""

    def __init__(self, settings: Settings, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        self.hub = Hub(settings)
        self._stop = stop
        self._hurry = hurry
        self._tick_s = min(1.0, settings.heartbeat.ping_after_s / 4)
        super().__init__(
            uvicorn.Config(
                create_app(self.hub),
                # h11, because httptools takes headers without end. Slower, and it does not matter: HTTP here is only
                # probes, scrapes and handshakes.
                http=HttpProtocol,
                h11_max_incomplete_event_size=65536,
                limit_concurrency=settings.limits.max_connections + HTTP_RESERVE,
                ws=GatewayProtocol,
                ws_max_size=settings.limits.max_message_bytes * _HARD_LIMIT_FACTOR,
                ws_per_message_deflate=False,  # 34 KiB a connection, and every member compresses the same message again
                ws_ping_interval=None,  # the hub pings
                interface="asgi3",
                lifespan="off",
                log_config=None,
                log_level=logging.ERROR,  # its warnings are of what peers send, a line each
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=int(CLOSE_GRACE_S) + 1,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Captures none: they belong to `serve`, and uvicorn would close every socket within the same moment."""
        yield

    async def main_loop(self) -> None:
        """Returns when the drain is over. In place of uvicorn's, which wakes ten times a second."""
        address = self.servers[0].sockets[0].getsockname()
        log.info("gateway listens on %s port %d", *address[:2])
        ticking = asyncio.create_task(self._tick())
        try:
            await self._stop.wait()
            log.info("gateway drains")
            await self.hub.drain(self._hurry)
        finally:
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            await self.on_tick(0)  # keeps the Date header right
            self.hub.beat()
            await asyncio.sleep(self._tick_s)
