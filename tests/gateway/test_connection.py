"""A connection over a link that fills and empties as it likes: order kept, nothing forced, closed exactly once."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.connection import HEARTBEAT_LOST, SLOW_CONSUMER, Connection
from gateway.drain import RESTARTING
from gateway.heartbeat import Pulse
from gateway.outbox import Outbox
from gateway.registry import Registry
from gateway.session import Session

MAX_FRAMES = 3
FAREWELL = b"farewell"


class LinkInMemory:
    """Takes frames while it is told that it can, as a socket does while its peer reads."""

    def __init__(self) -> None:
        self.pulse = Pulse(heard_at=0.0)
        self.has_room = True
        self.written: list[bytes] = []
        self.pings = 0
        self.closes: list[int] = []
        self.buffered_bytes = 0

    @property
    def is_writable(self) -> bool:
        return self.has_room and not self.closes

    def write(self, frame: bytes) -> None:
        assert self.is_writable
        self.written.append(frame)

    def ping(self) -> None:
        self.pings += 1

    def hang_up(self, code: int, reason: str) -> None:
        self.closes.append(code)


def a_connection(link: LinkInMemory) -> Connection:
    session = Session("c", Registry(), max_message_bytes=1024, max_rooms=1)
    return Connection(session, link, Outbox(MAX_FRAMES, max_bytes=1000), "other")


class ConnectionMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.link = LinkInMemory()
        self.connection = a_connection(self.link)
        self.accepted: list[bytes] = []
        self.left = False
        self.count = 0

    @rule()
    def offer(self) -> None:
        self.count += 1
        frame = str(self.count).encode()
        was_open = not self.link.closes and not self.left
        if self.connection.offer(frame):
            assert was_open
            self.accepted.append(frame)
        elif was_open:
            assert self.link.closes == [SLOW_CONSUMER]

    @rule()
    def peer_stalls(self) -> None:
        self.link.has_room = False

    @rule()
    def peer_reads(self) -> None:
        self.link.has_room = True
        self.connection.flush()

    @rule()
    def depart(self) -> None:
        if not self.left and not self.link.closes:
            self.left = True
            self.connection.depart(FAREWELL)
            if self.link.closes != [SLOW_CONSUMER]:
                self.accepted.append(FAREWELL)

    @rule(code=st.sampled_from([HEARTBEAT_LOST, RESTARTING]))
    def hang_up(self, code: int) -> None:
        self.connection.hang_up(code, "")

    @invariant()
    def frames_arrive_in_order_and_wait_within_bounds(self) -> None:
        assert self.link.written == self.accepted[: len(self.link.written)]
        waiting = self.accepted[len(self.link.written) :]
        if not self.link.closes:
            assert len(waiting) <= MAX_FRAMES
            assert self.connection.queued_bytes == sum(map(len, waiting))
            assert not (waiting and self.link.has_room)
        else:
            assert self.connection.queued_bytes == 0

    @invariant()
    def is_closed_once_and_leaves_with_everything_sent(self) -> None:
        assert len(self.link.closes) <= 1
        if self.left and self.link.has_room:
            assert self.link.closes


TestConnection = ConnectionMachine.TestCase


def test_a_slow_consumer_is_closed_and_what_waits_is_dropped() -> None:
    link = LinkInMemory()
    link.has_room = False
    connection = a_connection(link)
    assert [connection.offer(b"x") for _ in range(5)] == [True, True, True, False, False]
    assert link.closes == [SLOW_CONSUMER]
    assert connection.queued_bytes == 0


def test_departing_sends_what_waits_then_the_farewell_then_closes() -> None:
    link = LinkInMemory()
    link.has_room = False
    connection = a_connection(link)
    connection.offer(b"waits")
    connection.depart(FAREWELL)
    assert link.closes == []
    link.has_room = True
    connection.flush()
    assert link.written == [b"waits", FAREWELL]
    assert link.closes == [RESTARTING]


def test_pulse_and_ping_are_the_links() -> None:
    link = LinkInMemory()
    connection = a_connection(link)
    connection.ping()
    assert connection.pulse is link.pulse
    assert link.pings == 1


def test_what_the_link_has_not_sent_yet_counts_as_queued() -> None:
    link = LinkInMemory()
    link.has_room = False
    link.buffered_bytes = 70
    connection = a_connection(link)
    connection.offer(b"waits")
    assert connection.queued_bytes == 75
