"""The report: every arm, every assumption, every gap; what the user named is text and never markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np

from controller.domain import Lever, Planned, TargetBounds
from controller.simulation.oracle import Perfect
from forecaster.incidents import Incident
from foresail.replays.arms import ARMS, HPA
from foresail.replays.figures import unmeasured, world_figures
from foresail.replays.report import markdown
from foresail.replays.suggest import sentences, suggest, tried_table
from tests.helpers.replays import STEPS, a_case, a_history, a_replayed

HOLED = STEPS.copy()
HOLED[150:170] = np.nan
REPLAYED = a_replayed(a_case(a_history(HOLED)))
PAGE = markdown(REPLAYED, {"Pods": "week-pods.png"})


def test_it_holds_the_arms_the_gaps_and_what_was_assumed() -> None:
    for said in (
        *(f"| {arm.title} | " for arm in ARMS),
        *unmeasured(REPLAYED.case.load),
        *(f"| {name} | " for name in world_figures(REPLAYED.case.settings)),
        "Fewer than 3 days",
        "1 to 80 replicas, planned 120 s ahead, a minute of overload worth 50 idle pod-minutes",
        "| load | External | load | 35 |",
        "| load | not judged | 4.3 |",
        "![Pods](<week-pods.png>)",
    ):
        assert said in PAGE, said


def test_it_holds_what_the_policy_and_the_incidents_say_of_certain_hours() -> None:
    case = REPLAYED.case
    start = case.load.start
    policy = replace(
        case.policy,
        events=(Planned(start, start + timedelta(hours=1), 30, "launch|day"),),
        levers=tuple(Lever),
        target=TargetBounds("load", 30, 45),
    )
    incident = Incident(start - timedelta(hours=9), start - timedelta(hours=8), "outage")
    page = markdown(replace(REPLAYED, case=replace(case, policy=policy, incidents=(incident,))), {})
    for said in (
        f"- {start:%Y-%m-%d %H:%M} to {start + timedelta(hours=1):%Y-%m-%d %H:%M} UTC: at least 30 replicas"
        " (launch\\|day)",
        f"- {incident.start:%Y-%m-%d %H:%M} to {incident.end:%Y-%m-%d %H:%M} UTC (outage)",
        "It moves the HPA's target of load between 30 and 45 per pod.",
    ):
        assert said in page, said
    assert "calendar" not in PAGE
    assert "Incidents" not in PAGE


def test_without_a_gap_it_says_that_everything_was_measured() -> None:
    assert "Everything was measured." in markdown(a_replayed(a_case(hours=1)), {})


def test_every_table_has_as_many_cells_in_each_row() -> None:
    tables = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    assert len(tables) == 5
    assert all(len({row.count(" | ") for row in table.splitlines()}) == 1 for table in tables)


def test_what_the_user_named_is_no_markup() -> None:
    page = markdown(replace(REPLAYED, source="sum(x|y)\n# <b>[a](b)", model="a|b"), {})
    assert page.startswith("# Replay of sum(x\\|y) \\# \\<b\\>\\[a\\](b)\n")
    assert "The model: a\\|b." in page


def test_a_suggestion_is_in_it_with_what_was_tried_and_the_policy_as_yaml() -> None:
    replayed = a_replayed(a_case(a_history(np.tile(STEPS, 2)), share=0.5, hours=6, forecaster=Perfect()))
    suggestion = suggest(replayed.case, timedelta(hours=6), replayed.scores[HPA])
    page = markdown(replayed, {}, suggestion)
    assert "## What is suggested" in page
    assert all(f"| {row[0]} | {row[1]} | " in page for row in tried_table(suggestion)[2])
    (yaml,) = re.findall(r"```yaml\n(spec:\n.*?)```", page, re.DOTALL)
    assert yaml.splitlines() == sentences(suggestion, replayed.given)[-len(yaml.splitlines()) :]
    assert "## What is suggested" not in PAGE


def test_what_nobody_said_is_in_it() -> None:
    assert "\n\nIt was made up.\n\n" in markdown(replace(REPLAYED, assumed=("It was made up.",)), {})
