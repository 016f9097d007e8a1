"""The summary: means over the seeds and the traces of a group, our ratio on the same days, nothing where one lacks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.day_sums import RATIOS
from benchmarks.side_by_side import RESULTS
from benchmarks.summary import SUMMARY, as_text, groups, read_results, summarise
from benchmarks.traces import Trace, read_compared
from forecaster.evaluate.bootstrap import DRAWS
from forecaster.series import Kind

BASE = {theirs for _, theirs in RATIOS.values()}
OWN = {ours for ours, _ in RATIOS.values()}
TRACES = (
    Trace("a.csv.gz", "a", Kind.FLOW, "diurnal", True, "0"),
    Trace("b.csv.gz", "b", Kind.FLOW, "bursty", True, "0"),
    Trace("twitter_stream_x.csv.gz", "t", Kind.FLOW, "diurnal", False, "0"),
)


def a_run(**ratio: float) -> dict[str, Any]:
    """A run that loses `ratio` times what persistence does, on each trace given, every day."""
    rng = np.random.default_rng(0)
    traces = {}
    for name, factor in ratio.items():
        base = rng.uniform(1, 9, size=6)
        traces[name] = {
            "days": [f"2026-01-0{k}" for k in range(1, 7)],
            "arm": {column: list(factor * base) for column in OWN},
            "persistence": {column: list(base) for column in BASE},
        }
    cost = {"train_cpu_s": 3.0, "cpu_s_per_1000_forecasts": 2.0, "peak_rss_mib": 100}
    return {"effort": 1.0, "library": None, "traces": traces, **cost}


def a_summary(**arms: list[dict[str, Any]]) -> Any:
    return summarise({name.replace("_", "-"): {"seeds": seeds} for name, seeds in arms.items()}, TRACES)


def test_traces_and_seeds_count_by_their_geometric_mean() -> None:
    made = a_summary(lstm=[a_run(a=0.5, b=0.9), a_run(a=0.8, b=0.4)])
    wanted = (0.5 * 0.9 * 0.8 * 0.4) ** 0.25
    arm = made["arms"]["lstm"]
    assert arm["groups"]["learned"]["adaptive"] == pytest.approx([wanted] * 3, rel=1e-4)
    assert arm["seeds"] == 2
    assert made["draws"] == DRAWS


def test_ours_is_compared_on_the_same_days() -> None:
    made = a_summary(foresail=[a_run(a=0.5, b=0.5)], ridge=[a_run(a=0.6, b=0.6)])
    ridge = made["arms"]["ridge"]["against_ours"]["learned"]["mae"]
    assert ridge == pytest.approx([1.2, 1.2, 1.2], rel=1e-4)
    assert made["arms"]["foresail"]["ours"]


def test_a_mean_without_one_of_its_traces_is_none() -> None:
    made = a_summary(foresail=[a_run(a=0.5, b=0.5)], ridge=[a_run(a=0.6)])
    assert made["arms"]["ridge"]["groups"]["learned"] is None
    assert made["arms"]["ridge"]["against_ours"]["learned"] is None
    assert made["arms"]["ridge"]["groups"]["diurnal"] is None
    assert made["arms"]["foresail"]["groups"]["bursty"]["mae"][0] == 0.5


def test_the_text_is_the_summary_with_an_arm_a_line() -> None:
    made = a_summary(foresail=[a_run(a=0.5, b=0.5)], ridge=[a_run(a=0.6)])
    text = as_text(made)
    assert json.loads(text) == made
    assert [line[:7] for line in text.splitlines()[1:3]] == ['"foresa', '"ridge"']


def test_groups_without_traces_are_left_out() -> None:
    made = groups(TRACES)
    assert made["learned"] == ("a", "b")
    assert made["twitter_stream"] == ("twitter_stream_x",)
    assert "synthetic_ws" not in made
    assert "recurrent" not in made


def test_the_committed_summary_is_what_the_committed_results_say() -> None:
    assert (RESULTS / SUMMARY).read_text("utf-8") == as_text(summarise(read_results(RESULTS), read_compared()))
