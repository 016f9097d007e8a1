"""uvicorn's WebSocket protocol with three verbs that ASGI lacks: write without waiting, ping, and hang up for certain.

ASGI's `send` waits while the peer does not read, so a stalled member would delay its room, and even its own close; it
has no verb for a protocol ping, and tells nobody of a pong. Application-level pings instead would count every quiet
client that only listens as dead; uvicorn's own pings work, but their outcome is hidden until the connection is lost,
and they take two timers a connection. And a peer that misbehaves must harm nobody else: uvicorn answers pings
without limit, leaves some bad requests unanswered, and writes errors into the log. Everything else, from the handshake
to the frames, is uvicorn's.
"""

from __future__ import annotations

import logging
from asyncio import BaseTransport
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from gateway.connection import SLOW_CONSUMER
from gateway.heartbeat import Pulse

log = logging.getLogger(__name__)

BAD_TEXT = 1007

CLOSE_GRACE_S = 5.0
"""Seconds for the peer to answer a close frame; then the socket is dropped with whatever it has not read."""


def text_frame(text: str) -> bytes:
    """The bytes of an unmasked text frame: made once, written to every member."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class GatewayProtocol(WebSocketsSansIOProtocol):
    """A `gateway.connection.Link`. The application finds it in the scope, as `state["link"]`."""

    pulse: Pulse
    max_buffered_bytes = 65536
    """Bytes that pongs may wait behind; the owner of the link sets its own limit."""
    on_writable: Callable[[], None] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.pulse = Pulse(heard_at=self.loop.time())

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["state"]["link"] = self

    def data_received(self, data: bytes) -> None:
        self.pulse.heard_at = self.loop.time()
        super().data_received(data)
        if not self.handshake_initiated:  # too long for the library; uvicorn would send its answer to nobody, and wait
            self._write_pending()
            self.transport.close()

    def handle_ping(self) -> None:
        if self.buffered_bytes > self.max_buffered_bytes:
            self.conn.data_to_send()  # the pong, of which a peer that does not read has enough
            self.hang_up(SLOW_CONSUMER, "slow consumer")
        else:
            super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            log.debug("%s sent text that is not UTF-8", self.client)
            self.frames = []
            self.hang_up(BAD_TEXT, "text must be UTF-8")
        else:
            super().send_receive_event_to_app()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn says 1005, which is a close frame without a code; a socket that just ends is 1006 (RFC 6455, 7.1.5).
        if not self.close_sent and self.conn.close_rcvd is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})
        super().connection_lost(exc)

    async def send(self, message: Any) -> None:
        """As uvicorn's. Raises ClientDisconnected, an OSError, also where an accept can no longer reach the peer."""
        await super().send(message)
        if not self.handshake_complete and (self.close_sent or self.transport.is_closing()):
            self.handshake_complete = (
                True  # refused, or the peer is gone; uvicorn would log an error of the application
            )
            if message["type"] == "websocket.accept":
                log.debug("%s left before its handshake was answered", self.client)
                raise ClientDisconnected

    async def run_asgi(self) -> None:
        await super().run_asgi()
        # Over on our side. A peer that does not read, not even after its own close, must not keep what is left for it.
        if self.close_timer is None and not self.disconnected:
            self.close_timer = self.loop.call_later(CLOSE_GRACE_S, self.transport.abort)

    def shutdown(self) -> None:
        # A close frame is out: dropping the socket before the answer could destroy what the peer has not read yet.
        if not self.close_sent:
            super().shutdown()

    @property
    def is_writable(self) -> bool:
        return (
            self.handshake_complete
            and self.writable.is_set()
            and not self.close_sent
            and not self.transport.is_closing()
        )

    @property
    def buffered_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def write(self, frame: bytes) -> None:
        self.transport.write(frame)

    def ping(self) -> None:
        if self.is_writable:
            self.pulse.pinged_at = self.loop.time()
            self.conn.send_ping(b"")
            self._write_pending()

    def hang_up(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        if not self.handshake_complete:
            self.transport.abort()
            return
        disconnect: Any = {"type": "websocket.disconnect", "code": code, "reason": reason}
        self.queue.put_nowait(disconnect)
        self.conn.send_close(code, reason)
        self._write_pending()
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # Aborted, not closed: a transport that is closed first waits for the peer to read what was written.
        self.close_timer = self.loop.call_later(CLOSE_GRACE_S, self.transport.abort)

    def _write_pending(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))


def _is_utf8(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True
