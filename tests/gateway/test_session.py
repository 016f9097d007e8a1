"""What one client's messages do: any conversation between clients against a model, and every refusal by example."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from gateway.errors import ErrorCode
from gateway.registry import Registry
from gateway.session import Delivery, Session

MAX_ROOMS = 2
ROOMS = ("a", "b", "c")


def a_session(client_id: str, registry: Registry) -> Session:
    return Session(client_id, registry, max_message_bytes=1024, max_rooms=MAX_ROOMS)


def tell(session: Session, **message: Any) -> list[Delivery]:
    return session.receive_text(json.dumps(message))


def read(delivery: Delivery) -> tuple[set[str], dict[str, Any]]:
    return set(delivery.to), json.loads(delivery.text)


class Conversation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.sessions: dict[str, Session] = {}
        self.rooms: dict[str, set[str]] = {}
        self.arrivals = 0

    def anyone(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.sessions)))

    @rule()
    def arrive(self) -> None:
        self.arrivals += 1
        client = f"c{self.arrivals}"
        self.sessions[client] = a_session(client, self.registry)
        self.rooms[client] = set()
        assert read(self.sessions[client].welcome()) == ({client}, {"type": "welcome", "client_id": client})

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def depart(self, data: st.DataObject) -> None:
        client = self.anyone(data)
        session = self.sessions.pop(client)
        del self.rooms[client]
        session.close()
        session.close()
        assert client not in self.registry
        assert tell(session, type="ping") == []
        assert session.receive_binary() == []

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), room=st.sampled_from(ROOMS))
    def join(self, data: st.DataObject, room: str) -> None:
        client = self.anyone(data)
        [reply] = tell(self.sessions[client], type="join", room=room, id=1)
        if room in self.rooms[client] or len(self.rooms[client]) < MAX_ROOMS:
            self.rooms[client].add(room)
            assert read(reply) == ({client}, {"type": "ack", "id": 1})
        else:
            assert reply.error == ErrorCode.TOO_MANY_ROOMS

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), room=st.sampled_from(ROOMS))
    def leave(self, data: st.DataObject, room: str) -> None:
        client = self.anyone(data)
        assert tell(self.sessions[client], type="leave", room=room) == []
        self.rooms[client].discard(room)

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), room=st.sampled_from(ROOMS))
    def publish(self, data: st.DataObject, room: str) -> None:
        client = self.anyone(data)
        deliveries = tell(self.sessions[client], type="publish", room=room, data="d", id=2)
        if room not in self.rooms[client]:
            assert [d.error for d in deliveries] == [ErrorCode.NOT_IN_ROOM]
            return
        message, ack = deliveries
        members = {c for c, joined in self.rooms.items() if room in joined}
        assert read(message) == (
            members,
            {"type": "message", "scope": "room", "room": room, "from": client, "data": "d"},
        )
        assert len(message.to) == len(members)
        assert read(ack) == ({client}, {"type": "ack", "id": 2})

    @precondition(lambda self: self.sessions)
    @rule(data=st.data())
    def broadcast(self, data: st.DataObject) -> None:
        client = self.anyone(data)
        [message] = tell(self.sessions[client], type="broadcast", data="d")
        assert read(message) == (
            set(self.sessions),
            {"type": "message", "scope": "broadcast", "from": client, "data": "d"},
        )

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), to=st.integers(1, 5))
    def send(self, data: st.DataObject, to: int) -> None:
        client = self.anyone(data)
        [message] = tell(self.sessions[client], type="send", to=f"c{to}", data="d")
        if f"c{to}" in self.sessions:
            assert read(message) == (
                {f"c{to}"},
                {"type": "message", "scope": "private", "from": client, "data": "d"},
            )
        else:
            assert message.error == ErrorCode.UNKNOWN_CLIENT
            assert set(message.to) == {client}


TestConversation = Conversation.TestCase


def test_echo_and_ping_are_answered_to_the_sender() -> None:
    session = a_session("c", Registry())
    assert [read(d) for d in tell(session, type="echo", data=[1])] == [({"c"}, {"type": "echo", "data": [1]})]
    assert [read(d)[1]["type"] for d in tell(session, type="ping", id="p")] == ["pong", "ack"]


def test_a_refusal_is_a_reply_with_the_id() -> None:
    session = a_session("c", Registry())
    [reply] = tell(session, type="publish", room="a", data=1, id="m")
    to, error = read(reply)
    assert to == {"c"}
    assert (error["type"], error["code"], error["id"]) == ("error", "not_in_room", "m")
    assert "join it first" in error["message"]


def test_what_is_no_message_is_a_reply_too() -> None:
    session = a_session("c", Registry())
    assert [d.error for d in session.receive_text("{")] == [ErrorCode.BAD_JSON]
    assert [d.error for d in session.receive_text(" " * 1025)] == [ErrorCode.TOO_LARGE]
    assert [d.error for d in session.receive_binary()] == [ErrorCode.NOT_TEXT]
    assert [d.error for d in tell(session, type="ping")] == [None]
