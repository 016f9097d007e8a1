"""One tick of HPA and planner: who acts when, and on what.

* a decision acts at the next sync, in Active only, and each can be made again from what its tick holds;
* what the HPA would hold alone is the bare HPA, whatever the floor;
* missing metrics leave that unknown to the planner;
* policies and HPAs that cannot work together are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.plan import first_memory, plan
from controller.domain import Lever, Mode, Policy, RampDown, Reading, TargetBounds
from controller.errors import BadPolicy
from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import HpaSpec, Metrics, MetricSpec, Scale, Source, milli
from controller.simulation.pilot import Pilot, Tick
from tests.helpers.builders import a_forecast, a_policy, at

TICK = timedelta(seconds=15)
HPA = HpaSpec(2, 40, (MetricSpec("connections", Source.EXTERNAL, 14_000),))

totals = st.one_of(st.none(), st.floats(0, 700))
peaks = st.one_of(st.none(), st.floats(0, 900))


def fly(policy: Policy, loads: Sequence[tuple[float | None, float | None]], spec: HpaSpec = HPA) -> list[Tick]:
    """One tick for each pair of a metric and a forecast's peak, every pod ready at once."""
    pilot, replicas, ticks = Pilot(policy, spec, 4, at()), 4, []
    for number, (total, peak) in enumerate(loads):
        now = at() + number * TICK
        readings = [] if total is None else [Reading("connections", total, now)]
        forecasts = [] if peak is None else [a_forecast(peak=peak, known_at=now)]
        tick = pilot.tick(now, {"connections": total}, replicas, replicas, readings, forecasts)
        replicas = tick.desired
        ticks.append(tick)
    return ticks


def bare(loads: list[float | None]) -> list[int]:
    """The HPA and nothing else, from four replicas."""
    state, replicas, desired = State(), 4, []
    for number, total in enumerate(loads):
        metrics = Metrics() if total is None else Metrics(external={"connections": (milli(total),)})
        sync = step(HPA, state, Scale(replicas, replicas), metrics, at() + number * TICK)
        state, replicas = sync.state, sync.replicas
        desired.append(replicas)
    return desired


def test_a_floor_acts_at_the_sync_after_its_decision() -> None:
    first, second = fly(a_policy(), [(56, 190), (56, 190)])
    assert (first.desired, first.decision.floor) == (4, 10)
    assert (second.desired, second.hpa_alone) == (10, 4)


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.PAUSED])
@given(loads=st.lists(st.tuples(totals, peaks), max_size=20))
def test_only_active_acts(mode: Mode, loads: list[tuple[float | None, float | None]]) -> None:
    ticks = fly(a_policy(mode=mode), loads)
    assert [tick.desired for tick in ticks] == [tick.hpa_alone for tick in ticks] == bare([t for t, _ in loads])


@given(st.lists(st.tuples(totals, peaks), max_size=20))
def test_the_hpa_alone_is_the_bare_hpa_whatever_the_floor(loads: list[tuple[float | None, float | None]]) -> None:
    assert [tick.hpa_alone for tick in fly(a_policy(), loads)] == bare([total for total, _ in loads])


@given(st.lists(st.tuples(totals, peaks), max_size=20))
def test_every_floor_is_held_from_the_next_sync_on(loads: list[tuple[float | None, float | None]]) -> None:
    ticks = fly(a_policy(), loads)
    assert all(after.desired >= before.decision.floor for before, after in pairwise(ticks))


@given(st.lists(st.tuples(totals, peaks), max_size=20))
def test_each_decision_can_be_made_again_from_its_tick(loads: list[tuple[float | None, float | None]]) -> None:
    policy = a_policy()
    for tick, after in pairwise(fly(policy, [*loads, (None, None)])):
        decision, memory = plan(policy, tick.observed, tick.forecasts, tick.memory, tick.now)
        assert decision == tick.decision
        assert memory == after.memory


@pytest.mark.parametrize("missing", [None, float("nan"), float("inf")])
def test_without_metrics_the_wish_is_unknown_and_both_hpas_hold(missing: float | None) -> None:
    _, without = fly(a_policy(), [(56, None), (missing, None)])
    assert without.hpa_wish is None
    assert without.hpa_alone == without.desired == 4
    assert without.sync.condition.metrics_failed


def test_a_metric_that_is_not_there_is_a_metric_without_an_answer() -> None:
    tick = Pilot(a_policy(), HPA, 4, at()).tick(at(), {}, 4, 4, [], [])
    assert tick.hpa_wish is None


def test_the_wish_is_known_where_the_metrics_are() -> None:
    (tick,) = fly(a_policy(), [(140, None)])
    assert tick.hpa_wish == tick.hpa_alone == 8


def test_the_memory_is_that_of_the_last_decision() -> None:
    pilot = Pilot(a_policy(), HPA, 4, at())
    assert pilot.memory.decided_at is None
    tick = pilot.tick(at(), {"connections": 56}, 4, 4, [], [a_forecast(peak=190, known_at=at())])
    assert pilot.memory.floor == tick.decision.floor == 10


def test_who_begins_anew_remembers_only_what_was_spent() -> None:
    pilot, ticks = Pilot(a_policy(), HPA, 4, at()), list[Tick]()
    for number in range(8):
        now = at() + number * TICK
        forecasts = [a_forecast(peak=190, known_at=now)]
        ticks.append(pilot.tick(now, {"connections": 56}, 4 if not ticks else ticks[-1].desired, 4, [], forecasts))
    spent = pilot.memory.spent
    assert spent[0].extra > 0
    pilot.restart(6, at(minutes=60))
    assert pilot.memory == replace(first_memory(a_policy(), at(minutes=60)), spent=spent)
    fresh = Pilot(a_policy(), HPA, 6, at(minutes=60))
    again, first = (one.tick(at(minutes=60), {"connections": 56}, 6, 6, [], []) for one in (pilot, fresh))
    assert (again.sync, again.hpa_alone) == (first.sync, first.hpa_alone)


@pytest.mark.parametrize("spec", [replace(HPA, min_replicas=3), replace(HPA, max_replicas=39)])
def test_bounds_outside_the_hpa_are_refused(spec: HpaSpec) -> None:
    with pytest.raises(BadPolicy, match=r"bounds: 2\.\.40 replicas, but the HPA allows"):
        Pilot(a_policy(), spec, 4, at())


def test_samples_of_pods_are_refused() -> None:
    spec = replace(HPA, metrics=(MetricSpec("load", Source.PODS, 1000),))
    with pytest.raises(BadPolicy, match="use an External metric"):
        Pilot(a_policy(), spec, 4, at())


def test_the_hpa_syncs_on_the_target_that_was_decided() -> None:
    """20 connections a pod and an aim of 14: told that nothing comes, it may run at 18, but for its tolerance."""
    policy = replace(
        a_policy(ramp_down=RampDown(timedelta(0), 100.0)),
        levers=(Lever.FLOOR, Lever.TARGET),
        target=TargetBounds("connections", 12.0, 18.0),
    )
    calm = [(280.0, 282.0)] * 60
    ticks = fly(policy, calm)
    assert ticks[-1].decision.target == 18.0
    assert ticks[-1].desired == 16
    assert ticks[-1].hpa_alone == 20
    assert fly(replace(policy, mode=Mode.OBSERVE), calm)[-1].desired == 20
    without = fly(policy, [*calm, *[(280.0, None)] * 4])[-1]
    assert (without.decision.target, without.desired) == (None, 20)


def test_without_the_lever_floor_the_minimum_is_left_alone() -> None:
    policy = replace(a_policy(), levers=(Lever.TARGET,), target=TargetBounds("connections", 7.0, 18.0))
    ticks = fly(policy, [(140.0, 350.0)] * 8)
    assert ticks[-1].decision.floor == 18
    assert ticks[-1].decision.target == pytest.approx(140 / 18)
    assert ticks[-1].desired == 18
    assert fly(policy, [(140.0, 350.0)])[0].desired == 8


def test_a_target_of_a_metric_that_the_hpa_has_not_is_refused() -> None:
    policy = replace(a_policy(), levers=(Lever.TARGET,), target=TargetBounds("sessions", 7.0, 18.0))
    with pytest.raises(BadPolicy, match=r"the metric sessions, but the HPA has connections \(AverageValue\); name one"):
        Pilot(policy, HPA, 4, at())
