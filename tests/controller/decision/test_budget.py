"""Booking pod-time into hours of the clock, what counts as the last day, and what the rest of a budget pays for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.budget import Day, affordable, book, scarcity, unspent, wish_or_mean
from controller.domain import Bounds, Memory, RampDown, SpentHour
from tests.helpers.builders import a_policy, an_observation, at

BOUNDS = Bounds(2, 40)


def remembering(floor: int, decided_minutes: float | None, *spent: SpentHour) -> Memory:
    return Memory(floor, at(), None if decided_minutes is None else at(decided_minutes), (), spent)


def test_the_time_since_the_last_decision_is_booked_at_the_floor_that_was_held() -> None:
    hours = book(remembering(9, 0), BOUNDS, an_observation(hpa_wish=6), at(seconds=15))
    assert hours == (SpentHour(at(), extra=45.0, base=90.0, seconds=15.0),)


def test_time_in_the_same_hour_is_added_and_a_new_hour_begins_a_new_record() -> None:
    first = SpentHour(at(), 45.0, 90.0, 15.0)
    assert book(remembering(9, 59.5, first), BOUNDS, an_observation(hpa_wish=6), at(minutes=59.75)) == (
        SpentHour(at(), 90.0, 180.0, 30.0),
    )
    assert book(remembering(9, 59.75, first), BOUNDS, an_observation(hpa_wish=6), at(minutes=60)) == (
        first,
        SpentHour(at(minutes=60), 45.0, 90.0, 15.0),
    )


def test_a_floor_below_the_wish_costs_nothing_and_counts_as_known_time() -> None:
    hours = book(remembering(4, 0), BOUNDS, an_observation(hpa_wish=6), at(seconds=10))
    assert hours == (SpentHour(at(), extra=0.0, base=60.0, seconds=10.0),)


def test_what_the_minimum_of_the_user_holds_is_not_extra() -> None:
    hours = book(remembering(2, 0), BOUNDS, an_observation(hpa_wish=1), at(seconds=10))
    assert hours == (SpentHour(at(), extra=0.0, base=20.0, seconds=10.0),)


def test_of_a_pause_one_minute_is_booked() -> None:
    hours = book(remembering(9, 0), BOUNDS, an_observation(hpa_wish=6), at(minutes=45))
    assert hours == (SpentHour(at(), extra=180.0, base=360.0, seconds=60.0),)


@pytest.mark.parametrize("decided_minutes", [None, 1], ids=["first decision", "clock set back"])
@pytest.mark.parametrize("wish", [None, 6])
def test_nothing_is_booked_of(wish: int | None, decided_minutes: float | None) -> None:
    kept = SpentHour(at(), 1.0, 2.0, 3.0)
    assert book(remembering(9, decided_minutes, kept), BOUNDS, an_observation(hpa_wish=wish), at(seconds=30)) == (kept,)


def test_while_the_wish_is_unknown_the_newest_that_is_known_stands_in() -> None:
    """An HPA without metrics stays where it is; its mean over the day is not what it would hold."""
    quiet, busy = SpentHour(at(-120), 0.0, 4 * 3600.0, 3600.0), SpentHour(at(-60), 0.0, 7 * 3600.0, 3600.0)
    unknown = an_observation(hpa_wish=None)
    once = book(remembering(9, 0, quiet, busy), BOUNDS, unknown, at(seconds=15))
    assert once == (quiet, busy, SpentHour(at(), extra=30.0, base=0.0, seconds=0.0))
    twice = book(remembering(9, 0.25, *once), BOUNDS, unknown, at(seconds=30))
    assert twice == (quiet, busy, SpentHour(at(), extra=60.0, base=0.0, seconds=0.0))
    assert Day.of(twice).mean_wish(2) == 5.5  # what is not known changes no mean


def test_of_a_wish_that_was_never_known_the_most_that_it_can_cost_is_booked() -> None:
    hours = book(remembering(9, 0), BOUNDS, an_observation(hpa_wish=None), at(seconds=15))
    assert hours == (SpentHour(at(), extra=7 * 15.0, base=0.0, seconds=0.0),)
    assert Day.of(hours).mean_wish(2) == 2.0


def test_an_hour_counts_until_its_end_is_a_day_ago() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    old, newer = SpentHour(at(), 1.0, 1.0, 1.0), SpentHour(at() + hour, 2.0, 2.0, 2.0)
    memory = remembering(9, None, old, newer)
    assert book(memory, BOUNDS, an_observation(), at() + hour + day - timedelta(seconds=1)) == (old, newer)
    assert book(memory, BOUNDS, an_observation(), at() + hour + day) == (newer,)


@given(ticks=st.lists(st.integers(1, 7200), max_size=200))
def test_never_more_than_25_hours_are_kept_oldest_first(ticks: list[int]) -> None:
    now, memory = at(), remembering(9, 0)
    for seconds in ticks:
        now += timedelta(seconds=seconds)
        memory = Memory(9, at(), now, (), book(memory, BOUNDS, an_observation(hpa_wish=6), now))
    starts = [hour.start for hour in memory.spent]
    assert starts == sorted(set(starts))
    assert len(starts) <= 25


def test_the_allowance_is_a_percentage_of_a_day_of_the_mean_wish() -> None:
    policy = a_policy(budget_percent=10)
    assert unspent(policy, Day.of(()), wish=6) == pytest.approx(0.1 * 6 * 86400)
    spent = (SpentHour(at(), 100.0, 4 * 600.0, 600.0), SpentHour(at(60), 200.0, 8 * 600.0, 600.0))
    assert unspent(policy, Day.of(spent), wish=40) == pytest.approx(0.1 * 6 * 86400 - 300)


@pytest.mark.parametrize(
    ("percent", "spent", "times"), [(10, 0.0, 1), (10, 0.5, 2), (10, 0.9, 10), (10, 1.2, 1e6), (0, 0.0, 1e6)]
)
def test_a_pod_is_dearer_the_more_the_day_has_spent(percent: float, spent: float, times: float) -> None:
    day = Day.of([SpentHour(at(), spent * 0.1 * 6 * 86400, 6 * 600.0, 600.0)])
    assert scarcity(a_policy(budget_percent=percent), day, wish=6) == pytest.approx(times)


def test_what_is_left_pays_for_pods_until_they_can_be_gone_again() -> None:
    policy = a_policy(ramp_down=RampDown(hold=timedelta(minutes=5), percent_per_minute=10))
    period_s = (3 * 5 + 2 * 10) * 60
    assert affordable(policy, left=3.5 * period_s, wish=6) == 9
    assert affordable(policy, left=0.0, wish=6) == 6
    assert affordable(policy, left=-1.0, wish=6) == 6


def test_the_mean_stands_in_for_an_unknown_wish() -> None:
    day = Day.of([SpentHour(at(), 0.0, 7 * 60.0, 60.0)])
    assert wish_or_mean(an_observation(hpa_wish=4), BOUNDS, day) == 4
    assert wish_or_mean(an_observation(hpa_wish=1), BOUNDS, day) == 2
    assert wish_or_mean(an_observation(hpa_wish=None), BOUNDS, day) == 7
    assert wish_or_mean(an_observation(hpa_wish=None), BOUNDS, Day.of(())) == 2
