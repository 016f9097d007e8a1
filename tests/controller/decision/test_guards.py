"""Each guard over a constant proposal: what it changes, what it leaves alone, and the reason it gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.budget import Day, unspent, wish_or_mean
from controller.decision.guards import (
    GRANTING,
    RELEASING,
    Context,
    Guard,
    Proposal,
    budget,
    calendar,
    ceiling,
    hpa_path,
    minimum,
    never_below_hpa,
    ramp_down,
    remembered,
    through,
)
from controller.domain import Memory, Mode, Planned, Policy, RampDown, Reason, SpentHour, Wish
from tests.helpers.builders import a_policy, an_observation, at

HOLD = timedelta(minutes=5)


def a_context(
    *,
    policy: Policy | None = None,
    floor: int = 10,
    changed_at: datetime | None = None,
    wishes: tuple[Wish, ...] = (),
    spent: tuple[SpentHour, ...] = (),
    hpa_wish: int | None = 2,
    now: datetime | None = None,
    replicas: int | None = None,
    forecast: bool = True,
) -> Context:
    memory = Memory(floor, changed_at or at(), at(), wishes, spent)
    there = (
        an_observation(hpa_wish=hpa_wish) if replicas is None else an_observation(hpa_wish=hpa_wish, replicas=replicas)
    )
    policy = policy or a_policy()
    wish = wish_or_mean(there, policy.bounds, Day.of(spent))
    left = unspent(policy, Day.of(spent), wish)
    return Context(policy, there, memory, wish, left, now or at(minutes=1), forecast)


def result(guard: Guard, replicas: int, context: Context) -> int:
    """What becomes of a proposal, once it is certain that a reason is there exactly where something changed."""
    proposal = guard(Proposal(replicas, ()), context)
    changes = [(reason.before, reason.after) for reason in proposal.reasons]
    assert changes == ([] if proposal.replicas == replicas else [(replicas, proposal.replicas)])
    return proposal.replicas


def test_guards_run_in_order_and_each_adds_its_reason() -> None:
    context = a_context(policy=a_policy(min_replicas=3, max_replicas=6), floor=6, hpa_wish=8, replicas=8)
    final = through((*GRANTING, *RELEASING), Proposal(1, (Reason("forecast", 6, 1, "one pod"),)), context)
    assert [(reason.rule, reason.before, reason.after) for reason in final.reasons] == [
        ("forecast", 6, 1),
        ("minimum", 1, 3),
        ("ramp-down", 3, 6),
    ]
    assert final.replicas == 6


@pytest.mark.parametrize(
    ("minutes", "asked", "expected"),
    [
        (-2, 5, 5),  # more than a lead time before the first entry
        (-1, 5, 12),
        (0, 5, 12),
        (0, 15, 15),
        (5, 5, 20),  # two entries: the one that asks for more
        (10, 5, 20),
        (20, 5, 5),  # over
    ],
)
def test_the_calendar_is_kept_from_a_lead_time_before(minutes: float, asked: int, expected: int) -> None:
    entries = (Planned(at(0), at(10), 12, "match"), Planned(at(5), at(20), 20))
    policy = replace(a_policy(budget_percent=0), events=entries)
    assert result(calendar, asked, a_context(policy=policy, now=at(minutes))) == expected
    assert result(calendar, asked, a_context(policy=replace(policy, mode=Mode.PAUSED), now=at(minutes))) == asked


def test_an_entry_of_the_calendar_says_why() -> None:
    policy = replace(a_policy(), events=(Planned(at(0), at(10), 12, "the match"),))
    (reason,) = calendar(Proposal(5, ()), a_context(policy=policy)).reasons
    assert reason.because == "the calendar asks for 12 from 2026-03-02 20:00 on: the match"


@pytest.mark.parametrize(
    ("wish", "there", "asked", "expected"),
    [
        (15, 13, 10, 15),  # the HPA rests within its tolerance, lower than it would by itself
        (15, 13, 16, 16),
        (15, 15, 10, 10),  # it holds as many: nothing to add
        (15, 18, 10, 10),
        (None, 13, 10, 10),  # unknown: nothing to go by
    ],
)
def test_hpa_path_asks_for_what_the_hpa_alone_would_hold(
    wish: int | None, there: int, asked: int, expected: int
) -> None:
    assert result(hpa_path, asked, a_context(hpa_wish=wish, replicas=there)) == expected


def test_hpa_path_leaves_the_plain_hpa_alone_without_a_forecast() -> None:
    assert result(hpa_path, 2, a_context(hpa_wish=15, replicas=13, forecast=False)) == 2


@pytest.mark.parametrize(("replicas", "expected"), [(0, 2), (2, 2), (3, 3), (41, 41)])
def test_minimum(replicas: int, expected: int) -> None:
    assert result(minimum, replicas, a_context()) == expected


@pytest.mark.parametrize(("replicas", "expected"), [(0, 0), (40, 40), (41, 40), (10**9, 40)])
def test_ceiling(replicas: int, expected: int) -> None:
    assert result(ceiling, replicas, a_context()) == expected


def an_hour(*, extra: float) -> SpentHour:
    return SpentHour(at(), extra=extra, base=6 * 3600.0, seconds=3600.0)


@pytest.mark.parametrize(
    ("replicas", "extra", "expected"),
    [(6, 0.0, 6), (30, 0.0, 30), (31, 0.0, 30), (31, 0.1 * 6 * 86400 - 2 * 2100, 8)],
    ids=["the wish itself", "just enough", "not enough", "enough for two"],
)
def test_budget_caps_at_what_the_rest_of_the_day_pays_for(replicas: int, extra: float, expected: int) -> None:
    context = a_context(policy=a_policy(budget_percent=10), hpa_wish=6, spent=(an_hour(extra=extra),))
    assert result(budget, replicas, context) == expected


@pytest.mark.parametrize(("floor", "replicas", "expected"), [(4, 5, 4), (4, 30, 4), (4, 3, 3), (9, 30, 6)])
def test_a_spent_budget_raises_nothing_and_lets_go_of_what_is_above_the_wish(
    floor: int, replicas: int, expected: int
) -> None:
    context = a_context(policy=a_policy(budget_percent=10), floor=floor, hpa_wish=6, spent=(an_hour(extra=1e9),))
    assert result(budget, replicas, context) == expected


def test_budget_measures_an_unknown_wish_by_the_mean_of_the_day() -> None:
    nearly_spent = an_hour(extra=0.1 * 6 * 86400 - 2 * 2100)
    context = a_context(policy=a_policy(budget_percent=10), hpa_wish=None, spent=(nearly_spent,))
    assert result(budget, 20, context) == 8


def test_budget_says_what_is_left_and_what_it_pays_for() -> None:
    spent = (an_hour(extra=0.1 * 6 * 86400 - 2 * 2100),)
    context = a_context(policy=a_policy(budget_percent=10), hpa_wish=6, spent=spent)
    (reason,) = budget(Proposal(31, ()), context).reasons
    assert reason == Reason("budget", 31, 8, "the budget of 10 % has 70 pod-minutes left, which pays for 8 of 31")


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, 100), (0.05, 100), (0.25, 98), (0.5, 95), (1, 90), (2, 90), (600, 90)]
)
def test_the_ramp_gives_back_a_minutes_worth_at_most(minutes: float, expected: int) -> None:
    context = a_context(floor=100, now=at(minutes=minutes))
    assert result(ramp_down, 2, context) == expected


@pytest.mark.parametrize(("minutes", "expected"), [(0, 3), (3.3, 3), (3.4, 2), (60, 2)])
def test_a_small_floor_comes_down_by_whole_pods_once_one_is_earned(minutes: float, expected: int) -> None:
    assert result(ramp_down, 2, a_context(floor=3, now=at(minutes=minutes))) == expected


def test_the_ramp_never_raises_and_never_lowers_below_the_proposal() -> None:
    assert result(ramp_down, 12, a_context(floor=10)) == 12
    assert result(ramp_down, 95, a_context(floor=100, now=at(minutes=1))) == 95


@pytest.mark.parametrize(("minutes", "expected"), [(4.99, 9), (5, 8)])
def test_the_largest_wish_of_the_hold_is_kept(minutes: float, expected: int) -> None:
    context = a_context(floor=9, wishes=(Wish(at(), 9), Wish(at(minutes=1), 3)), now=at(minutes=minutes))
    # At 5 minutes four pods are earned, of which a single one goes at a time.
    assert result(ramp_down, 2, context) == expected


def test_a_remembered_wish_above_the_floor_does_not_raise_it() -> None:
    assert result(ramp_down, 2, a_context(floor=9, wishes=(Wish(at(), 30),), now=at(minutes=4))) == 9


@pytest.mark.parametrize(
    ("wish", "because"),
    [(9, "9 were wanted within the last 5 min"), (3, "the ramp allows 8, at 10 % per minute")],
)
def test_the_ramp_says_what_keeps_the_floor_up(wish: int, because: str) -> None:
    context = a_context(floor=9, wishes=(Wish(at(), wish),), now=at(minutes=4))
    (reason,) = ramp_down(Proposal(2, ()), context).reasons
    assert reason.because == because


def test_a_clock_set_back_earns_nothing() -> None:
    assert result(ramp_down, 2, a_context(floor=9, changed_at=at(minutes=30), now=at())) == 9


@pytest.mark.parametrize(
    ("replicas", "hpa_wish", "expected"),
    [(2, 6, 6), (7, 6, 7), (2, 60, 10), (2, None, 10), (11, None, 11), (12, 60, 12)],
    ids=["at the wish", "above the wish", "a larger wish keeps it", "unknown keeps it", "unknown may rise", "a rise"],
)
def test_a_floor_is_not_released_below_what_the_hpa_would_hold(
    replicas: int, hpa_wish: int | None, expected: int
) -> None:
    assert result(never_below_hpa, replicas, a_context(floor=10, hpa_wish=hpa_wish)) == expected


def test_what_its_owner_has_asked_back_goes_back_without_the_hpas_wish() -> None:
    """An HPA without metrics takes no pods by itself, so there is nothing to wait for; the ramp is another guard's."""
    paused = replace(a_context().policy, mode=Mode.PAUSED)
    assert result(never_below_hpa, 2, a_context(policy=paused, floor=10, hpa_wish=None)) == 2
    assert result(never_below_hpa, 2, a_context(policy=paused, floor=10, hpa_wish=6)) == 6


@given(steps=st.lists(st.tuples(st.integers(1, 240), st.integers(0, 50)), min_size=1, max_size=80))
def test_the_first_remembered_wish_is_the_largest_of_the_hold(steps: list[tuple[int, int]]) -> None:
    now, wishes, history = at(), tuple[Wish, ...](), []
    for seconds, replicas in steps:
        now += timedelta(seconds=seconds)
        wishes = remembered(wishes, replicas, HOLD, now)
        history.append(Wish(now, replicas))
    assert wishes[0].replicas == max(wish.replicas for wish in history if now - wish.at < HOLD)
    assert all(earlier.replicas > later.replicas for earlier, later in pairwise(wishes))
    assert all(earlier.at < later.at for earlier, later in pairwise(wishes))


def test_without_a_hold_only_the_wish_of_now_is_remembered() -> None:
    assert remembered((Wish(at(), 30),), 3, timedelta(0), at(minutes=1)) == (Wish(at(minutes=1), 3),)


@given(
    floor=st.integers(1, 10_000),
    percent=st.floats(0.01, 100),
    minutes=st.floats(0, 1e4),
    replicas=st.integers(0, 10_000),
)
def test_every_raised_floor_can_come_down_and_none_faster_than_the_ramp(
    floor: int, percent: float, minutes: float, replicas: int
) -> None:
    ramp = RampDown(HOLD, percent)
    context = a_context(policy=a_policy(ramp_down=ramp), floor=floor, now=at(minutes=minutes))
    elapsed = (context.now - at()) / timedelta(minutes=1)
    lowest = result(ramp_down, replicas, context)
    assert floor - lowest <= floor * percent / 100 * elapsed
    assert lowest >= min(floor - max(1, floor * percent / 100), floor) or lowest == replicas
    if floor * percent / 100 * elapsed >= 1 and replicas < floor:
        assert lowest < floor
