"""The demo's result: how long before the load needed them pods were ready, the JSON, and what is said in sentences."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.replay import Run
from controller.simulation.world import WorldSettings
from foresail.demo.live import LiveResult
from foresail.demo.report import COLUMNS, Report, lead_of, needed, rows, sentences
from foresail.demo.scenario import Segment
from foresail.output import to_json
from tests.helpers.builders import at
from tests.helpers.demos import POD_START, a_run, a_scenario

WHOLE = Segment("recurring rise", at(), at(minutes=5))
ARMS = ("foresail_live", "foresail", "hpa", "perfect")
FIGURES = {
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
}


def seconds(run: Run, segment: Segment = WHOLE) -> float | None:
    lead = lead_of(run, segment)
    return None if lead is None else lead.total_seconds()


def a_report(speed: float = 60.0, segment: Segment = WHOLE) -> Report:
    """The load goes from 40 to 70: Foresail has its pods a tick before, the HPA three after, the truth in time."""
    levels = [40, 40, 70, 70, 70, 70, 70]
    live = a_run(levels, [2, 4, 4, 4, 4, 4, 4])
    hpa = a_run(levels, [2, 2, 2, 2, 2, 4, 4])
    perfect = a_run(levels, [2, 2, 4, 4, 4, 4, 4])
    result = LiveResult(live, (), 1.5, speed, 3, 100, 700)
    scenario = replace(a_scenario([40.0, 70.0]), segments=(segment,), load=live.load)
    return Report(
        scenario, WorldSettings(pod_start=POD_START), 60.0, "lstm:base", result,
        {"foresail": live, "hpa": hpa, "perfect": perfect},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("levels", "ready", "lead_s"),
    [
        ([40, 40, 40, 60], [2, 3, 3, 3], 30),
        ([40, 40, 60, 60], [2, 2, 3, 3], 0),
        ([40, 60, 60, 60], [2, 2, 2, 3], -30),
        ([40, 60, 60, 60], [2, 2, 2, 2], -45),
        ([40, 40, 60, 80], [2, 4, 4, 4], 15),
        ([40, 60, 60, 80], [2, 3, 3, 3], -15),
        ([40, 60, 30, 60], [2, 3, 2, 2], 0),
        ([60, 60, 60, 60], [2, 3, 3, 3], -15),
        ([40, 40, 40, 40], [2, 2, 2, 2], None),
        ([40, 60, 60, 60], [3, 3, 3, 3], None),
    ],
    ids=[
        "earlier", "just in time", "later", "never", "two at once, the second counts less", "the last never",
        "gone when it is needed again", "short from the start", "none needed", "all there from the start",
    ],
)  # fmt: skip
def test_how_long_before_the_load_needed_it_was_each_pod_ready(
    levels: list[float], ready: list[int], lead_s: float | None
) -> None:
    assert seconds(a_run(levels, ready)) == lead_s


def test_only_the_segment_counts() -> None:
    run = a_run([40, 60, 60, 60, 80, 80], [2, 2, 3, 3, 3, 4])
    assert seconds(run) == -15
    assert seconds(run, Segment("", at(seconds=30), at(seconds=90))) == -15
    assert seconds(run, Segment("", at(seconds=30), at(seconds=60))) is None
    assert lead_of(run, Segment("", at(minutes=8), at(minutes=9))) is None


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10)), min_size=1, max_size=19), st.data())
def test_one_pod_more_at_any_later_time_never_makes_the_lead_worse(
    ticks: list[tuple[int, int]], data: st.DataObject
) -> None:
    levels, ready = [float(level) for level, _ in ticks], [pods for _, pods in ticks]
    more = [ready[0], *(pods + data.draw(st.integers(0, 3)) for pods in ready[1:])]
    lead, better = seconds(a_run(levels, ready)), seconds(a_run(levels, more))
    assert (lead is None) == (better is None)
    assert lead is None or better is None or better >= lead


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=20))
def test_as_many_pods_are_needed_as_carry_the_load(levels: list[int]) -> None:
    run = a_run([float(level) for level in levels], [2] * len(levels))
    for pods, level in zip(needed(run).tolist(), levels, strict=True):
        assert pods * 20 >= level
        assert (pods - 1) * 20 < level


def test_the_json_has_every_arm_and_every_figure() -> None:
    told = json.loads(to_json(a_report().to_dict()))
    assert tuple(told["arms"]) == ARMS
    assert all(set(figures) == FIGURES for figures in told["arms"].values())
    assert told["first_forecast_s"] == 1.5
    assert told["model"] == "lstm:base"
    assert told["scale"] == {
        "most_clients": 70, "most_pods": 4, "capacity_per_pod": 20, "pod_start_s": 30.0, "metric_lag_s": 30.0,
        "minutes": 1.75,
    }  # fmt: skip
    assert told["messages"] == {"sent": 100, "delivered": 700}
    rise = told["segments"]["recurring rise"]
    assert set(rise["arms"]) == set(ARMS)
    assert rise["ready_ahead_s"] == {"foresail_live": 15.0, "foresail": 15.0, "hpa": -45.0, "perfect": 0.0}


@pytest.mark.parametrize(("speed", "kept_up"), [(60.0, True), (57.1, True), (56.9, False), (12.0, False)])
def test_a_machine_that_could_not_keep_up_is_told_so(speed: float, kept_up: bool) -> None:
    report = a_report(speed)
    clock = report.to_dict()["clock"]
    assert clock == {"asked_speed": 60.0, "speed": speed, "late_ticks": 3, "ticks": 7, "kept_up": kept_up}
    slowed = [s for s in sentences(report) if "did not keep up with 60x" in s]
    assert [f"{speed:.0f}x on average (3 late ticks)" in s for s in slowed] == ([] if kept_up else [True])


def test_the_table_compares_every_arm_with_the_hpa() -> None:
    arms = a_report().arms()
    table = rows(arms)
    assert [len(row) for row in table] == [len(COLUMNS)] * 4
    cost = {row[0]: row[COLUMNS.index("vs HPA")] for row in table}
    assert cost["HPA alone, replayed"] == "1.00x"
    assert cost["Foresail, live processes"] == f"{26 / 18:.2f}x"


def test_the_sentences_say_who_was_short_for_how_long_and_who_was_ready_when() -> None:
    first, rise = sentences(a_report())
    assert "The HPA alone would have been short for 0.75 minutes" in first
    assert "Foresail was for 0.00" in first
    assert "a perfect forecast would have been for 0.00" in first
    assert "cost +44.4% against the HPA" in first
    assert rise.startswith("Recurring rise: 0.00 minutes short with Foresail, 0.75 with the HPA;")
    assert "Foresail had each pod ready at least 15 s before the load needed it" in rise
    assert "the HPA had each pod ready up to 45 s after the load needed it" in rise


def test_a_segment_that_needs_no_more_pods_says_nothing_of_them() -> None:
    quiet = Segment("flash crowd", at(seconds=90), at(seconds=90) + timedelta(minutes=1))
    (_, about) = sentences(a_report(segment=quiet))
    assert about == "Flash crowd: 0.00 minutes short with Foresail, 0.00 with the HPA."
