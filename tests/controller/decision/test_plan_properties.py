"""What must hold for every policy, load and observation: the promises of the planner, as properties.

Runs start from the first memory and take whatever comes, so that every memory in them can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from controller.decision.plan import first_memory, plan
from controller.domain import Decision, Memory, Observed, Policy, RampDown, Wish
from forecaster.forecast import Forecast
from tests.helpers.builders import CONNECTIONS, MESSAGES, MINUTE, a_forecast, a_policy, an_observation, at

TICK = timedelta(seconds=15)


@dataclass(frozen=True)
class Step:
    """One decision of a run: its inputs and what came of it."""

    policy: Policy
    observed: Observed
    forecasts: tuple[Forecast, ...]
    memory: Memory
    now: datetime

    def decide(self) -> tuple[Decision, Memory]:
        return plan(self.policy, self.observed, self.forecasts, self.memory, self.now)


@dataclass(frozen=True)
class Happening:
    """What the planner sees at one tick; a peak of None is a missing forecast, an age beyond 5 a stale one."""

    after: timedelta
    peaks: tuple[float | None, float | None]
    age_minutes: int
    hpa_wish: int | None


policies = st.builds(
    lambda least, more, hold, percent, budget: a_policy(
        signals=(CONNECTIONS, MESSAGES),
        min_replicas=least,
        max_replicas=least + more,
        ramp_down=RampDown(timedelta(seconds=hold), percent),
        budget_percent=budget,
    ),
    least=st.integers(1, 5),
    more=st.integers(0, 60),
    hold=st.sampled_from([0, 15, 60, 300, 1800]),
    percent=st.sampled_from([0.5, 7.0, 10.0, 33.3, 100.0]),
    budget=st.sampled_from([0.0, 0.3, 10.0, 100.0]),
)
peaks = st.none() | st.floats(0, 2000)
happenings = st.builds(
    Happening,
    after=st.one_of(st.just(TICK), st.integers(0, 1200).map(lambda s: timedelta(seconds=s))),
    peaks=st.tuples(peaks, peaks.map(lambda p: p and 20 * p)),
    age_minutes=st.sampled_from([0, 0, 0, 1, 4, 5, 6, 60]),
    hpa_wish=st.none() | st.integers(0, 80),
)
runs = st.lists(happenings, min_size=1, max_size=40)


def steps(policy: Policy, run: list[Happening]) -> Iterator[Step]:
    now, memory = at(), first_memory(policy, at())
    for happening in run:
        now += happening.after
        known_at = now - happening.age_minutes * MINUTE
        forecasts = tuple(
            a_forecast(peak=peak, signal=signal.name, known_at=known_at)
            for signal, peak in zip(policy.signals, happening.peaks, strict=True)
            if peak is not None
        )
        step = Step(policy, an_observation(hpa_wish=happening.hpa_wish), forecasts, memory, now)
        yield step
        _, memory = step.decide()


@given(policy=policies, run=runs, more=st.floats(0, 1e6))
def test_more_predicted_load_never_lowers_the_floor(policy: Policy, run: list[Happening], more: float) -> None:
    for step in steps(policy, run):
        floor = step.decide()[0].floor
        for index, forecast in enumerate(step.forecasts):
            louder = replace(forecast, peak=tuple(quantile + more for quantile in forecast.peak))
            forecasts = (*step.forecasts[:index], louder, *step.forecasts[index + 1 :])
            assert replace(step, forecasts=forecasts).decide()[0].floor >= floor


@given(policy=policies, run=runs)
def test_the_floor_never_falls_faster_than_the_ramp(policy: Policy, run: list[Happening]) -> None:
    per_minute = policy.ramp_down.percent_per_minute / 100
    for step in steps(policy, run):
        decision, _ = step.decide()
        if _cut_by_the_budget(decision):
            continue
        minutes = (step.now - step.memory.changed_at) / MINUTE
        drop = decision.previous - decision.floor
        assert drop <= decision.previous * per_minute * minutes
        assert drop <= max(1, decision.previous * per_minute)


def _cut_by_the_budget(decision: Decision) -> bool:
    """Whether the ramp would have held more than the budget pays for."""
    rules = [reason.rule for reason in decision.reasons]
    return "budget" in rules[rules.index("ramp-down") :] if "ramp-down" in rules else False


@settings(max_examples=40, deadline=None)
@given(floor=st.integers(1, 400), percent=st.sampled_from([5.0, 10.0, 50.0]), tick_s=st.sampled_from([5, 15, 60]))
def test_in_no_minute_more_than_the_ramp_is_given_back(floor: int, percent: float, tick_s: int) -> None:
    policy = a_policy(
        min_replicas=1, max_replicas=1000, ramp_down=RampDown(timedelta(minutes=5), percent), budget_percent=1e6
    )
    memory = Memory(floor, at(), at(), (Wish(at(), floor),))
    floors, times = [floor], [at()]
    for tick in range(1, 30 * 60 // tick_s):
        now = at(seconds=tick * tick_s)
        decision, memory = plan(policy, an_observation(hpa_wish=1, replicas=floors[-1]), (), memory, now)
        floors.append(decision.floor)
        times.append(now)
    assert floors[-1] < floor or floor == 1
    for k, start in enumerate(times):
        within = [f for f, t in zip(floors[k:], times[k:], strict=True) if t - start <= MINUTE]
        assert within[0] - within[-1] <= max(1, within[0] * percent / 100) + 1  # whole pods: one may straddle


@given(policy=policies, run=runs)
def test_what_was_granted_is_held_for_the_hold(policy: Policy, run: list[Happening]) -> None:
    floors: list[tuple[datetime, int]] = []
    for step in steps(policy, run):
        decision, after = step.decide()
        floors.append((step.now, decision.floor))
        granted = after.wishes[-1].replicas
        if _cut_by_the_budget(decision):
            continue
        assert decision.floor >= min(granted, policy.bounds.max_replicas)
        held = [wish for wish in step.memory.wishes if step.now - wish.at < policy.ramp_down.hold]
        assert decision.floor >= min(max((wish.replicas for wish in held), default=0), decision.previous)


@given(policy=policies, run=runs)
def test_the_ceiling_is_never_exceeded_and_the_minimum_always_held(policy: Policy, run: list[Happening]) -> None:
    for step in steps(policy, run):
        assert policy.bounds.min_replicas <= step.decide()[0].floor <= policy.bounds.max_replicas


@given(policy=policies, wishes=st.lists(st.none() | st.integers(0, 80), min_size=1, max_size=40))
def test_no_forecast_is_exactly_the_minimum_of_the_user(policy: Policy, wishes: list[int | None]) -> None:
    for step in steps(policy, [Happening(TICK, (None, None), 0, wish) for wish in wishes]):
        assert step.decide()[0].floor == policy.bounds.min_replicas


@given(policy=policies, run=runs)
def test_an_unknown_wish_of_the_hpa_never_lowers_the_floor(policy: Policy, run: list[Happening]) -> None:
    for step in steps(policy, run):
        unknown = replace(step, observed=replace(step.observed, hpa_wish=None))
        assert unknown.decide()[0].floor >= step.memory.floor


@given(policy=policies, run=runs)
def test_a_release_never_goes_below_what_the_hpa_would_hold(policy: Policy, run: list[Happening]) -> None:
    for step in steps(policy, run):
        decision, _ = step.decide()
        if step.observed.hpa_wish is not None:
            assert decision.floor >= min(step.observed.hpa_wish, decision.previous)


@given(policy=policies, run=runs)
def test_a_floor_comes_back_to_the_minimum_when_the_forecasts_end(policy: Policy, run: list[Happening]) -> None:
    *_, last = steps(policy, run)
    _, memory = last.decide()
    now = last.now
    for _ in range(200):
        now += timedelta(hours=4)
        _, memory = plan(policy, an_observation(hpa_wish=0), (), memory, now)
    assert memory.floor == policy.bounds.min_replicas


def test_a_spike_that_the_hpa_follows_by_itself_is_not_paid_for_when_it_is_over() -> None:
    policy = a_policy(max_replicas=600, budget_percent=10, ramp_down=RampDown())
    memory, extra, base = first_memory(policy, at()), 0.0, 0.0
    for tick in range(3 * 5760):
        wish = 500 if tick % 5760 in range(3000, 3040) else 5
        now = at(seconds=15 * tick)
        seen = an_observation(hpa_wish=wish, replicas=max(wish, memory.floor))
        decision, memory = plan(policy, seen, [a_forecast(peak=wish * 20 - 1, known_at=now)], memory, now)
        extra += max(0, decision.floor - wish)
        base += wish
    assert 0 < extra <= 0.1 * base


def test_a_forecast_that_never_comes_true_costs_about_the_budget_while_the_hpa_comes_and_goes() -> None:
    policy = a_policy(max_replicas=200, budget_percent=10)
    memory, extra, base = first_memory(policy, at()), [0.0] * 3, [0.0] * 3
    for minute in range(3 * 1440):
        wish = 50 if minute // 120 % 2 else 10
        now = at(minutes=minute)
        seen = an_observation(hpa_wish=wish, replicas=max(wish, memory.floor))
        decision, memory = plan(policy, seen, [a_forecast(peak=60 * 20, known_at=now)], memory, now)
        extra[minute // 1440] += max(0, decision.floor - wish)
        base[minute // 1440] += wish
    shares = [e / b for e, b in zip(extra, base, strict=True)]
    assert 0.05 < max(shares) <= 0.14
    assert sum(extra) <= 0.13 * sum(base)


@given(policy=policies, run=runs)
def test_every_change_has_a_reason_and_the_last_reason_is_the_floor(policy: Policy, run: list[Happening]) -> None:
    for step in steps(policy, run):
        decision, _ = step.decide()
        changes = [reason for reason in decision.reasons if reason.before != reason.after]
        proposed = next((reason for reason in decision.reasons if reason.rule == "forecast"), decision.reasons[-1])
        assert decision.floor == (changes[-1].after if changes else proposed.after)


@settings(max_examples=15, deadline=None)
@given(
    wish=st.integers(1, 30),
    hold=st.sampled_from([0, 1, 5, 30]),
    percent=st.sampled_from([1.0, 10.0, 100.0]),
    budget=st.sampled_from([0.0, 1.0, 10.0]),
    waves=st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1e5)), min_size=1, max_size=6),
)
def test_the_budget_of_a_day_is_never_overspent_by_more_than_one_decision(
    wish: int, hold: int, percent: float, budget: float, waves: list[tuple[int, float]]
) -> None:
    ramp = RampDown(hold * MINUTE, percent)
    policy = a_policy(min_replicas=1, max_replicas=5000, ramp_down=ramp, budget_percent=budget)
    now, memory, spent = at(), first_memory(policy, at()), 0.0
    allowance = budget / 100 * wish * timedelta(days=1).total_seconds()
    for ticks, peak in waves:
        for _ in range(ticks):
            _, memory = plan(policy, an_observation(hpa_wish=wish), [a_forecast(peak=peak, known_at=now)], memory, now)
            now += TICK
            one_decision = max(0, memory.floor - wish) * TICK.total_seconds()
            spent += one_decision
            assert spent <= allowance + one_decision


@given(policy=policies, run=runs)
def test_plan_is_deterministic_and_memory_survives_json(policy: Policy, run: list[Happening]) -> None:
    saved = TypeAdapter(Memory)
    for step in steps(policy, run):
        restored = saved.validate_json(saved.dump_json(step.memory))
        assert restored == step.memory
        assert replace(step, memory=restored).decide() == step.decide()
