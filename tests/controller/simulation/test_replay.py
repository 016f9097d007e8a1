"""A load replayed with the production planner.

* without a forecast the replay is exactly the bare HPA; with one, the HPA never rests lower than it would alone;
* the same seed gives the same run, another seed another;
* a corrupted future changes no past decision, nor anything else of the past, gaps or not;
* pods are what was asked for, and become ready no earlier than their start; a constant load is at rest;
* a perfect forecast removes overload that the HPA alone has;
* the HPA sees the world `metric_lag` late; signals that do not fit together are refused;
* after a gap every arm begins anew, at rest; any scaler can be played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain import Decision, Mode, Policy
from controller.errors import BadPolicy
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import HpaSpec, Metrics, MetricSpec, Scale, Source, milli
from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Asked, Record, Run, first_replicas, hpa_for, play, replay
from controller.simulation.score import score
from controller.simulation.world import World, WorldSettings
from forecaster.forecast import Forecaster
from forecaster.series import Series
from tests.helpers.builders import CONNECTIONS, MESSAGES, a_policy
from tests.helpers.worlds import START, LastSlope, a_load, connections, messages, wave

SETTINGS = WorldSettings()
NOTHING = PrecomputedFeed((), SETTINGS.metric_lag)
levels = st.lists(st.integers(0, 600), min_size=2, max_size=25)


def run(series: list[Series], policy: Policy, forecaster: Forecaster | None, world: WorldSettings = SETTINGS) -> Run:
    load = a_load(*series)
    feed = NOTHING
    if forecaster is not None:
        feed = feed_from(forecaster, series, policy, world.metric_lag, load.start)
    return replay(load, policy, hpa_for(policy), world, feed)


def decisions(result: Run) -> list[Decision]:
    made = [record.decision for record in result.records if record.decision is not None]
    assert len(made) == len(result.records)
    return made


def floors(result: Run) -> list[int]:
    return [decision.floor for decision in decisions(result)]


def bare_hpa(load: Load, spec: HpaSpec) -> list[int]:
    """Replicas after each tick of the HPA and the world alone."""
    replicas = first_replicas(spec, {"connections": float(load.signals["connections"][0])})
    world, state, desired = World(load, 20.0, SETTINGS, replicas), State(), []
    seen = [load.signals["connections"][0]] * 2
    for tick in range(len(load)):
        seen.append(world.advance(tick).connections)
        metrics = Metrics(external={"connections": (milli(seen[tick]),)})
        replicas, state, _ = step(spec, state, Scale(replicas, replicas), metrics, load.time(tick))
        world.scale(replicas, load.time(tick))
        desired.append(replicas)
    return desired


@settings(deadline=None)
@given(levels)
def test_without_a_forecast_the_replay_is_the_bare_hpa(values: list[float]) -> None:
    load, policy = a_load(connections(values)), a_policy()
    alone = replay(load, policy, hpa_for(policy), SETTINGS, NOTHING)
    assert [r.desired for r in alone.records] == bare_hpa(load, hpa_for(policy))
    assert all(floor == policy.bounds.min_replicas for floor in floors(alone))
    nobody = replay(load, policy, hpa_for(policy), SETTINGS, None)
    assert [r[:-1] for r in nobody.records] == [r[:-1] for r in alone.records]
    assert all(r.decision is None for r in nobody.records)


@settings(deadline=None)
@given(levels, st.sampled_from([0.0, 0.1, 10.0]))
def test_with_forecasts_the_hpa_holds_no_fewer_than_alone_but_for_a_tick(values: list[float], budget: float) -> None:
    records = run([connections(values)], a_policy(budget_percent=budget), LastSlope()).records
    for one, other in pairwise(records):
        if one.desired < one.hpa_alone:
            assert other.desired >= min(one.hpa_alone, other.hpa_alone)


@settings(deadline=None)
@given(levels)
def test_observing_changes_nothing(values: list[float]) -> None:
    series = [connections(values)]
    observed = run(series, a_policy(mode=Mode.OBSERVE), LastSlope()).records
    assert [r[:-1] for r in observed] == [r[:-1] for r in run(series, a_policy(), None).records]


def test_a_seed_gives_the_same_run_and_another_seed_another() -> None:
    series = [connections(wave(60)), messages([300.0] * 60)]
    policy = a_policy(signals=[CONNECTIONS, MESSAGES])
    first = run(series, policy, LastSlope())
    assert first.records == run(series, policy, LastSlope()).records
    assert first.records != run(series, policy, LastSlope(), replace(SETTINGS, seed=1)).records


@settings(deadline=None, max_examples=30)
@given(levels, st.integers(1, 24), st.lists(st.integers(0, 2000), min_size=24, max_size=24))
def test_a_corrupted_future_changes_no_past_decision(values: list[float], cut: int, garbage: list[float]) -> None:
    cut = min(cut, len(values) - 1)
    corrupted = [*values[:cut], *garbage[: len(values) - cut]]
    one, other = (run([connections(v)], a_policy(), LastSlope()).records for v in (values, corrupted))
    assert one[: 4 * cut] == other[: 4 * cut]


@settings(deadline=None, max_examples=30)
@given(st.integers(16, 20), st.integers(0, 24), st.lists(st.integers(0, 2000), min_size=50, max_size=50))
def test_a_corrupted_future_changes_nothing_scored_before_it_gaps_or_not(
    length: int, cut: int, garbage: list[float]
) -> None:
    values = [*wave(12), *[float("nan")] * length, *wave(12)]
    corrupted = [*values[:cut], *garbage[: len(values) - cut]]
    one, other = (run([connections(v)], a_policy(), LastSlope()) for v in (values, corrupted))
    scored = [tick for tick in range(4 * cut) if one.load.known[tick]]
    assert [one.records[tick] for tick in scored] == [other.records[tick] for tick in scored]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 600), st.booleans(), st.floats(0, 0.5))
def test_a_constant_load_is_at_rest(level: int, planned: bool, failed: float) -> None:
    series = connections([level] * 10)
    load = load_from_series([series], TICK, timedelta(days=9999), 0)
    policy = a_policy()
    feed = feed_from(Perfect(), [series], policy, SETTINGS.metric_lag, load.start) if planned else None
    result = replay(load, policy, hpa_for(policy), replace(SETTINGS, failed_starts=failed), feed)
    figures = score(result)
    assert {r.desired for r in result.records} == {result.replicas}
    assert (figures.rescales, figures.connections_opened, figures.connections_broken) == (0, 0, 0)


@settings(deadline=None, max_examples=30)
@given(levels, st.integers(0, 240))
def test_pods_are_those_asked_for_and_start_before_they_are_ready(values: list[float], start_s: int) -> None:
    world = replace(SETTINGS, pod_start=timedelta(seconds=start_s))
    result = run([connections(values)], a_policy(), LastSlope(), world)
    delay = max(1, -(-start_s // 15))
    asked = [result.replicas] * delay + [r.desired for r in result.records]
    for tick, record in enumerate(result.records):
        window = asked[tick : tick + delay]
        assert record.pods == record.desired
        assert record.ready <= min(window)
        if window == sorted(window):
            assert record.ready == window[0]


@settings(deadline=None)
@given(levels)
def test_no_connection_opens_that_nobody_asked_for(values: list[float]) -> None:
    result = run([connections(values)], a_policy(), LastSlope())
    asked, opened = result.load.initial, 0
    for record, opens in zip(result.records, result.load.opens, strict=True):
        asked, opened = asked + int(opens), opened + record.opened
        assert opened <= asked
        asked += record.broken


def test_a_perfect_forecast_removes_overload_that_the_hpa_alone_has() -> None:
    series = [connections([60.0] * 30 + [250.0] * 30 + [60.0] * 30)]
    alone, perfect = (score(run(series, a_policy(), f)) for f in (None, Perfect()))
    assert alone.overload_minutes >= 1
    assert perfect.overload_minutes == 0
    assert perfect.pod_minutes <= 1.3 * alone.pod_minutes


def test_a_planner_never_runs_fewer_pods_than_the_ramp_and_the_hpa_hold() -> None:
    result = run([connections(wave(240))], a_policy(), LastSlope())
    assert max(floors(result)) > 10
    assert all(after.desired >= floor for floor, after in zip(floors(result), result.records[1:], strict=False))


@pytest.mark.parametrize(("lag_s", "reacts_at"), [(0, 8), (15, 9), (20, 10), (30, 10)])
def test_the_hpa_sees_the_world_late(lag_s: int, reacts_at: int) -> None:
    world = replace(SETTINGS, metric_lag=timedelta(seconds=lag_s))
    desired = [r.desired for r in run([connections([40, 40, 60, 60, 60, 60])], a_policy(), None, world).records]
    assert desired.index(5) == reacts_at


def test_the_second_signal_counts_as_much_as_the_first() -> None:
    policy = a_policy(signals=[CONNECTIONS, MESSAGES])
    quiet = run([connections([40] * 10), messages([100] * 10)], policy, None)
    busy = run([connections([40] * 10), messages([100] * 5 + [2800] * 5)], policy, None)
    assert max(r.desired for r in quiet.records) == 3
    assert max(r.desired for r in busy.records) == 10


def test_a_load_without_a_stock_has_pods_and_no_connections() -> None:
    result = run([messages([300] * 5 + [3000] * 20)], a_policy(signals=[MESSAGES]), LastSlope())
    assert result.replicas == 2
    assert max(r.desired for r in result.records) > 8
    assert all(r.opened == r.broken == 0 for r in result.records)


@pytest.mark.parametrize("capacity", [0.05, 0.0005])
def test_a_capacity_that_the_hpa_would_round_away_is_refused(capacity: float) -> None:
    policy = a_policy(signals=[replace(CONNECTIONS, capacity_per_pod=capacity)])
    with pytest.raises(BadPolicy, match=f"connections: {capacity:g} per pod; the HPA counts in thousandths"):
        hpa_for(policy)


def test_the_hpa_of_a_policy_targets_a_part_of_each_capacity() -> None:
    spec = hpa_for(a_policy(signals=[CONNECTIONS, MESSAGES]), 0.5)
    assert (spec.min_replicas, spec.max_replicas, spec.behavior) == (2, 40, None)
    assert [(m.name, m.source, m.target) for m in spec.metrics] == [
        ("connections", Source.EXTERNAL, 10_000),
        ("messages", Source.EXTERNAL, 200_000),
    ]


@given(st.floats(0, 2000))
def test_the_first_replicas_are_those_at_which_the_hpa_rests(total: float) -> None:
    spec = hpa_for(a_policy())
    replicas = first_replicas(spec, {"connections": total})
    metrics = Metrics(external={"connections": (milli(total),)})
    assert step(spec, State(), Scale(replicas, replicas), metrics, START).replicas == replicas


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: run([connections([1])], a_policy(signals=[CONNECTIONS, MESSAGES]), None), "messages not in the load"),
        (lambda: run([connections([1]), messages([1])], a_policy(signals=[MESSAGES]), None), "stocks are none"),
        (
            lambda: run([replace(messages([1]), name="connections")], a_policy(), None),
            "stocks are connections, the load's is none",
        ),
        (
            lambda: replay(
                a_load(connections([1])),
                a_policy(),
                HpaSpec(2, 40, (MetricSpec("cpu", Source.EXTERNAL, 1),)),
                SETTINGS,
                NOTHING,
            ),
            "cpu not in the load",
        ),
    ],
)
def test_signals_that_do_not_fit_together_are_refused(make: Callable[[], Run], found: str) -> None:
    with pytest.raises(BadPolicy, match=found):
        make()


def test_a_gap_silences_the_forecast_when_it_has_grown_old() -> None:
    gap = [*wave(60), *[float("nan")] * 30]
    result = run([connections(gap)], a_policy(), LastSlope())
    known = np.array([decision.wanted is not None for decision in decisions(result)])
    assert known[10 : 4 * 60].all()
    assert not known[4 * 66 :].any()


GAP = [float("nan")] * 16


def test_after_a_gap_the_world_and_the_hpa_are_at_rest_again() -> None:
    series = [connections([*[60.0] * 10, *GAP, *[400.0] * 10])]
    alone, planned = (run(series, a_policy(), forecaster) for forecaster in (None, LastSlope()))
    for result in (alone, planned):
        first = result.records[4 * 26]
        assert (first.ready, first.pods, first.desired, first.hpa_alone) == (29, 29, 29, 29)
        assert first.opened == result.load.opens[4 * 26] < 10
        assert score(result).overload_minutes == 0
    assert score(alone).rescales == 0


def test_what_is_missing_for_a_shorter_time_is_played_through() -> None:
    result = run([connections([*[60.0] * 10, *GAP[1:], *[400.0] * 10])], a_policy(), None)
    assert result.records[4 * 25].ready == 5
    assert score(result).overload_minutes > 0


class Stubborn:
    """Always asks for the same, and keeps what it was told."""

    def __init__(self) -> None:
        self.begun: list[tuple[float, datetime]] = []
        self.seen: list[float] = []

    def begin(self, totals: Mapping[str, float], now: datetime, /) -> int:
        self.begun.append((totals["connections"], now))
        return 5

    def tick(self, now: datetime, seen: Mapping[str, float], replicas: int, ready: int, /) -> Asked:
        assert (replicas, ready) == (5, 5)
        self.seen.append(seen["connections"])
        return Asked(5, 5)


def test_any_scaler_can_be_played() -> None:
    load, scaler = a_load(connections([*[60.0] * 2, *GAP, *[80.0] * 2])), Stubborn()
    result = play(load, {"connections": 20.0}, SETTINGS, scaler)
    assert scaler.begun == [(60.0, START), (80.0, START + timedelta(minutes=18))]
    assert scaler.seen == [60.0] * 72 + [80.0] * 8
    assert (result.replicas, score(result).pod_minutes) == (5, 20.0)


def test_the_columns_are_the_records_turned() -> None:
    result = run([connections(wave(60))], a_policy(), LastSlope())
    assert list(result.columns) == list(Record._fields[:-1])
    for name, column in result.columns.items():
        assert column.tolist() == [getattr(record, name) for record in result.records]
