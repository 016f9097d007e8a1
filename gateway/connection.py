"""One client's way out: frames go to its link at once, or wait in its outbox while the link is full. It never waits.

A member that stops reading costs the others nothing: its frames pile up in its own outbox, and when that is full the
connection is closed as a slow consumer. Knows no event loop; `Link` is what a socket has to offer.
"""

from __future__ import annotations

from typing import Protocol

from gateway.drain import RESTARTING
from gateway.heartbeat import Pulse
from gateway.outbox import Outbox
from gateway.session import Session

SLOW_CONSUMER = 4008
HEARTBEAT_LOST = 1011
"""Close code "internal error", which is what keepalive failures are reported with elsewhere too."""


class Link(Protocol):
    """A socket after its handshake request, as a connection needs it."""

    @property
    def pulse(self) -> Pulse:
        """When something last came in and when a ping last went out."""

    @property
    def is_writable(self) -> bool:
        """Whether the handshake is over, no close was sent, and the peer takes what it gets."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes that were handed to the socket and that the system has not taken yet; pongs are among them."""

    def write(self, frame: bytes) -> None:
        """Hands a whole frame to the socket; only while `is_writable`."""

    def ping(self) -> None:
        """Sends a protocol ping where the link is writable; what comes back shows in the pulse."""

    def hang_up(self, code: int, reason: str) -> None:
        """Sends a close frame behind what was written and sees to it that the socket is gone soon."""


class Connection:
    """One session, its link, and what the link has not taken yet."""

    def __init__(self, session: Session, link: Link, outbox: Outbox, client_type: str) -> None:
        self.session = session
        self.client_type = client_type
        self._link = link
        self._outbox = outbox
        self._is_leaving = False
        self._is_closed = False

    @property
    def pulse(self) -> Pulse:
        """The link's pulse."""
        return self._link.pulse

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for the peer to read, here and in the link."""
        return self._outbox.size_bytes + self._link.buffered_bytes

    def offer(self, frame: bytes) -> bool:
        """Whether the frame is on its way. Closes the connection as a slow consumer where it no longer fits."""
        if self._is_closed or self._is_leaving:
            return False
        if not self._outbox and self._link.is_writable:
            self._link.write(frame)
            return True
        if self._outbox.put(frame):
            return True
        self.hang_up(SLOW_CONSUMER, "slow consumer")
        return False

    def flush(self) -> None:
        """Sends what waits, as far as the link takes it; called when the link becomes writable."""
        while self._outbox and self._link.is_writable:
            self._link.write(self._outbox.take())
        if self._is_leaving and not self._outbox and self._link.is_writable:
            self.hang_up(RESTARTING, "restarting")

    def depart(self, farewell: bytes) -> None:
        """Sends what waits, then the farewell, then closes with 1012; takes nothing new meanwhile."""
        self.offer(farewell)
        self._is_leaving = True
        self.flush()

    def ping(self) -> None:
        """Asks the peer for a sign of life."""
        self._link.ping()

    def hang_up(self, code: int, reason: str) -> None:
        """Closes now, without what waits. Only the first close of a connection counts."""
        if not self._is_closed:
            self._is_closed = True
            self._outbox.clear()
            self._link.hang_up(code, reason)
