"""All connections of one process: lets them in, carries deliveries between them, keeps their heartbeat, drains them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter

from fastapi import WebSocket
from fastapi.responses import PlainTextResponse

from gateway import codec
from gateway.admission import Admission, Outcome
from gateway.connection import HEARTBEAT_LOST, Connection
from gateway.drain import RESTARTING, schedule
from gateway.heartbeat import Rhythm, beat, is_inactive
from gateway.metrics import Gauges, Metrics, client_type
from gateway.outbox import Outbox
from gateway.protocol import GatewayProtocol, text_frame
from gateway.registry import Registry
from gateway.session import Delivery, Session
from gateway.settings import Settings

ENDPOINT = "/ws"

# One read of a socket can bring thousands of small messages; the others get their turn in between.
_TURNS_IN_A_ROW = 64

_REFUSALS = {
    Outcome.REFUSED_ORIGIN: (403, "this origin may not connect"),
    Outcome.REFUSED_DRAINING: (503, "draining; connect again"),
    Outcome.REFUSED_CAPACITY: (503, "full; connect again"),
}


class Hub:
    """Lives on one event loop; nothing in it is shared between threads."""

    def __init__(self, settings: Settings) -> None:
        self._limits = settings.limits
        self._drain = settings.drain
        self._rhythm = Rhythm(
            settings.heartbeat.ping_after_s, settings.heartbeat.inactive_after_s, settings.heartbeat.close_after_s
        )
        self._admission = Admission(
            settings.origins.allowed_origins, settings.origins.allow_missing_origin, settings.limits.max_connections
        )
        self._registry = Registry()
        self._connections: dict[str, Connection] = {}
        self._is_draining = False
        self.metrics = Metrics(
            ENDPOINT,
            Gauges(self._count_active, self._count_inactive, self._queued_bytes, lambda: len(self._registry.rooms())),
        )

    @property
    def is_draining(self) -> bool:
        """Whether the process is on its way out and takes no new connections."""
        return self._is_draining

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from its handshake to its end."""
        arrived_at = time.perf_counter()  # the event loop's own clock may stand still within one of its turns
        origins = websocket.headers.getlist("origin")
        outcome = self._admission.decide(origins, len(self._connections), self._is_draining)
        if outcome is not Outcome.ACCEPTED:
            await websocket.send_denial_response(_refusal(outcome))
            self.metrics.handshake(outcome, time.perf_counter() - arrived_at)
            return
        # Entered before the handshake is answered: the limit then counts it, and a drain that begins now includes it.
        connection = self._enter(websocket)
        try:
            try:
                await websocket.accept()
            except OSError:
                outcome = Outcome.ABANDONED
            self.metrics.handshake(outcome, time.perf_counter() - arrived_at)
            if outcome is Outcome.ACCEPTED:
                await self._converse(websocket, connection)
        finally:
            self._leave(connection)

    def beat(self) -> None:
        """Pings who has been silent, gives up who has been silent for too long."""
        due = beat(((client_id, c.pulse) for client_id, c in self._connections.items()), _now(), self._rhythm)
        for client_id in due.ping:
            self._connections[client_id].ping()
        for client_id in due.close:
            self._connections[client_id].hang_up(HEARTBEAT_LOST, "heartbeat lost")

    async def drain(self, hurry: asyncio.Event) -> None:
        """Takes no new connections, and sends everyone away, spread over the window; at once when `hurry` is set."""
        self._is_draining = True
        began_at = _now()
        for departure in schedule(tuple(self._connections), self._drain.drain_window_s):
            await _wait(hurry, began_at + departure.at_s - _now())
            if connection := self._connections.get(departure.client_id):
                connection.depart(text_frame(codec.reconnect(departure.after_ms)))
        deadline = _now() + self._drain.flush_timeout_s
        while self._connections and _now() < deadline and not hurry.is_set():
            await _wait(hurry, 0.02)
        for connection in self._connections.values():
            connection.hang_up(RESTARTING, "restarting")

    def _enter(self, websocket: WebSocket) -> Connection:
        link: GatewayProtocol = websocket.state.link
        session = Session(
            secrets.token_urlsafe(12), self._registry, self._limits.max_message_bytes, self._limits.max_rooms
        )
        outbox = Outbox(self._limits.queue_messages, self._limits.queue_bytes)
        connection = Connection(session, link, outbox, client_type(websocket.query_params.get("client_type")))
        link.on_writable = connection.flush
        link.max_buffered_bytes = self._limits.queue_bytes
        self._connections[session.client_id] = connection
        self._deliver(session.welcome())
        return connection

    def _leave(self, connection: Connection) -> None:
        connection.session.close()
        del self._connections[connection.session.client_id]

    async def _converse(self, websocket: WebSocket, connection: Connection) -> None:
        code = 1006
        try:
            connection.flush()
            code = await self._read(websocket, connection)
        finally:
            self.metrics.closed(code)

    async def _read(self, websocket: WebSocket, connection: Connection) -> int:
        """The code that the connection was closed with, by either side."""
        session = connection.session
        turns = 0
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            self.metrics.received(connection.client_type)
            text = message.get("text")
            for delivery in session.receive_binary() if text is None else session.receive_text(text):
                self._deliver(delivery)
            turns += 1
            if turns % _TURNS_IN_A_ROW == 0:
                await asyncio.sleep(0)
        return int(message["code"])

    def _deliver(self, delivery: Delivery) -> None:
        frame = text_frame(delivery.text)
        sent: Counter[str] = Counter()
        for client_id in delivery.to:
            connection = self._connections[client_id]
            if connection.offer(frame):
                sent[connection.client_type] += 1
        for kind, receivers in sent.items():
            self.metrics.sent(kind, receivers)
        if delivery.error is not None:
            self.metrics.refused_message(delivery.error)

    def _count_active(self) -> int:
        return len(self._connections) - self._count_inactive()

    def _count_inactive(self) -> int:
        if self._is_draining:
            return len(self._connections)
        now = _now()
        return sum(is_inactive(c.pulse, now, self._rhythm) for c in self._connections.values())

    def _queued_bytes(self) -> int:
        return sum(c.queued_bytes for c in self._connections.values())


def _refusal(outcome: Outcome) -> PlainTextResponse:
    status, text = _REFUSALS[outcome]
    return PlainTextResponse(text + "\n", status, {"retry-after": "1"} if status == 503 else {})


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set or the time is over."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
