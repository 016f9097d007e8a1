"""What can go wrong in the gateway.

* GatewayError
    * BadSettings        an environment variable that is unknown or holds something that is not allowed
    * CannotListen       the address cannot be listened on
        * PortInUse      ... because another process already does
    * BadMessage         a client's message that cannot be followed; answered to that client, never fatal
"""

from __future__ import annotations

import enum


class GatewayError(Exception):
    """Base of every error that this package raises on purpose; its text is written for the user."""


class BadSettings(GatewayError):
    """Settings that cannot be used: says which variable, what was found and what is allowed."""


class CannotListen(GatewayError):
    """An address that cannot be listened on."""

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        super().__init__(host, port, cause)
        self.host = host
        self.port = port
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"cannot listen on {self.host} port {self.port}: {self.cause.strerror}; "
            "choose an address of this machine and a port that this user may open"
        )


class PortInUse(CannotListen):
    """Another process listens on this port."""

    def __str__(self) -> str:
        return (
            f"port {self.port} on {self.host} is in use by another process; "
            "stop that process, or choose another port (0 picks a free one)"
        )


class ErrorCode(enum.StrEnum):
    """Why a client's message was not followed; the `code` of an error reply, and a label of the metrics."""

    NOT_TEXT = "not_text"
    TOO_LARGE = "too_large"
    BAD_JSON = "bad_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    BAD_FIELD = "bad_field"
    NOT_IN_ROOM = "not_in_room"
    TOO_MANY_ROOMS = "too_many_rooms"
    UNKNOWN_CLIENT = "unknown_client"


class BadMessage(GatewayError):
    """A client's message that cannot be followed; `id` is the message's own, where it could be read."""

    def __init__(self, code: ErrorCode, text: str, message_id: str | int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.id = message_id
