"""The HPA as a step function: every case of the conformance tables, and what holds for any sequence of metrics.

* replicas never leave [min, max], except that zero switches autoscaling off;
* nothing goes below the largest recommendation of the window;
* a restart forgets everything, and so does not scale down;
* more load never means fewer replicas;
* what is remembered does not grow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.hpa import Reason, State, Sync, step
from controller.simulation.hpa_spec import (
    DEFAULT_SCALE_DOWN,
    Behavior,
    Flags,
    HpaSpec,
    Metrics,
    MetricSpec,
    PolicyType,
    Scale,
    ScalingPolicy,
    ScalingRules,
    Source,
)
from tests.helpers.hpa_cases import START, Case, metrics_of, read_cases, scale_of

SYNC = timedelta(seconds=15)
WINDOW = timedelta(minutes=5)
LEGACY = HpaSpec(2, 40, (MetricSpec("c", Source.EXTERNAL, 10_000),))
BEHAVING = replace(LEGACY, behavior=Behavior())

specs = st.sampled_from([LEGACY, BEHAVING])
totals = st.one_of(st.none(), st.integers(0, 600_000))


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.name)
def test_conforms(case: Case) -> None:
    state, replicas = State(), 0
    for number, sync in enumerate(case.syncs):
        spec = replace(case.spec, min_replicas=sync.get("minReplicas", case.spec.min_replicas))
        now = START + timedelta(seconds=sync.get("at", 0))
        replicas, state, condition = step(spec, state, scale_of(sync, replicas), metrics_of(sync), now)
        outcome = {
            "replicas": replicas,
            "active": condition.active,
            "able": condition.able,
            "limited": condition.limited,
            "failed": list(condition.failed),
        }
        assert {key: outcome[key] for key in sync["expect"]} == sync["expect"], f"sync {number}"


def metrics(total: int | None) -> Metrics:
    return Metrics() if total is None else Metrics(external={"c": (total,)})


def run(spec: HpaSpec, replicas: int, loads: list[int | None]) -> Iterator[tuple[int, Sync]]:
    """The replicas before each sync, and the sync."""
    state, now = State(), START
    for total in loads:
        sync = step(spec, state, Scale(replicas, replicas), metrics(total), now)
        yield replicas, sync
        replicas, state, now = sync.replicas, sync.state, now + SYNC


@given(specs, st.integers(0, 60), st.lists(totals, max_size=40))
def test_replicas_stay_within_the_range_or_at_zero(spec: HpaSpec, start: int, loads: list[int | None]) -> None:
    for before, sync in run(spec, start, loads):
        assert sync.replicas == 0 if before == 0 else spec.min_replicas <= sync.replicas <= spec.max_replicas


@given(specs, st.integers(2, 40), st.lists(totals, min_size=1, max_size=40))
def test_a_scale_down_stays_above_the_largest_recommendation_of_the_window(
    spec: HpaSpec, start: int, loads: list[int | None]
) -> None:
    now = START
    for before, sync in run(spec, start, loads):
        if sync.replicas < before:
            recent = [r.replicas for r in sync.state.recommendations if now - WINDOW < r.at]
            assert sync.replicas >= min(max(recent), spec.max_replicas)
        now += SYNC


@given(specs, st.integers(2, 40), st.lists(totals, max_size=30), totals)
def test_a_restart_forgets_the_past_and_scales_nothing_down(
    spec: HpaSpec, start: int, loads: list[int | None], total: int | None
) -> None:
    replicas = start
    for _, sync in run(spec, start, loads):
        replicas = sync.replicas
    first = step(spec, State(), Scale(replicas, replicas), metrics(total), START)
    assert first.replicas >= replicas


@given(specs, st.integers(2, 40), st.lists(totals, max_size=30), st.integers(0, 600_000), st.integers(0, 600_000))
def test_more_load_never_means_fewer_replicas(
    spec: HpaSpec, start: int, loads: list[int | None], one: int, other: int
) -> None:
    state, replicas = State(), start
    for _, sync in run(spec, start, loads):
        state, replicas = sync.state, sync.replicas
    now = START + len(loads) * SYNC
    less, more = (step(spec, state, Scale(replicas, replicas), metrics(t), now).replicas for t in sorted((one, other)))
    assert less <= more


@given(specs, st.lists(st.integers(0, 600_000), min_size=60, max_size=80))
def test_what_is_remembered_does_not_grow(spec: HpaSpec, loads: list[int | None]) -> None:
    *_, (_, last) = run(spec, 10, loads)
    assert len(last.state.recommendations) <= WINDOW // SYNC + 2
    assert max(len(last.state.scale_ups), len(last.state.scale_downs)) <= 2


def test_a_change_is_forgotten_by_its_own_directions_period_even_where_the_other_still_asks() -> None:
    """Upstream drops a scale-down that is older than every scale-down policy, though scale-up policies count it."""
    slow = ScalingRules((ScalingPolicy(PolicyType.PODS, 4, timedelta(minutes=5)),), stabilization=timedelta(0))
    spec = replace(BEHAVING, behavior=Behavior(slow, replace(DEFAULT_SCALE_DOWN, stabilization=timedelta(0))))
    state, replicas = State(), 30
    for number, total in enumerate((200_000, 100_000, 400_000)):
        sync = step(spec, state, Scale(replicas, replicas), metrics(total), START + number * timedelta(seconds=20))
        state, replicas = sync.state, sync.replicas
    assert [event.replicas for event in state.scale_downs] == [10]
    assert replicas == 10 + 10 + 4


def test_old_recommendations_count_again_where_the_window_grows() -> None:
    ten_seconds = replace(DEFAULT_SCALE_DOWN, stabilization=timedelta(seconds=10))
    short = replace(BEHAVING, behavior=Behavior(scale_down=ten_seconds))
    state, replicas = State(), 9
    for number, total in enumerate((90_000, 50_000, 20_000)):
        sync = step(short, state, Scale(replicas, replicas), metrics(total), START + number * SYNC)
        state, replicas = sync.state, sync.replicas
    grown = step(BEHAVING, state, Scale(replicas, replicas), metrics(20_000), START + 3 * SYNC)
    assert grown.condition.able is Reason.READY_FOR_NEW_SCALE
    assert replicas == 2
    later = step(BEHAVING, state, Scale(9, 9), metrics(20_000), START + 3 * SYNC)
    assert later.replicas == 9


def test_a_window_of_zero_forgets_at_once_what_the_first_sync_found() -> None:
    """Seen of the real controller, in which that sync takes a moment; a longer window then has nothing to go by."""
    down = replace(DEFAULT_SCALE_DOWN, stabilization=timedelta(0))
    first = step(replace(BEHAVING, behavior=Behavior(scale_down=down)), State(), Scale(9, 9), metrics(50_000), START)
    assert [recommended.replicas for recommended in first.state.recommendations] == [5]
    assert step(BEHAVING, first.state, Scale(9, 9), metrics(20_000), START + SYNC).replicas == 5


def test_zero_that_the_hpa_scaled_to_is_left_again_and_zero_that_a_user_set_is_not() -> None:
    spec = replace(LEGACY, min_replicas=0, flags=Flags(downscale_stabilization=timedelta(0), scale_to_zero=True))
    slept = step(spec, State(), Scale(3, 3), metrics(0), START)
    later = step(spec, slept.state, Scale(3, 3), metrics(0), START + SYNC)
    assert later.replicas == 0
    woken = step(spec, later.state, Scale(0, 0), metrics(70_000), START + 2 * SYNC)
    assert (woken.replicas, woken.state.scaled_to_zero) == (4, False)
    assert step(spec, State(), Scale(0, 0), metrics(70_000), START).condition.active is Reason.SCALING_DISABLED
    raised = replace(spec, min_replicas=6)
    assert step(raised, later.state, Scale(0, 0), metrics(0), START + 2 * SYNC).replicas == 6


def test_a_failed_sync_says_so_and_a_skipped_one_does_not() -> None:
    failed = step(LEGACY, State(), Scale(5, 5), Metrics(), START)
    skipped = step(LEGACY, State(), Scale(1, 1), Metrics(), START)
    assert failed.condition.metrics_failed
    assert not skipped.condition.metrics_failed
