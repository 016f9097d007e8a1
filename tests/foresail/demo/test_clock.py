"""The demo's clock: begins a tick when it is due, waits for whoever is late, and says what speed came of it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresail.demo import clock as module
from foresail.demo.clock import LATE, Clock

TICK = timedelta(seconds=15)
SPEED = 60.0
PERIOD_S = 0.25


class Seconds:
    """Stands for `time` and for `asyncio` in the clock: real seconds pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def begins(work_s: list[float]) -> tuple[list[float], Clock]:
    """When each tick began, counted from the first, where the ticks' work takes so long; and the clock."""
    seconds = Seconds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "time", seconds)
        patch.setattr(module, "asyncio", seconds)
        clock = Clock(TICK, SPEED)
        seconds.now_s += 7.0  # pods start in the meantime

        async def play() -> list[float]:
            times = []
            for work in work_s:
                await clock.next()
                times.append(seconds.now_s)
                seconds.now_s += work
            return times

        times = asyncio.run(play())
        assert clock.elapsed_s == pytest.approx(7.0 + times[-1] - times[0] + work_s[-1])
    return [t - times[0] for t in times], clock


def test_the_time_that_passed_counts_from_the_start_that_is_given() -> None:
    started_s = time.monotonic() - 1000.0
    assert Clock(TICK, SPEED, started_s).elapsed_s >= 1000.0
    assert Clock(TICK, SPEED).elapsed_s < 1000.0


def test_ticks_that_are_in_time_begin_when_they_are_due() -> None:
    times, clock = begins([0.1] * 5)
    assert times == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert clock.speed == pytest.approx(SPEED)
    assert (clock.ticks, clock.late_ticks) == (5, 0)


def test_lost_time_is_not_caught_up() -> None:
    times, clock = begins([0.1, 1.25, 0.1, 0.1, 0.1])
    assert times[2] == pytest.approx(1.5)
    assert times[4] >= 1.5 + (2 - LATE) * PERIOD_S
    assert clock.late_ticks == 1
    assert clock.speed < SPEED


def test_the_jitter_of_timers_does_not_slow_the_clock() -> None:
    jitter = LATE * PERIOD_S / 2
    times, clock = begins([PERIOD_S + jitter if k % 2 else PERIOD_S - 2 * jitter for k in range(101)])
    assert times[-1] == pytest.approx(100 * PERIOD_S, abs=2 * jitter)
    assert clock.late_ticks == 0


def test_until_two_ticks_have_begun_the_speed_is_what_was_asked_for() -> None:
    assert Clock(TICK, SPEED).speed == SPEED
    assert begins([5.0])[1].speed == SPEED


@given(st.lists(st.floats(0, 2), min_size=2, max_size=30))
def test_no_tick_begins_before_it_is_due(work_s: list[float]) -> None:
    times, clock = begins(work_s)
    for k, (before, after) in enumerate(pairwise(times)):
        assert after >= (k + 1) * PERIOD_S - 1e-9
        assert after - before >= max(work_s[k], (1 - LATE) * PERIOD_S) - 1e-9
    assert clock.speed <= SPEED * (1 + 1e-9)


async def test_a_real_clock_waits_for_real() -> None:
    clock = Clock(TICK, 600.0)
    for _ in range(5):
        await clock.next()
    assert clock.elapsed_s >= 4 * clock.period_s * (1 - LATE)
    assert clock.ticks == 5
