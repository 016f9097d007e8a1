"""Which connection leaves when, so that a stopping process does not send all its clients to its neighbours at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RESTARTING = 1012
"""Close code "service restart" (IANA registry of RFC 6455 close codes): the client is asked to connect again."""

MAX_AFTER_MS = 1000
_GOLDEN_RATIO = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Departure:
    """A client leaves `at_s` seconds after the drain began and is asked to wait `after_ms` before it connects again."""

    client_id: str
    at_s: float
    after_ms: int


def schedule(client_ids: Sequence[str], window_s: float) -> list[Departure]:
    """Every client once, in order, in the middle of its own n-th of the window.

    The waits that clients are asked for break up what is left of the rhythm, also when several processes drain at once.
    They follow the golden ratio: any few neighbours are spread over the whole second, and no dice are needed.
    """
    share = window_s / max(1, len(client_ids))
    return [
        Departure(client_id, (i + 0.5) * share, int(i * _GOLDEN_RATIO % 1.0 * MAX_AFTER_MS))
        for i, client_id in enumerate(client_ids)
    ]
