"""The figures: a row for each arm that was played, intervals only from three days on, gaps said and never filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from controller.simulation.score import score_by_day
from forecaster.series import Kind
from foresail.output import to_json
from foresail.replays.arms import ARMS, FORESAIL, HPA
from foresail.replays.figures import against_hpa, arm_table, short_lead, title, to_dict, unmeasured
from tests.helpers.histories import MINUTE, a_series
from tests.helpers.replays import STEPS, a_case, a_history, a_replayed

STOCK = a_replayed(a_case(a_history(name="connections", kind=Kind.STOCK), a_history(STEPS / 4, "messages"), hours=2))


def test_a_row_for_each_arm_with_the_connections_where_there_is_a_stock() -> None:
    columns, rows = arm_table(STOCK.scores, has_stock=True)
    assert [row[0] for row in rows] == [arm.title for arm in ARMS]
    assert {len(row) for row in rows} == {len(columns)}
    assert set(columns) - set(arm_table(STOCK.scores, has_stock=False)[0]) == {
        "hot conn-min", "broken", "reconnect peak"
    }  # fmt: skip
    assert rows[0][columns.index("vs HPA")] == "1.000x"
    assert len(arm_table({HPA: STOCK.scores[HPA]}, has_stock=True)[1]) == 1


def test_the_title_says_what_a_pod_carries_of_each_signal() -> None:
    assert "50.00 connections per pod, 12.50 messages per pod, pods ready in 120 s" in title(STOCK)


def test_a_policy_that_plans_for_less_than_a_pod_takes_is_told_so() -> None:
    assert short_lead(STOCK) == []
    p95 = replace(STOCK.case.settings, pod_start_p95=timedelta(seconds=400))
    slow = replace(STOCK, case=replace(STOCK.case, settings=p95))
    (said,) = short_lead(slow)
    assert said.startswith(
        "The policy plans 120 s ahead, and one pod in twenty takes 400 s or more: a leadTime of that"
    )


def test_everything_for_machines_is_json() -> None:
    assert to_json(to_dict(STOCK)).startswith('{\n  "file": "steps.csv"')


def test_a_run_against_itself_differs_by_nothing() -> None:
    run = a_replayed(a_case(a_history(np.tile(STEPS, 5)), share=0.2, hours=96)).runs[HPA]
    same = against_hpa(run, run)
    assert same is not None
    assert (same.days, same.measured_days) == (4, 4.0)
    assert (same.overload_minutes, same.pod_hours) == ((0, 0, 0), (1, 1, 1))
    assert "90 % intervals over 4 days drawn again:" in same.sentence()
    assert "overload +0.0 min (+0.0 to +0.0), pod-hours +0.0 % (+0.0 to +0.0 %)" in same.sentence()


def test_intervals_hold_the_figure_and_days_that_differ_widen_them() -> None:
    values = np.concatenate([STEPS, STEPS, np.full(288, 500.0), STEPS, np.full(288, 500.0)])
    runs = a_replayed(a_case(a_history(values), share=0.2, hours=96)).runs
    found = against_hpa(runs[FORESAIL], runs[HPA])
    assert found is not None
    assert found.pod_hours[1] < found.pod_hours[0] < found.pod_hours[2]


def test_days_in_part_are_counted_as_what_they_are() -> None:
    """Half a day from noon on, three whole ones, and half a day: five days of the calendar, and four days' time."""
    run = a_replayed(a_case(a_history(np.tile(STEPS, 5)), share=0.1, hours=96)).runs[HPA]
    found = against_hpa(run, run)
    assert found is not None
    assert (found.days, found.measured_days) == (5, 4.0)
    assert "over the 5 calendar days (UTC) that the 4.0 days lie in, drawn again:" in found.sentence()


def test_two_days_that_touch_three_of_the_calendar_have_no_interval() -> None:
    runs = a_replayed(a_case(a_history(np.tile(STEPS, 4)), share=0.125, hours=48)).runs
    assert len(score_by_day(runs[HPA])) == 3
    assert against_hpa(runs[FORESAIL], runs[HPA]) is None


def test_two_days_have_no_interval() -> None:
    runs = a_replayed(a_case(a_history(np.tile(STEPS, 3)), share=0.34, hours=48)).runs
    assert against_hpa(runs[FORESAIL], runs[HPA]) is None


@pytest.mark.parametrize(("missing", "sentences"), [(0, 0), (10, 1), (16, 2)])
def test_what_was_not_measured_is_said_and_a_gap_is_named(missing: int, sentences: int) -> None:
    values = STEPS.copy()
    values[150 : 150 + missing] = np.nan
    replayed = a_replayed(a_case(a_history(values), hours=3))
    said = unmeasured(replayed.case.load)
    assert len(said) == sentences
    assert sum(sentence.startswith("Gap from 2026-01-05 12:30 to ") for sentence in said) == (missing > 15)
    told = to_dict(replayed)
    assert told["unknown_minutes"] == 5 * missing
    assert isinstance(told["gaps"], list)
    assert len(told["gaps"]) == (missing > 15)


def test_one_minute_is_told_as_one() -> None:
    minutes = np.full(240, 100.0)
    minutes[200] = np.nan
    case = a_case(replace(a_series(minutes, MINUTE, name="load"), kind=Kind.FLOW))
    assert unmeasured(case.load) == ["1 minute was not measured: not scored."]


def test_the_share_of_the_targets_is_of_those_given() -> None:
    alone = replace(STOCK, played={**STOCK.played, "hpa_same_cost": STOCK.played[HPA]})
    assert alone.same_cost_share == 1.0
