"""The demo's clock: runs so many times faster than the real one, and waits for whoever is late.

A tick begins when it is due or when the one before it is done, whichever is later. Time that was lost is not caught up,
so a slow machine plays the same load in the same order and only takes longer; the report says how much. Only lateness
below a tenth of a tick is made good, or the jitter of timers alone would slow the clock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

LATE = 0.1
"""A tick that starts later than this share of its length counts as late."""


class Clock:
    """Real seconds for ticks of virtual time."""

    def __init__(self, tick: timedelta, speed: float, started_s: float | None = None) -> None:
        """`started_s`: the moment that `elapsed_s` counts from, on the monotonic clock; now where it is None."""
        self._period_s = tick.total_seconds() / speed
        self._asked = speed
        self._tick = tick
        self._first_s = self._began_s = self._due_s = time.monotonic()
        self._started_s = self._first_s if started_s is None else started_s
        self.ticks = 0
        self.late_ticks = 0

    @property
    def period_s(self) -> float:
        """Real seconds that a tick takes when nobody is late."""
        return self._period_s

    @property
    def elapsed_s(self) -> float:
        """Real seconds since the start."""
        return time.monotonic() - self._started_s

    @property
    def speed(self) -> float:
        """Virtual seconds per real second from the first tick to the latest; what was asked for until there are two."""
        if self.ticks < 2:
            return self._asked
        return (self.ticks - 1) * self._tick.total_seconds() / (self._began_s - self._first_s)

    async def next(self) -> None:
        """Returns when the next tick may begin; the first one may at once."""
        now_s = time.monotonic()
        if not self.ticks:
            self._first_s = self._due_s = now_s
        if now_s < self._due_s:
            await asyncio.sleep(self._due_s - now_s)
        elif now_s - self._due_s > LATE * self._period_s:
            self.late_ticks += 1
        self._began_s = time.monotonic()
        self._due_s = max(self._due_s, self._began_s - LATE * self._period_s) + self._period_s
        self.ticks += 1
