"""What the gateway reports to Prometheus; one registry per gateway, so that several can live in one process.

METRICS says what each is; `process_*` beside them are CPU, memory and file descriptors of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.admission import Outcome
from gateway.errors import ErrorCode

CONTENT_TYPE = CONTENT_TYPE_LATEST

CLIENT_TYPES = ("browser", "mobile", "service", "bot", "other")
"""All values of the label client_type: it comes from the client, so it must not be free text."""

CONNECTIONS, ROOMS, QUEUED = "websocket_connections_total", "websocket_rooms", "websocket_send_queue_bytes"
HANDSHAKES, MESSAGES = "websocket_handshake_duration_seconds", "websocket_message_rate_total"
ERRORS, CLOSES = "websocket_message_errors_total", "websocket_closes_total"
METRICS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    CONNECTIONS: (
        "gauge",
        ("status", "endpoint"),
        "Connections now: a gauge in spite of its name. The status is active or inactive, which is draining or past "
        "its heartbeat.",
    ),
    HANDSHAKES: (
        "histogram",
        ("outcome",),
        "From a request's arrival at the application to its answer, so that its count is also that of refusals. The "
        f"outcome is one of {', '.join(Outcome)}; of the last, the peer was gone before the answer.",
    ),
    MESSAGES: (
        "counter",
        ("direction", "client_type"),
        "Messages, in or out. Out counts once per receiver, when its socket or queue has taken the message. The client "
        f"type is one of {', '.join(CLIENT_TYPES)}.",
    ),
    ERRORS: ("counter", ("code",), "Incoming messages that were answered by an error."),
    CLOSES: (
        "counter",
        ("code",),
        "Connections that ended. 4008 are slow consumers, 1011 lost heartbeats, 1006 sockets that ended without a "
        "close frame; codes that applications invent are other.",
    ),
    QUEUED: (
        "gauge",
        (),
        "Bytes that wait for clients that read slowly, in the queues and in the sockets' own buffers.",
    ),
    ROOMS: ("gauge", (), "Rooms that have a member."),
}
"""Name -> type, labels, help: all that the gateway exports of itself."""

_CLOSE_CODES = frozenset({*range(1000, 1004), *range(1005, 1014), 4008})
_HANDSHAKE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(frozen=True)
class Gauges:
    """What is counted when it is asked for, instead of being kept in step at every change."""

    active: Callable[[], int]
    inactive: Callable[[], int]
    queued_bytes: Callable[[], int]
    rooms: Callable[[], int]


class Metrics:
    """The metrics of one gateway on one endpoint."""

    def __init__(self, endpoint: str, gauges: Gauges) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        connections = Gauge(*_described(CONNECTIONS), registry=self._registry)
        connections.labels("active", endpoint).set_function(gauges.active)
        connections.labels("inactive", endpoint).set_function(gauges.inactive)
        Gauge(*_described(QUEUED), registry=self._registry).set_function(gauges.queued_bytes)
        Gauge(*_described(ROOMS), registry=self._registry).set_function(gauges.rooms)
        handshakes = Histogram(*_described(HANDSHAKES), buckets=_HANDSHAKE_BUCKETS, registry=self._registry)
        self._handshakes = {outcome: handshakes.labels(outcome) for outcome in Outcome}
        messages = Counter(*_described(MESSAGES), registry=self._registry)
        self._received = {kind: messages.labels("in", kind) for kind in CLIENT_TYPES}
        self._sent = {kind: messages.labels("out", kind) for kind in CLIENT_TYPES}
        self._errors = Counter(*_described(ERRORS), registry=self._registry)
        self._closes = Counter(*_described(CLOSES), registry=self._registry)

    def handshake(self, outcome: Outcome, seconds: float) -> None:
        """A handshake was answered."""
        self._handshakes[outcome].observe(seconds)

    def received(self, client_type: str) -> None:
        """A message came in."""
        self._received[client_type].inc()

    def sent(self, client_type: str, receivers: int) -> None:
        """A message went out to so many clients of a type."""
        self._sent[client_type].inc(receivers)

    def refused_message(self, code: ErrorCode) -> None:
        """A message was answered by an error."""
        self._errors.labels(code).inc()

    def closed(self, code: int) -> None:
        """A connection ended. Codes that applications invent share one label value, to bound their number."""
        self._closes.labels(str(code) if code in _CLOSE_CODES else "other").inc()

    def exposition(self) -> bytes:
        """Everything, in the Prometheus text format."""
        return generate_latest(self._registry)


def _described(name: str) -> tuple[str, str, tuple[str, ...]]:
    """A metric's name, help and labels, as Prometheus's client takes them."""
    _, labels, text = METRICS[name]
    return name, text, labels


def client_type(claimed: str | None) -> str:
    """The label value for what a client says it is."""
    return claimed if claimed in CLIENT_TYPES else "other"
