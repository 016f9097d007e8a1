"""The figures of a run, from records written by hand.

* each figure is what its name says, its key what the demo's JSON promises, and ticks of unknown load count in none;
* more ready pods never mean more overload; the figures of the days add up to those of the run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain import Decision
from controller.simulation.load import TICK, Gap, Load
from controller.simulation.replay import Record, Run, hpa_for, replay
from controller.simulation.score import Score, overloaded, score, score_by_day
from controller.simulation.world import WorldSettings
from tests.helpers.builders import a_policy
from tests.helpers.worlds import START, a_load, connections, wave

DECISION = Decision(START, 2, 2, None, None, None, applied=True, reasons=())


def a_record(**changes: float) -> Record:
    fields: dict[str, float] = dict.fromkeys(("ready", "pods", "desired", "hpa_alone"), 2)
    fields |= dict.fromkeys(("ending", "hot", "opened", "back", "refused", "broken", "moved"), 0)
    return Record(**(fields | changes), decision=DECISION)  # type: ignore[arg-type]


def a_run(offered: Sequence[float], records: Sequence[Record], known: Sequence[bool] | None = None) -> Run:
    """A run of a flow at 10 a pod, from 2 replicas."""
    nothing = np.zeros(len(offered), dtype=np.int64)
    measured = np.array([True] * len(offered) if known is None else known)
    load = Load(START, TICK, {"messages": np.array(offered, dtype=np.float64)}, None, nothing, nothing, measured)
    return Run(load, {"messages": 10.0}, 2, tuple(records))


def test_a_quiet_run_costs_its_pods_alone() -> None:
    assert score(a_run([20] * 8, [a_record()] * 8)) == Score(0.0, 0.0, 4.0, 0.0, 0, 0, 0, 0, 0, 0, 2.0)


def test_overload_is_more_than_the_ready_pods_carry() -> None:
    figures = score(a_run([20, 20.5, 30, 15], [a_record(), a_record(), a_record(ready=3), a_record(ready=1)]))
    assert figures.overload_minutes == 0.5


def test_overload_of_any_signal_counts_once() -> None:
    run = a_run([25, 5, 25], [a_record()] * 3)
    signals = {"messages": run.load.signals["messages"], "calls": np.array([9.0, 9.0, 0.0])}
    load = Load(START, TICK, signals, None, run.load.opens, run.load.closes, run.load.known)
    both = Run(load, {"messages": 10.0, "calls": 4.0}, 2, run.records)
    assert overloaded(both).tolist() == [True, True, True]
    assert score(both).overload_minutes == 0.75


def test_the_longest_shortage_is_without_a_break() -> None:
    figures = score(a_run([30, 30, 10, 30, 30, 30, 10, 30], [a_record()] * 8))
    assert (figures.overload_minutes, figures.longest_shortage_s) == (1.5, 45.0)


def test_pods_cost_from_creation_to_end_ready_or_not() -> None:
    assert score(a_run([1] * 4, [a_record(pods=n, ready=1) for n in (2, 5, 5, 3)])).pod_minutes == 15 / 4


def test_pods_cost_while_they_end() -> None:
    figures = score(a_run([1] * 4, [a_record(pods=n, ending=m) for n, m in ((3, 0), (2, 1), (2, 1), (2, 0))]))
    assert figures.pod_minutes == 11 / 4
    assert figures.pod_hours == 11 / 240


def test_the_peak_of_reconnects_is_that_of_the_worst_minute() -> None:
    back = [5, 0, 0, 0, 7, 0, 1, 2, 0, 6]
    run = a_run([1] * 10, [a_record(back=n, opened=n) for n in back])
    assert score(run).reconnect_peak == 10
    unknown = replace(run, load=replace(run.load, known=np.arange(10) != 4))
    assert score(unknown).reconnect_peak == 9


def test_a_peak_in_ticks_longer_than_a_minute_is_a_rate() -> None:
    run = a_run([1] * 3, [a_record(back=n) for n in (0, 90, 0)])
    assert score(replace(run, load=replace(run.load, tick=timedelta(minutes=3)))).reconnect_peak == 30


def test_to_begin_anew_after_a_gap_is_no_rescale() -> None:
    run = a_run([1] * 6, [a_record(desired=n) for n in (2, 3, 3, 3, 9, 8)], [True, True, False, False, True, True])
    assert score(run).rescales == 3
    assert score(replace(run, load=replace(run.load, gaps=(Gap(2, 4),)))).rescales == 2


def test_the_figures_of_the_days_add_up_to_those_of_the_run() -> None:
    load = a_load(
        connections([*wave(600), *[float("nan")] * 30, *wave(2400, period=25)], start=START + timedelta(hours=20))
    )
    policy = a_policy()
    run = replay(load, policy, hpa_for(policy), WorldSettings(pod_start=timedelta(minutes=4)), None)
    whole, days = score(run), score_by_day(run)
    assert list(days) == [date(2026, 3, day) for day in (1, 2, 3)]
    for name, value in whole.to_dict().items():
        parts = [day.to_dict()[name] for day in days.values()]
        if name in ("longest_shortage_s", "reconnect_peak"):
            assert value == max(parts)
        else:
            assert sum(parts) == pytest.approx(value)
    assert whole.scored_minutes == 3000
    assert min(whole.overload_minutes, whole.reconnect_peak, whole.hot_connection_minutes) > 0


def test_a_day_of_which_nothing_is_known_has_no_figures() -> None:
    run = a_run([1], [a_record()], [False])
    assert score_by_day(run) == {}


def test_counts_are_sums_and_hot_connections_are_weighed_by_time() -> None:
    records = [a_record(hot=4.0, opened=7, refused=2, moved=1), a_record(hot=1.5, opened=1, broken=5, moved=2)]
    figures = score(a_run([1, 1], records))
    assert figures.hot_connection_minutes == pytest.approx(5.5 / 4)
    assert (figures.connections_opened, figures.connections_refused, figures.connections_broken) == (8, 2, 5)
    assert figures.connections_moved == 3


def test_rescales_are_changes_of_what_is_asked_for_the_first_included() -> None:
    assert score(a_run([1] * 5, [a_record(desired=n) for n in (3, 3, 5, 5, 4)])).rescales == 3
    assert score(a_run([1] * 2, [a_record(desired=2)] * 2)).rescales == 0


def test_ticks_of_unknown_load_count_in_no_figure() -> None:
    loud = a_record(ready=0, pods=9, ending=9, desired=9, hot=9.0, opened=9, back=9, refused=9, broken=9, moved=9)
    records = [a_record(), loud, a_record(desired=9)]
    assert score(a_run([5, 99, 5], records, [True, False, True])) == Score(0.0, 0.0, 1.0, 0.0, 0, 0, 0, 0, 0, 0, 0.5)


def test_a_shortage_is_not_carried_over_unknown_ticks() -> None:
    assert score(a_run([99] * 3, [a_record()] * 3, [True, False, True])).longest_shortage_s == 15.0


def test_the_figures_go_into_json_by_their_names() -> None:
    figures = score(a_run([1], [a_record()]))
    assert list(json.loads(json.dumps(figures.to_dict()))) == [
        "overload_minutes",
        "hot_connection_minutes",
        "pod_minutes",
        "longest_shortage_s",
        "connections_opened",
        "connections_refused",
        "connections_broken",
        "rescales",
        "connections_moved",
        "reconnect_peak",
        "scored_minutes",
    ]


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=30))
def test_more_pods_never_mean_more_overload(ticks: list[tuple[float, int, int]]) -> None:
    offered = [load for load, _, _ in ticks]
    fewer = score(a_run(offered, [a_record(ready=ready) for _, ready, _ in ticks]))
    more = score(a_run(offered, [a_record(ready=ready + extra) for _, ready, extra in ticks]))
    assert more.overload_minutes <= fewer.overload_minutes
    assert more.longest_shortage_s <= fewer.longest_shortage_s
