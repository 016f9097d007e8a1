"""The report: every arm, every assumption, every gap; what the user named is text and never markup."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from foresail.replays.arms import ARMS
from foresail.replays.figures import unmeasured, world_figures
from foresail.replays.report import markdown
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
