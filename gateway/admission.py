"""Who may connect: the origin allow-list, the limit of connections, nobody while draining. Decides, answers nothing.

A page of another site can open a WebSocket with its visitor's cookies, and only the Origin header gives it away:
browsers send it with every handshake, and scripts cannot change it (RFC 6455, section 10.2). So a listed origin is let
in and any other refused; there is no `*`. A handshake without the header comes from a program, not a page, and a
program that wants to lie would send whatever is listed: refusing it would protect nobody, so it is let in unless the
settings say otherwise.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from gateway.origin import parse_origin


class Outcome(enum.StrEnum):
    """How a handshake ended; the label of the handshake metric."""

    ACCEPTED = "accepted"
    REFUSED_ORIGIN = "refused_origin"
    REFUSED_DRAINING = "refused_draining"
    REFUSED_CAPACITY = "refused_capacity"
    ABANDONED = "abandoned"
    """Would have been accepted, but the peer was gone before the answer."""


class Admission:
    """The rules, fixed for the life of a process. Raises ValueError where an allowed origin is none."""

    def __init__(self, allowed_origins: Iterable[str], allow_missing_origin: bool, max_connections: int) -> None:
        self._allowed = frozenset(parse_origin(text) for text in allowed_origins)
        self._allow_missing = allow_missing_origin
        self._max_connections = max_connections

    def decide(self, origins: Sequence[str], connections: int, draining: bool) -> Outcome:
        """The outcome for a handshake with these Origin headers while `connections` are open.

        The origin comes first: a page that may not connect learns nothing about the state of the process.
        """
        if not self._is_allowed(origins):
            return Outcome.REFUSED_ORIGIN
        if draining:
            return Outcome.REFUSED_DRAINING
        if connections >= self._max_connections:
            return Outcome.REFUSED_CAPACITY
        return Outcome.ACCEPTED

    def _is_allowed(self, origins: Sequence[str]) -> bool:
        if not origins:
            return self._allow_missing
        if len(origins) > 1:
            return False  # no browser sends two, and which of them counts would be a guess
        try:
            return parse_origin(origins[0]) in self._allowed
        except ValueError:  # also "null", which a sandboxed page of any site can send
            return False
