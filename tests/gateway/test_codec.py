"""Frames to messages and back: every type, every kind of refusal; no text at all can do worse than be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import codec
from gateway.codec import Broadcast, ClientMessage, Echo, Join, Leave, Ping, Publish, Send, decode
from gateway.errors import BadMessage, ErrorCode

LIMIT = 65536

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def refusal(text: str, max_bytes: int = LIMIT) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        decode(text, max_bytes)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"join","room":"a"}', Join(room="a")),
        ('{"type":"leave","room":"a","id":7}', Leave(room="a", id=7)),
        ('{"type":"publish","room":"a","data":null}', Publish(room="a", data=None)),
        ('{"type":"broadcast","data":[1]}', Broadcast(data=[1])),
        ('{"type":"send","to":"c","data":1.5,"id":"x"}', Send(to="c", data=1.5, id="x")),
        ('{"type":"echo","data":"é"}', Echo(data="é")),
        ('{"id":0,"type":"ping"}', Ping(id=0)),
    ],
)
def test_every_type_is_understood(text: str, message: ClientMessage) -> None:
    assert decode(text, LIMIT) == message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.BAD_JSON),
        ("{", ErrorCode.BAD_JSON),
        ('{"type":"echo","data":NaN}', ErrorCode.BAD_JSON),
        ('{"type":"echo","data":-Infinity}', ErrorCode.BAD_JSON),
        ('{"type":"echo","data":1e999}', ErrorCode.BAD_JSON),
        ('{"type":"echo","data":' + "9" * 5000 + "}", ErrorCode.BAD_JSON),
        ('{"type":"echo","data":' + "[" * 30000, ErrorCode.BAD_JSON),
        ("[]", ErrorCode.NOT_AN_OBJECT),
        ('"join"', ErrorCode.NOT_AN_OBJECT),
        ("{}", ErrorCode.UNKNOWN_TYPE),
        ('{"type":"subscribe"}', ErrorCode.UNKNOWN_TYPE),
        ('{"type":["join"]}', ErrorCode.UNKNOWN_TYPE),
        ('{"type":"join","rooom":"a"}', ErrorCode.UNKNOWN_FIELD),
        ('{"type":"ping","data":1}', ErrorCode.UNKNOWN_FIELD),
        ('{"type":"join"}', ErrorCode.MISSING_FIELD),
        ('{"type":"publish","room":"a"}', ErrorCode.MISSING_FIELD),
        ('{"type":"join","room":""}', ErrorCode.BAD_FIELD),
        ('{"type":"join","room":3}', ErrorCode.BAD_FIELD),
        ('{"type":"send","to":null,"data":1}', ErrorCode.BAD_FIELD),
        ('{"type":"join","room":"' + "r" * 129 + '"}', ErrorCode.BAD_FIELD),
        ('{"type":"ping","id":true}', ErrorCode.BAD_FIELD),
        ('{"type":"ping","id":null}', ErrorCode.BAD_FIELD),
        ('{"type":"ping","id":""}', ErrorCode.BAD_FIELD),
        ('{"type":"ping","id":1.5}', ErrorCode.BAD_FIELD),
    ],
)
def test_what_cannot_be_followed_is_refused_with_its_code(text: str, code: ErrorCode) -> None:
    assert refusal(text).code == code


def test_a_refusal_carries_the_id_of_its_message() -> None:
    error = refusal('{"type":"join","id":"m1"}')
    assert json.loads(codec.error(error)) == {
        "type": "error",
        "code": "missing_field",
        "message": 'join lacks "room"; it has type, room, id (optional)',
        "id": "m1",
    }


def test_the_limit_counts_bytes_not_characters() -> None:
    text = json.dumps({"type": "echo", "data": "é" * 10}, ensure_ascii=False)
    size = len(text.encode())
    assert decode(text, size) == Echo(data="é" * 10)
    assert refusal(text, size - 1).code == ErrorCode.TOO_LARGE
    assert len(text) < size - 1


def reply_to(text: str) -> str:
    """The error reply, or an echo of the data that was understood."""
    try:
        return codec.echo(getattr(decode(text, LIMIT), "data", None))
    except BadMessage as error:
        return codec.error(error)


@given(st.text())
def test_any_text_is_a_message_or_a_refusal(text: str) -> None:
    assert json.loads(reply_to(text))["type"] in {"echo", "error"}


@given(st.dictionaries(st.sampled_from(["type", "room", "to", "data", "id", "x"]), json_values))
def test_any_object_is_a_message_or_a_refusal(fields: dict[str, Any]) -> None:
    assert json.loads(reply_to(json.dumps(fields)))["type"] in {"echo", "error"}


@given(json_values)
def test_data_passes_through_unchanged(data: Any) -> None:
    message = decode(json.dumps({"type": "publish", "room": "a", "data": data}), 10**6)
    assert isinstance(message, Publish)
    assert json.loads(codec.room_message("a", "c", message.data))["data"] == data


def test_lone_surrogates_leave_as_ascii() -> None:
    message = decode(r'{"type":"echo","data":"\ud800"}', LIMIT)
    assert isinstance(message, Echo)
    assert codec.echo(message.data) == r'{"type":"echo","data":"\ud800"}'


def test_data_too_deep_to_encode_is_refused() -> None:
    data: list[Any] = []
    for _ in range(100_000):
        data = [data]
    with pytest.raises(BadMessage) as caught:
        codec.echo(data)
    assert caught.value.code == ErrorCode.BAD_JSON


def test_messages_of_the_server_say_what_the_protocol_promises() -> None:
    assert json.loads(codec.welcome("c")) == {"type": "welcome", "client_id": "c"}
    assert json.loads(codec.room_message("r", "c", 1)) == {
        "type": "message",
        "scope": "room",
        "room": "r",
        "from": "c",
        "data": 1,
    }
    assert json.loads(codec.broadcast_message("c", 1)) == {
        "type": "message",
        "scope": "broadcast",
        "from": "c",
        "data": 1,
    }
    assert json.loads(codec.private_message("c", 1)) == {"type": "message", "scope": "private", "from": "c", "data": 1}
    assert json.loads(codec.pong()) == {"type": "pong"}
    assert json.loads(codec.ack(3)) == {"type": "ack", "id": 3}
    assert json.loads(codec.reconnect(250)) == {"type": "reconnect", "after_ms": 250}
