"""What the floor has added to the HPA's own wish over the last day, and how much more of that is allowed.

Pod-time is booked into hours of the clock. The day is counted in whole hours, so that it is a little long and never
short: an hour counts until its end is a day ago.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from controller.domain import Bounds, Memory, Observed, Policy, SpentHour

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# After a pause nobody knows what was held meanwhile; a minute of it is booked, which is more than a tick.
_LONGEST_BOOKED = timedelta(minutes=1)
_SCARCEST = 1e-6


class Day(NamedTuple):
    """The booked hours of a day in one sum, which every rule of a decision asks: see `SpentHour` for the figures."""

    extra: float
    base: float
    seconds: float

    @classmethod
    def of(cls, hours: Sequence[SpentHour]) -> Self:
        return cls(
            sum([hour.extra for hour in hours]),
            sum([hour.base for hour in hours]),
            sum([hour.seconds for hour in hours]),
        )

    def mean_wish(self, otherwise: int) -> float:
        """What the HPA alone held in the mean, or `otherwise` before anything is known of it."""
        return self.base / self.seconds if self.seconds else float(otherwise)


def book(memory: Memory, bounds: Bounds, observed: Observed, now: datetime) -> tuple[SpentHour, ...]:
    """The hours of the last day with the time since the last decision added; at most 25.

    The floor that was decided last is held against the wish seen now; while that is unknown, against the newest that
    is known, because an HPA without metrics stays where it is. A pause of more than a minute books a minute, and what
    the user's own minimum holds is nobody's extra.
    """
    hours = _of_last_day(memory.spent, now)
    if memory.decided_at is None:
        return hours
    seconds = min(now - memory.decided_at, _LONGEST_BOOKED).total_seconds()
    if seconds <= 0:
        return hours
    known = observed.hpa_wish is not None
    wish = max(_newest_known(hours) if observed.hpa_wish is None else observed.hpa_wish, bounds.min_replicas)
    extra = max(0, memory.floor - wish) * seconds
    base, counted = (wish * seconds, seconds) if known else (0.0, 0.0)
    if not hours or now - hours[-1].start >= _HOUR:
        start = now.replace(minute=0, second=0, microsecond=0)
        return (*hours, SpentHour(start, extra, base, counted))
    hour = hours[-1]
    return (*hours[:-1], SpentHour(hour.start, hour.extra + extra, hour.base + base, hour.seconds + counted))


def _newest_known(hours: Sequence[SpentHour]) -> float:
    """The mean of the last hour of the day in which the wish was known; none where it never was, so that what is
    booked is then the most that it can have been."""
    return next((hour.base / hour.seconds for hour in reversed(hours) if hour.seconds), 0.0)


def _of_last_day(hours: tuple[SpentHour, ...], now: datetime) -> tuple[SpentHour, ...]:
    if hours and hours[0].start + _HOUR <= now - _DAY:
        return tuple(hour for hour in hours if hour.start + _HOUR > now - _DAY)
    return hours


def wish_or_mean(observed: Observed, bounds: Bounds, day: Day) -> int:
    """What the HPA would hold, or the mean of the day's wishes while that is unknown; at least the user's minimum."""
    if observed.hpa_wish is not None:
        return max(observed.hpa_wish, bounds.min_replicas)
    return max(round(day.mean_wish(bounds.min_replicas)), bounds.min_replicas)


def unspent(policy: Policy, day: Day, wish: int) -> float:
    """Pod-seconds that the floor may still add today; negative once overspent.

    The allowance is a percentage of what the HPA alone runs in a day: the mean of its known wishes, or `wish` before
    any is known.
    """
    allowance = policy.budget_percent / 100 * day.mean_wish(wish) * _DAY.total_seconds()
    return allowance - day.extra


def scarcity(policy: Policy, day: Day, wish: int) -> float:
    """How many times dearer a pod is for what the day has spent: once at first, twice when half of the budget is gone.

    A price that rises with what is gone keeps the rest for the hours in which a forecast is sharp.
    """
    left = unspent(policy, day, wish)
    whole = left + day.extra
    return whole / max(left, _SCARCEST * whole) if whole > 0 else 1 / _SCARCEST


def affordable(policy: Policy, left: float, wish: int) -> int:
    """The largest floor that `left` pod-seconds pay for until it can be gone again; at least `wish`.

    A pod granted now stays for the hold and then leaves at the ramp, of which whole pods waste up to half. Meanwhile
    less is left and less is granted, a hold late: the extra obeys x'(t) = -x(t - hold) / period, which never
    overspends where period >= e hold; three holds are that, with room.
    """
    ramp_seconds = 60 * 100 / policy.ramp_down.percent_per_minute
    period = 3 * policy.ramp_down.hold.total_seconds() + 2 * ramp_seconds
    return wish + math.floor(max(0.0, left) / period)
