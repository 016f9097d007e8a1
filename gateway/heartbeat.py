"""Which connections to ping, which are past their heartbeat, which are to be given up. Reads no clock.

silence of the peer        standing     what happens
< ping_after               active       nothing
>= ping_after              active       a ping, once per ping_after
>= inactive_after          inactive     counted as inactive, still pinged; one byte of it makes it active again
>= close_after             inactive     closed
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rhythm:
    """Seconds of silence until a ping, until a connection counts as inactive, and until it is given up."""

    ping_after_s: float
    inactive_after_s: float
    close_after_s: float


@dataclass(slots=True)
class Pulse:
    """When anything last came from the peer (a pong counts), and when it was last pinged; seconds on one clock."""

    heard_at: float
    pinged_at: float = -math.inf


@dataclass(frozen=True, slots=True)
class Beat:
    """The ids of the connections to ping and of those to give up."""

    ping: tuple[str, ...]
    close: tuple[str, ...]


def beat(pulses: Iterable[tuple[str, Pulse]], now: float, rhythm: Rhythm) -> Beat:
    """What is due at `now`. The caller notes in the pulse when it has pinged."""
    ping, close = [], []
    for client_id, pulse in pulses:
        silence = now - pulse.heard_at
        if silence < rhythm.ping_after_s:
            continue
        if silence >= rhythm.close_after_s:
            close.append(client_id)
        elif now - pulse.pinged_at >= rhythm.ping_after_s:
            ping.append(client_id)
    return Beat(tuple(ping), tuple(close))


def is_inactive(pulse: Pulse, now: float, rhythm: Rhythm) -> bool:
    """Whether the peer has been silent past its heartbeat."""
    return now - pulse.heard_at >= rhythm.inactive_after_s
