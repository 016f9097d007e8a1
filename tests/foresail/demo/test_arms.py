"""What else could have happened: the same load by the planner, the HPA alone and the perfect forecast."""

from __future__ import annotations

from controller.simulation.feed import PrecomputedFeed
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from forecaster.series import Series
from foresail.demo.arms import FORESAIL, HPA, HPA_SAME_COST, OFFSET_RULE, PERFECT, replays, scored_within
from foresail.demo.history import Recorder
from foresail.demo.scenario import Scenario, Segment
from tests.helpers.builders import at
from tests.helpers.demos import POD_START, RISE_AND_FALL, a_run, a_scenario
from tests.helpers.worlds import LastSlope

SETTINGS = WorldSettings(pod_start=POD_START)
SCENARIO = a_scenario([30.0] * 10 + [90.0] * 10 + RISE_AND_FALL)


def grown(scenario: Scenario) -> tuple[Series, ...]:
    """The histories up to the end of the load."""
    recorder = Recorder(scenario.history, scenario.load.tick)
    for k in range(len(scenario.load)):
        recorder.record({name: float(row[k]) for name, row in scenario.load.signals.items()})
    return recorder.series


RUNS = replays(SCENARIO.load, grown(SCENARIO), SCENARIO.policy, SETTINGS, LastSlope())


def test_the_arms_play_the_same_load_whole() -> None:
    assert list(RUNS) == [FORESAIL, HPA, HPA_SAME_COST, OFFSET_RULE, PERFECT]
    assert all(run.load is SCENARIO.load and len(run.records) == len(SCENARIO.load) for run in RUNS.values())


def test_the_hpa_is_a_bare_replay_that_no_forecast_reaches() -> None:
    bare = replay(
        SCENARIO.load, SCENARIO.policy, hpa_for(SCENARIO.policy), SETTINGS, PrecomputedFeed((), SETTINGS.metric_lag)
    )
    assert score(RUNS[HPA]) == score(bare)
    assert all(record.decision is None for record in RUNS[HPA].records)
    assert all(record.desired == record.hpa_alone for record in RUNS[HPA].records)


def test_the_hpa_of_the_same_cost_costs_no_less_than_foresail() -> None:
    assert score(RUNS[HPA_SAME_COST]).pod_minutes >= score(RUNS[FORESAIL]).pod_minutes
    assert all(record.decision is None for record in RUNS[HPA_SAME_COST].records)


def test_who_knows_the_future_is_short_for_less_time_than_who_waits() -> None:
    hpa, perfect = score(RUNS[HPA]), score(RUNS[PERFECT])
    assert hpa.overload_minutes > 0
    assert perfect.overload_minutes < hpa.overload_minutes
    assert score(RUNS[FORESAIL]).overload_minutes <= hpa.overload_minutes


def test_a_segment_counts_only_what_happened_in_it() -> None:
    run = a_run([30, 50, 50, 30, 50, 30], [2, 2, 2, 2, 2, 2], refused=1)
    whole = score(run)
    part = scored_within(run, Segment("", at(seconds=15), at(seconds=60)))
    assert (whole.overload_minutes, part.overload_minutes) == (0.75, 0.5)
    assert (whole.pod_minutes, part.pod_minutes) == (3.0, 1.5)
    assert (whole.connections_refused, part.connections_refused) == (6, 3)
    assert scored_within(run, Segment("", at(minutes=5), at(minutes=6))).pod_minutes == 0


def test_segments_side_by_side_add_up_to_the_whole() -> None:
    run, middle = RUNS[FORESAIL], at(minutes=14)
    halves = [scored_within(run, Segment("", start, end)) for start, end in ((at(), middle), (middle, at(minutes=60)))]
    assert sum(half.pod_minutes for half in halves) == score(run).pod_minutes
    assert sum(half.connections_opened for half in halves) == score(run).connections_opened
