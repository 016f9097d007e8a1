"""One decision at a time: what is asked for, what is granted, what an operator reads, and what memory keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.decision.plan import first_memory, plan
from controller.domain import Decision, Memory, Mode, Observed, Policy, Reason, Wish
from forecaster.forecast import Forecast
from tests.helpers.builders import (
    ABSTAINED,
    CONNECTIONS,
    MESSAGES,
    REPLACED,
    a_forecast,
    a_policy,
    an_observation,
    at,
)


def a_raised_memory(floor: int = 9) -> Memory:
    return Memory(floor, changed_at=at(minutes=-60), decided_at=at(seconds=-15))


def test_a_controller_that_decided_nothing_yet_holds_the_minimum() -> None:
    assert first_memory(a_policy(min_replicas=3), at()) == Memory(floor=3, changed_at=at())


def test_a_forecast_raises_the_floor_and_says_why() -> None:
    policy = a_policy()
    decision, memory = plan(policy, an_observation(), [a_forecast(peak=171)], first_memory(policy, at()), at())
    because = (
        "9 pods: 2 would be overloaded in 20:01-20:08 with a chance of 100 %, 9 with under 0.1 %"
        " (lstm of connections, 20 per pod)"
    )
    assert decision == Decision(
        at=at(),
        floor=9,
        previous=2,
        wanted=9,
        signal="connections",
        model="lstm",
        applied=True,
        reasons=(Reason("forecast", 2, 9, because),),
    )
    assert decision.summary() == f"raise the floor from 2 to 9: {because}"
    assert memory == Memory(9, changed_at=at(), decided_at=at(), wishes=(Wish(at(), 9),))


def test_a_need_beyond_the_maximum_is_said() -> None:
    policy = a_policy(max_replicas=5)
    capped, _ = plan(policy, an_observation(), [a_forecast(peak=171)], first_memory(policy, at()), at())
    assert (capped.floor, capped.reasons[1]) == (
        5,
        Reason("ceiling", 5, 5, "more would be worth it, but the maximum is 5"),
    )
    enough, _ = plan(policy, an_observation(), [a_forecast(peak=100)], first_memory(policy, at()), at())
    assert (enough.floor, len(enough.reasons)) == (5, 1)


def test_a_signal_without_a_forecast_is_named_beside_the_one_that_decides() -> None:
    policy = a_policy(signals=(CONNECTIONS, MESSAGES))
    decision, _ = plan(policy, an_observation(), [a_forecast(peak=171)], first_memory(policy, at()), at())
    assert decision.floor == 9
    assert decision.reasons[1] == Reason("staleness", 2, 2, "no forecast of messages")


def test_an_abstention_leaves_the_hpa_as_it_was_and_says_why() -> None:
    memory = first_memory(a_policy(), at())
    decision, after = plan(a_policy(), an_observation(), [a_forecast(peak=9000, verdict=ABSTAINED)], memory, at())
    bare, without = plan(a_policy(), an_observation(), [], memory, at())
    assert (decision.floor, decision.wanted, decision.model, after) == (bare.floor, None, None, without)
    assert decision.reasons[0].because == "no forecast of connections: nothing but zeros was measured so far"


def test_a_rule_that_is_served_is_named() -> None:
    forecast = a_forecast(peak=171, model="ridge", verdict=REPLACED)
    decision, _ = plan(a_policy(), an_observation(), [forecast], first_memory(a_policy(), at()), at())
    assert decision.model == "ridge"
    assert "(ridge of connections, 20 per pod)" in decision.reasons[0].because


def test_a_stale_forecast_asks_for_the_minimum_which_the_ramp_approaches() -> None:
    now = at(minutes=30)
    decision, memory = plan(a_policy(), an_observation(), [a_forecast(peak=171)], a_raised_memory(), now)
    assert (decision.wanted, decision.signal, decision.model) == (None, None, None)
    assert decision.floor == 8
    assert [reason.rule for reason in decision.reasons] == ["staleness", "staleness", "ramp-down"]
    assert decision.summary().startswith("lower the floor from 9 to 8: the forecast of connections ends 30 min ago")
    assert memory.changed_at == now


def test_paused_hands_the_floor_back_by_the_ramp_whatever_is_forecast() -> None:
    policy = a_policy(mode=Mode.PAUSED)
    decision, _ = plan(policy, an_observation(), [a_forecast(peak=400)], a_raised_memory(), at())
    assert (decision.floor, decision.wanted, decision.applied) == (8, None, True)
    assert decision.reasons[0] == Reason("mode", 9, 2, "paused: the floor goes back to the minimum")


def test_observe_decides_the_same_and_applies_nothing() -> None:
    arguments: tuple[Observed, list[Forecast]] = (an_observation(), [a_forecast(peak=171)])
    active, after_active = plan(a_policy(), *arguments, a_raised_memory(), at())
    observe, after_observe = plan(a_policy(mode=Mode.OBSERVE), *arguments, a_raised_memory(), at())
    assert active.applied
    assert observe == replace(active, applied=False)
    assert after_observe == after_active


def test_memory_keeps_when_the_floor_last_changed() -> None:
    memory = a_raised_memory()
    _, after = plan(a_policy(), an_observation(), [a_forecast(peak=171)], memory, at())
    assert after.changed_at == memory.changed_at
    assert after.decided_at == at()


def test_the_ramp_remembers_what_was_granted_and_not_what_was_asked_for() -> None:
    policy = a_policy(budget_percent=10)
    _, memory = plan(policy, an_observation(hpa_wish=4), [a_forecast(peak=4000)], first_memory(policy, at()), at())
    assert 4 < memory.floor < 200
    assert memory.wishes == (Wish(at(), memory.floor),)


def test_a_budget_of_nothing_never_raises_the_floor() -> None:
    policy = a_policy(budget_percent=0)
    observed = an_observation(hpa_wish=4, replicas=4)
    decision, _ = plan(policy, observed, [a_forecast(peak=400)], first_memory(policy, at()), at())
    assert decision.floor == policy.bounds.min_replicas


@pytest.mark.parametrize(
    ("policy", "floor"),
    [(a_policy(max_replicas=5), 5), (a_policy(min_replicas=12), 12)],
    ids=["maximum lowered", "minimum raised"],
)
def test_new_bounds_hold_at_once(policy: Policy, floor: int) -> None:
    decision, _ = plan(policy, an_observation(hpa_wish=None), [], a_raised_memory(), at())
    assert decision.floor == floor


@pytest.mark.parametrize(("capacity", "said"), [(20.0, "20 per pod"), (1250.0, "1250 per pod"), (0.6, "0.6 per pod")])
def test_the_sentence_shows_amounts_as_people_write_them(capacity: float, said: str) -> None:
    policy = a_policy(signals=(replace(CONNECTIONS, capacity_per_pod=capacity),))
    decision, _ = plan(policy, an_observation(), [a_forecast(peak=0.5)], first_memory(policy, at()), at())
    assert decision.reasons[0].because.endswith(f"{said})")
