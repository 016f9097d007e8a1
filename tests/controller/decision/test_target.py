"""The lever Target: what the HPA is told to aim at, within the bounds of its owner, and when it is left alone.

* whatever is observed, the target is the owner's or within the bounds, and a change has a reason;
* with the floor it is the highest while a forecast counts, without it total / pods;
* nothing foreseen, nothing measured, or a lever that is not used: the owner's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.plan import first_memory, plan
from controller.decision.target import held_for_nothing, hot_wish, target_for
from controller.domain import Bounds, Lever, Memory, Mode, Observed, Policy, TargetBounds
from tests.helpers.builders import a_forecast, a_policy, an_observation, at

BOTH, ALONE = (Lever.FLOOR, Lever.TARGET), (Lever.TARGET,)
RANGE = TargetBounds("connections", 12.0, 18.0)
totals = st.one_of(st.none(), st.floats())


def moving(levers: tuple[Lever, ...] = BOTH, mode: Mode = Mode.ACTIVE) -> Policy:
    """A pod carries 20, and its HPA aims at 14."""
    return replace(a_policy(mode=mode), levers=levers, target=RANGE)


def seen(total: float | None, wish: int | None = 10) -> Observed:
    return replace(an_observation(hpa_wish=wish, replicas=10), total=total, own=14.0)


def remembering(target: float | None) -> Memory:
    return Memory(10, at(), at(), target=target)


@given(
    st.sampled_from([BOTH, ALONE, (Lever.FLOOR,)]),
    totals,
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.integers(0, 10**6),
    st.one_of(st.none(), st.floats(12, 18)),
)
def test_it_is_the_owners_or_within_the_bounds(
    levers: tuple[Lever, ...], total: float | None, replicas: int | None, floor: int, before: float | None
) -> None:
    target, reasons = target_for(moving(levers), seen(total), replicas, floor, remembering(before))
    assert target is None or RANGE.lowest <= target <= RANGE.highest
    if Lever.TARGET in levers:
        assert bool(reasons) == (target != before)
    else:
        assert (target, reasons) == (None, ())


@pytest.mark.parametrize("levers", [BOTH, ALONE])
@pytest.mark.parametrize(("total", "replicas"), [(None, 9), (math.nan, 9), (-1.0, 9), (math.inf, 9), (140.0, None)])
def test_without_a_forecast_or_a_total_it_is_the_owners(
    levers: tuple[Lever, ...], total: float | None, replicas: int | None
) -> None:
    target, (reason,) = target_for(moving(levers), seen(total), replicas, 9, remembering(18.0))
    assert target is None
    assert reason.because == "the target of connections goes back to its owner's"


def test_with_the_floor_the_hpa_only_reacts() -> None:
    policy = moving()
    target, (reason,) = target_for(policy, seen(140.0), 9, 9, remembering(None))
    assert target == 18.0
    assert reason.because == "the floor carries what is foreseen, so connections may run at 18 per pod"
    assert target_for(policy, seen(700.0), 60, 60, remembering(18.0)) == (18.0, ())


def test_alone_it_makes_the_hpa_hold_so_many() -> None:
    policy = moving(ALONE)
    target, (reason,) = target_for(policy, seen(160.0), 10, 10, remembering(None))
    assert target == 16.0
    assert reason.because == "10 pods for connections of 160 is 16 per pod"
    assert target_for(policy, seen(164.0), 10, 10, remembering(16.0)) == (16.0, ())  # moves no pod
    assert target_for(policy, seen(160.0), 13, 13, remembering(16.0))[0] == pytest.approx(160 / 13)
    assert target_for(policy, seen(160.0), 40, 40, remembering(16.0))[0] == 12.0


def test_what_the_hpa_would_hold_at_its_hottest_costs_nothing() -> None:
    policy = moving()
    assert hot_wish(policy, seen(181.0)) == 11
    assert hot_wish(policy, seen(180.0)) == 10
    assert hot_wish(policy, seen(None)) is None
    assert hot_wish(replace(policy, bounds=Bounds(2, 5)), seen(180.0)) == 5
    assert held_for_nothing(policy, seen(180.0), 13) == 10
    assert held_for_nothing(policy, seen(None), 13) == 13
    assert held_for_nothing(replace(policy, levers=(Lever.FLOOR,)), seen(180.0), 13) == 13


def test_a_calm_forecast_lets_the_hpa_run_hot_and_a_rise_does_not() -> None:
    policy = moving()
    calm, _ = plan(policy, seen(140.0, wish=10), [a_forecast(peak=145.0)], first_memory(policy, at()), at())
    assert (calm.target, calm.floor) == (18.0, 8)
    rise, _ = plan(policy, seen(140.0, wish=10), [a_forecast(peak=400.0)], first_memory(policy, at()), at())
    assert (rise.target, rise.floor) == (18.0, 20)


def test_a_floor_goes_down_to_what_the_hot_hpa_holds() -> None:
    """With the lever Floor alone it would stay at the 10 that the HPA holds."""
    policy = moving()
    memory = replace(first_memory(policy, at()), floor=9, decided_at=at(-1), changed_at=at(-60))
    decision, _ = plan(policy, seen(140.0, wish=10), [a_forecast(peak=100.0)], memory, at())
    assert decision.floor == 8
    plain = replace(policy, levers=(Lever.FLOOR,))
    assert plan(plain, seen(140.0, wish=10), [a_forecast(peak=100.0)], memory, at())[0].floor == 9


def test_paused_gives_the_target_back() -> None:
    policy = moving(mode=Mode.PAUSED)
    decision, after = plan(policy, seen(140.0), [a_forecast(peak=145.0)], remembering(18.0), at(1))
    assert decision.target is None
    assert after.target is None
    assert "the target of connections goes back to its owner's" in decision.summary()
