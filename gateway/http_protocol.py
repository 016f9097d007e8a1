"""uvicorn's HTTP protocol for peers that nobody vouched for: every socket has a deadline, and their number a limit.

HTTP is only probes, scrapes and the requests that ask for a WebSocket here. uvicorn waits for a request for as long as
the peer likes, and its limit of concurrency counts a socket only once its request is complete; so sockets that say
nothing, or one byte a minute, would pile up until the process has no file descriptor left for a probe.
"""

from __future__ import annotations

import logging
from asyncio import TimerHandle, Transport

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 10.0
"""Seconds for a whole request and its answer, counted from the connection or from the answer before."""

HTTP_RESERVE = 64
"""Sockets beyond the WebSocket connections: a full gateway must still answer its probes and say 503 to newcomers."""


class HttpProtocol(H11Protocol):
    """Keeps fewer sockets than uvicorn's `limit_concurrency`, those of the WebSockets included.

    Where one more comes, the socket that has waited longest for its request is dropped: a probe, whose request comes at
    once, gets through a crowd of silent ones.
    """

    _deadline: TimerHandle

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self._new_deadline()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            waiting = [c for c in self.connections if isinstance(c, HttpProtocol) and c._is_waiting]
            min(waiting, key=lambda c: c._deadline.when())._drop("others need the room")

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._deadline.cancel()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        if not self.transport.is_closing():
            self._deadline = self._new_deadline()  # before the next request, which may ask for a WebSocket
        super().on_response_complete()

    @property
    def _is_waiting(self) -> bool:
        # None before the first request, which uvicorn's annotation leaves out.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _new_deadline(self) -> TimerHandle:
        return self.loop.call_later(REQUEST_TIMEOUT_S, self._drop, "no complete request in time")

    def _drop(self, why: str) -> None:
        log.debug("dropped %s: %s", self.client, why)
        self._deadline.cancel()
        self.connections.discard(self)  # now, not when the loop says that it is lost: newcomers are counted before that
        self.transport.abort()
