"""The gateway's settings, one value per concern, read once at the entry point from `FORESAIL_GATEWAY_*` variables.

A field is set by the variable of its name in capitals: `max_connections` by FORESAIL_GATEWAY_MAX_CONNECTIONS. Each
field's description says the unit and why the default is what it is.

No setting asks who a client is or slows one down: this version has no authentication and no rate limits. The list of
origins keeps foreign web pages out, not programs. Put the gateway behind a proxy that has both, or wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.errors import BadSettings
from gateway.origin import parse_origin

PREFIX = "FORESAIL_GATEWAY_"


def _origins(value: object) -> object:
    """A comma-separated text as a tuple of origins, each checked; anything else is left to the type's own check."""
    texts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if isinstance(texts, Iterable):
        texts = tuple(texts)
        for text in texts:
            parse_origin(str(text))
    return texts


class _Concern(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Listen(_Concern):
    """Where to listen."""

    host: Annotated[
        str,
        Field(description="Address. Only this machine by default, lest it be exposed by accident; 0.0.0.0 in a pod."),
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port; 0 picks a free one.")] = 8080


class Origins(_Concern):
    """Which web pages may connect."""

    allowed_origins: Annotated[
        tuple[str, ...],
        BeforeValidator(_origins),
        Field(
            description="Origins of the pages that may connect, separated by commas, as https://chat.example. "
            "None by default: a list that nobody wrote cannot be right. There is no `*`."
        ),
    ] = ()
    allow_missing_origin: Annotated[
        bool,
        Field(
            description="Whether a handshake without an Origin header is let in. Yes by default: browsers always send "
            "the header, and a program that does not could forge it, so refusing protects nobody."
        ),
    ] = True


class Limits(_Concern):
    """How much one process and one client may use."""

    max_connections: Annotated[
        int,
        Field(
            ge=1,
            description="Connections; beyond it handshakes get 503. Fits the CPU of one core at chat traffic. "
            "The limit of open files is raised to 128 more than this; where the system forbids it, nothing starts.",
        ),
    ] = 1000
    max_message_bytes: Annotated[
        int,
        Field(
            ge=64,
            description="Bytes of one incoming message. 64 KiB holds any chat message. A larger one gets an error "
            "reply, one of more than four times this is cut off with close code 1009 before it is buffered.",
        ),
    ] = 65536
    max_rooms: Annotated[
        int,
        Field(
            ge=1,
            description="Rooms that one client may be in. Bounds the memory that a client can take; people use tens.",
        ),
    ] = 100
    queue_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Bytes that wait for one client that reads slowly; beyond it the connection is closed with "
            "4008. 1 MiB rides out seconds of a bad mobile link and bounds the memory of a dead one.",
        ),
    ] = 1048576
    queue_messages: Annotated[
        int,
        Field(ge=1, description="Messages that wait for one client; as queue_bytes, for many small ones."),
    ] = 4096


class Heartbeat(_Concern):
    """How silence of a client is taken. Anything that it sends ends the silence, also the pong to a protocol ping."""

    ping_after_s: Annotated[
        float,
        Field(
            gt=0, description="Seconds of silence until a ping. 20 is under the idle timeout of common proxies (60)."
        ),
    ] = 20.0
    inactive_after_s: Annotated[
        float, Field(gt=0, description="Seconds of silence until a connection counts as inactive: one ping unanswered.")
    ] = 40.0
    close_after_s: Annotated[
        float, Field(gt=0, description="Seconds of silence until a connection is closed: three pings unanswered.")
    ] = 80.0

    @model_validator(mode="after")
    def _in_order(self) -> Heartbeat:
        if not self.ping_after_s < self.inactive_after_s < self.close_after_s:
            raise ValueError(
                f"ping_after_s {self.ping_after_s:g}, inactive_after_s {self.inactive_after_s:g}, "
                f"close_after_s {self.close_after_s:g}; expected each to be longer than the one before"
            )
        return self


class Drain(_Concern):
    """How a process stops. The two and the close handshake (5 s) have to fit into a pod's grace period (30 s)."""

    drain_window_s: Annotated[
        float,
        Field(ge=0, description="Seconds over which the closes are spread. 15: 1000 clients reconnect at 67 a second."),
    ] = 15.0
    flush_timeout_s: Annotated[
        float,
        Field(ge=0, description="Seconds that slow clients have after the window to take what waits for them."),
    ] = 5.0


class Settings(_Concern):
    """Everything that a gateway process can be told."""

    listen: Listen = Listen()
    origins: Origins = Origins()
    limits: Limits = Limits()
    heartbeat: Heartbeat = Heartbeat()
    drain: Drain = Drain()


_VARIABLES: dict[str, tuple[str, str]] = {
    PREFIX + field.upper(): (concern, field)
    for concern, info in Settings.model_fields.items()
    for field in info.default.__class__.model_fields
}


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment; defaults for what it does not name.

    Raises BadSettings where a variable with the prefix is unknown (a misspelt limit would otherwise be no limit) or
    holds what is not allowed.
    """
    values: dict[str, dict[str, str]] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or _is_service_link(variable, text):
            continue
        if variable not in _VARIABLES:
            raise BadSettings(f"{variable} is no setting of the gateway; known are {', '.join(_VARIABLES)}")
        concern, field = _VARIABLES[variable]
        values.setdefault(concern, {})[field] = text
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise BadSettings("; ".join(_describe(detail) for detail in error.errors())) from None


def _is_service_link(variable: str, text: str) -> bool:
    """Whether Kubernetes put it there: a Service named foresail-gateway gives every pod FORESAIL_GATEWAY_PORT=tcp://..."""
    name = variable.removeprefix(PREFIX)
    return text.startswith(("tcp://", "udp://", "sctp://")) or bool(
        re.fullmatch(r"SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?", name)
    )


def _describe(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if len(detail["loc"]) < 2:  # a rule over several fields names them itself
        return message
    return f"{PREFIX}{str(detail['loc'][1]).upper()} is {str(detail['input'])[:80]!r}: {message}"
