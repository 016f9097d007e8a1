"""Pings once per interval of silence, inactive after one unanswered, given up at last; a sign of life undoes it all."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.heartbeat import Beat, Pulse, Rhythm, beat, is_inactive

RHYTHM = Rhythm(ping_after_s=20, inactive_after_s=40, close_after_s=80)


def beat_of(pulse: Pulse, now: float) -> Beat:
    return beat([("c", pulse)], now, RHYTHM)


@pytest.mark.parametrize(
    ("silence", "pinged_before", "ping", "close", "inactive"),
    [
        (0.0, None, False, False, False),
        (19.9, None, False, False, False),
        (20.0, None, True, False, False),
        (39.9, 19.8, False, False, False),
        (40.0, 20.0, True, False, True),
        (79.9, 5.0, False, False, True),
        (80.0, 20.0, False, True, True),
        (500.0, None, False, True, True),
    ],
)
def test_standing_by_silence(
    silence: float, pinged_before: float | None, ping: bool, close: bool, inactive: bool
) -> None:
    pulse = Pulse(heard_at=1000.0)
    now = 1000.0 + silence
    if pinged_before is not None:
        pulse = replace(pulse, pinged_at=now - pinged_before)
    assert beat_of(pulse, now) == Beat(("c",) if ping else (), ("c",) if close else ())
    assert is_inactive(pulse, now, RHYTHM) == inactive


@given(st.lists(st.integers(0, 1000), max_size=20), st.integers(0, 300))
def test_a_connection_lives_exactly_as_long_as_it_is_heard(heard: list[int], until: int) -> None:
    """Second by second: closed at the first silence of 80 s and never sooner, pinged at most every 20 s."""
    pulse, pings = Pulse(heard_at=0.0), []
    for now in range(until):
        if now in heard:
            pulse.heard_at = float(now)
        due = beat_of(pulse, float(now))
        silence = now - max([0, *(t for t in heard if t <= now)])
        assert bool(due.close) == (silence >= 80)
        if due.close:
            break
        if due.ping:
            assert silence >= 20
            pulse.pinged_at = float(now)
            pings.append(now)
    assert all(later - earlier >= 20 for earlier, later in pairwise(pings))


def test_each_is_judged_by_its_own_pulse() -> None:
    pulses = [("fresh", Pulse(100.0)), ("silent", Pulse(75.0)), ("dead", Pulse(0.0))]
    assert beat(pulses, 100.0, RHYTHM) == Beat(ping=("silent",), close=("dead",))
