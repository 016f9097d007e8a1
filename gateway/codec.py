"""JSON text frames to messages and back. Knows the shape of a message, not what it does.

The protocol: every frame is a text frame that holds one JSON object.

client -> server; each may carry an "id", a string or an integer, and is then answered by an "ack" or "error" with it

    {"type": "join", "room": r}                  be a member of room r; joining twice is joining once
    {"type": "leave", "room": r}                 no longer be one; leaving a room that one is not in does nothing
    {"type": "publish", "room": r, "data": any}  to every member of r, the sender included, so that all see one order
    {"type": "broadcast", "data": any}           to every connection of this process, the sender included
    {"type": "send", "to": client_id, "data": any}   to one client of this process
    {"type": "echo", "data": any}                back to the sender
    {"type": "ping"}                             answered by a pong

server -> client

    {"type": "welcome", "client_id": c}          the first message of every connection
    {"type": "message", "scope": "room", "room": r, "from": c, "data": any}
    {"type": "message", "scope": "broadcast", "from": c, "data": any}
    {"type": "message", "scope": "private", "from": c, "data": any}
    {"type": "echo", "data": any}
    {"type": "pong"}
    {"type": "ack", "id": i}                     the message with this id was followed; comes after its effects
    {"type": "error", "code": e, "message": text}    with "id" where the message had one; codes: `errors.ErrorCode`
    {"type": "reconnect", "after_ms": n}         a close with code 1012 follows; connect again after n milliseconds

Names of rooms and clients, and ids that are strings, have 1 to 128 characters. A field that the type does not have is
an error, because a misspelt one would otherwise be silence. Numbers must be finite: NaN and infinities are not JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from gateway.errors import BadMessage, ErrorCode

MAX_NAME = 128

MessageId = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Wants to be a member of `room`."""

    room: str
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Wants to be no member of `room` any more."""

    room: str
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """`data` for the members of `room`."""

    room: str
    data: Any
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """`data` for everyone."""

    data: Any
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """`data` for the client `to`."""

    to: str
    data: Any
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """`data` for the sender itself."""

    data: Any
    id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Asks for a pong."""

    id: MessageId | None = None


ClientMessage = Join | Leave | Publish | Broadcast | Send | Echo | Ping

_TYPES: dict[str, tuple[Callable[..., ClientMessage], frozenset[str]]] = {
    "join": (Join, frozenset({"room"})),
    "leave": (Leave, frozenset({"room"})),
    "publish": (Publish, frozenset({"room", "data"})),
    "broadcast": (Broadcast, frozenset({"data"})),
    "send": (Send, frozenset({"to", "data"})),
    "echo": (Echo, frozenset({"data"})),
    "ping": (Ping, frozenset()),
}


def decode(text: str, max_bytes: int) -> ClientMessage:
    """The message in a text frame of at most `max_bytes` of UTF-8. Raises BadMessage for everything else."""
    size = len(text) if text.isascii() else len(text.encode())
    if size > max_bytes:
        raise BadMessage(
            ErrorCode.TOO_LARGE, f"the message has {size} bytes; at most {max_bytes} are allowed; split it"
        )
    fields = _parse(text)
    message_id = _id(fields)
    try:
        return _build(fields, message_id)
    except BadMessage as error:
        error.id = message_id
        raise


def _parse(text: str) -> dict[str, Any]:
    try:
        value = _DECODER.decode(text)
    # RecursionError: brackets nested past the interpreter's limit; ValueError: no JSON, or an absurdly long number.
    except (ValueError, RecursionError) as error:
        raise BadMessage(ErrorCode.BAD_JSON, f"the frame is not JSON: {error}; send one JSON object a frame") from None
    if not isinstance(value, dict):
        raise BadMessage(ErrorCode.NOT_AN_OBJECT, "the frame is JSON, but not an object; send {...} with a type")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:32]} is beyond the largest double")
    return number


# Made once: the module functions of `json` build a new one for every call with options.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
# ASCII, because JSON may carry lone surrogates, which have no UTF-8.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


def _id(fields: dict[str, Any]) -> MessageId | None:
    """The message's id, taken out of its fields; None where it has none."""
    if "id" not in fields:
        return None
    found = fields.pop("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, str) and 1 <= len(found) <= MAX_NAME:
        return found
    raise BadMessage(ErrorCode.BAD_FIELD, f'"id" must be an integer or a string of 1 to {MAX_NAME} characters')


def _build(fields: dict[str, Any], message_id: MessageId | None) -> ClientMessage:
    kind = fields.pop("type", None)
    if not isinstance(kind, str) or kind not in _TYPES:
        found = f"{kind[:MAX_NAME]!r}" if isinstance(kind, str) else "no string"
        raise BadMessage(ErrorCode.UNKNOWN_TYPE, f'"type" is {found}; known are {", ".join(_TYPES)}')
    build, expected = _TYPES[kind]
    if unknown := sorted(fields.keys() - expected):
        raise BadMessage(
            ErrorCode.UNKNOWN_FIELD, f'"{unknown[0][:MAX_NAME]}" is no field of {kind}; it has {_listed(expected)}'
        )
    if missing := sorted(expected - fields.keys()):
        raise BadMessage(ErrorCode.MISSING_FIELD, f'{kind} lacks "{missing[0]}"; it has {_listed(expected)}')
    for name in expected - {"data"}:
        if not isinstance(fields[name], str) or not 1 <= len(fields[name]) <= MAX_NAME:
            raise BadMessage(ErrorCode.BAD_FIELD, f'"{name}" must be a string of 1 to {MAX_NAME} characters')
    return build(**fields, id=message_id)


def _listed(fields: frozenset[str]) -> str:
    return ", ".join(["type", *sorted(fields), "id (optional)"])


def welcome(client_id: str) -> str:
    """Tells a client its own id."""
    return _encode({"type": "welcome", "client_id": client_id})


def room_message(room: str, sender: str, data: Any) -> str:
    """What the members of a room receive."""
    return _encode({"type": "message", "scope": "room", "room": room, "from": sender, "data": data})


def broadcast_message(sender: str, data: Any) -> str:
    """What everyone receives."""
    return _encode({"type": "message", "scope": "broadcast", "from": sender, "data": data})


def private_message(sender: str, data: Any) -> str:
    """What one client receives from another."""
    return _encode({"type": "message", "scope": "private", "from": sender, "data": data})


def echo(data: Any) -> str:
    """The answer to an echo."""
    return _encode({"type": "echo", "data": data})


def pong() -> str:
    """The answer to a ping."""
    return _encode({"type": "pong"})


def ack(message_id: MessageId) -> str:
    """Confirms that a message was followed."""
    return _encode({"type": "ack", "id": message_id})


def error(refusal: BadMessage) -> str:
    """Says why a message was not followed."""
    fields: dict[str, Any] = {"type": "error", "code": refusal.code, "message": str(refusal)}
    if refusal.id is not None:
        fields["id"] = refusal.id
    return _encode(fields)


def reconnect(after_ms: int) -> str:
    """Asks a client to connect again, `after_ms` milliseconds after the close that follows."""
    return _encode({"type": "reconnect", "after_ms": after_ms})


def _encode(message: dict[str, Any]) -> str:
    try:
        return _ENCODER.encode(message)
    except RecursionError:
        raise BadMessage(ErrorCode.BAD_JSON, '"data" is nested too deeply; flatten it') from None
