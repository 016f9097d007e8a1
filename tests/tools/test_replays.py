"""The page of the replays: bars met and missed, means that no single trace decides, what cannot be divided a dash."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tools.replays import (
    extra_worst,
    gone_worst,
    overloaded,
    page,
    ratio_mean,
    ratio_worst,
    read,
    share_mean,
    share_median,
    share_worst,
)

ARMS = (
    "foresail", "foresail_target", "hpa", "perfect", "perfect_target", "offset_rule", "seasonal", "floor_alone",
    "keda_yesterday", "keda_cron", "phpa_linear", "phpa_holt_winters",
)  # fmt: skip
BARS = Path(__file__).parents[2] / "benchmarks" / "bars.toml"


def figures(overload: float, pods: float) -> dict[str, float]:
    names = ("hot_connection_minutes", "longest_shortage_s", "connections_broken", "rescales")
    return {"overload_minutes": overload, "pod_minutes": pods, **dict.fromkeys(names, 7.0)}


def a_world(*, hpa: float = 50.0, overload: float = 5.0, pods: float = 630.0, ratio: Any = 0.5) -> dict[str, Any]:
    arms = {
        name: {"figures": figures(overload, pods), "ratio": [ratio, 0.4, "inf"], "share": None, "seeds": 1}
        for name in ARMS
    }
    arms["hpa"] = {"figures": figures(hpa, 600.0), "ratio": [1.0, 1.0, 1.0], "share": [0.25, None, None], "seeds": 1}
    return {"minutes": 1000.0, "arms": arms, "clairvoyant": figures(0.0, 300.0), "curve": []}


def a_trace(kind: str = "Flow", **changes: Any) -> dict[str, Any]:
    worlds = {start: a_world(**changes) for start in ("60", "240")}
    return {"about": "a load", "kind": kind, "class": "bursty", "worlds": worlds}


def test_every_bar_says_whether_it_is_met() -> None:
    text = page({"traces": {"a": a_trace(), "b": a_trace("Stock", ratio=1.5)}}, BARS)
    lines = [line for line in text.split("## The bars")[1].split("\n## ")[0].splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + 22
    assert "| equal-cost overload ratio, geometric mean | 60 s | 2 | ≤ 0.65 | 0.866 | **missed** |" in lines
    assert "| extra pod-hours, the worst trace | 60 s | 2 | ≤ 0.1 | 0.050 | met |" in lines
    assert "| overload of recurring connections that is gone, the worst trace | 240 s | 1 | ≥ 0.95 | 0.900 |" in text


def test_what_was_not_measured_is_said() -> None:
    assert "| nan | not measured |" in page({"traces": {"a": a_trace()}}, BARS)


def test_every_trace_has_every_arm_and_the_clairvoyant() -> None:
    text = page({"traces": {"a": a_trace()}}, BARS)
    assert text.count("| clairvoyant, no overload |") == 2
    assert text.count("| **Foresail, floor** | 0.50 (0.40 to ∞) | - | 5.00 | 10.5 | +5.0 % |") == 2
    assert "| HPA at 70 % | 1.00 (1.00 to 1.00) | 0.25 |" in text


def test_without_an_overloaded_trace_there_is_nothing_to_compare() -> None:
    with pytest.raises(ValueError, match="no trace has an HPA that is overloaded"):
        page({"traces": {"a": a_trace(hpa=0.0)}}, BARS)


def test_only_traces_with_overload_count() -> None:
    traces = {"a": a_trace(), "b": a_trace(hpa=0.4), "c": a_trace(hpa=0.5)}
    assert overloaded(traces, "60", 0.0005) == ["a", "c"]


def test_the_made_up_services_count_only_where_they_are_asked_for() -> None:
    traces = {"a": a_trace(), "synthetic_ws_a": a_trace("Stock", ratio=0.0), "synthetic_ws_b": a_trace(hpa=0.4)}
    assert overloaded(traces, "240", 0.0005) == ["a"]
    assert overloaded(traces, "240", 0.0005, made_up=True) == ["a", "synthetic_ws_a"]
    text = page({"traces": traces}, BARS)
    assert "| equal-cost overload ratio, geometric mean | 240 s | 1 | ≤ 0.25 | 0.500 | **missed** |" in text
    name = "equal-cost overload ratio, made-up services too, geometric mean"
    assert f"| {name} | 240 s | 2 | ≤ 0.25 | 0.071 | met |" in text


def test_the_recurrent_class_is_the_whole_class_and_nothing_else() -> None:
    public, made_up, other = a_trace(), a_trace("Stock"), a_trace()
    for trace, group, share in ((public, "recurrent", 0.5), (made_up, "recurrent", 0.9), (other, "bursty", 0.1)):
        trace["class"] = group
        trace["worlds"]["60"]["arms"]["foresail_target"]["share"] = [share, None, None]
    text = page({"traces": {"a": public, "synthetic_ws_a": made_up, "b": other}}, BARS)
    whole = "share of the possible saving on the whole recurrent class, the mean"
    assert f"| {whole} | 60 s | 2 | ≥ 0.85 | 0.700 | **missed** |" in text
    outside = "share of the possible saving outside of the recurrent class, the median"
    assert f"| {outside} | 60 s | 1 | ≥ 0.6 | 0.100 | **missed** |" in text


def test_a_bar_says_over_how_many_traces_it_could_be_measured() -> None:
    traces = {name: a_trace("Stock") for name in "abc"}
    for name, share in (("a", 0.9), ("b", 0.8)):
        traces[name]["worlds"]["60"]["arms"]["foresail_target"]["share"] = [share, None, None]
    traces["a"]["worlds"]["60"]["arms"]["foresail"]["ratio"] = [None, None, None]
    text = page({"traces": traces}, BARS)
    saving = "share of the possible saving on recurring connections, the mean"
    assert f"| {saving} | 60 s | 2 of 3 | ≥ 0.85 | 0.850 | met |" in text
    assert "| equal-cost overload ratio, the worst trace | 60 s | 2 of 3 | ≤ 1 | 0.500 | met |" in text
    assert "| extra pod-hours, the worst trace | 60 s | 3 | ≤ 0.1 | 0.050 | met |" in text


def test_no_single_trace_decides_the_mean() -> None:
    assert ratio_mean([a_world(ratio=0.0), a_world(ratio="inf")], "foresail") == pytest.approx(1)
    assert ratio_mean([a_world(ratio=0.5), a_world(ratio=None)], "foresail") == pytest.approx(0.5)
    assert math.isnan(ratio_mean([], "foresail"))


def test_of_the_shares_of_the_saving_only_known_ones_count() -> None:
    worlds = [a_world() for _ in range(4)]
    for world, share in zip(worlds, ([0.9, 0.8, 0.95], [0.3, 0.1, 0.4], None, [None, None, None]), strict=True):
        world["arms"]["foresail_target"]["share"] = share
    assert share_mean(worlds, "foresail_target") == pytest.approx(0.6)
    assert share_median(worlds, "foresail_target") == pytest.approx(0.6)
    assert share_worst(worlds, "foresail_target") == pytest.approx(0.3)
    assert math.isnan(share_median([], "foresail_target"))


def test_the_worst_is_the_worst() -> None:
    worlds = [a_world(), a_world(overload=10.0, pods=660.0, ratio="inf"), a_world(hpa=0.0)]
    assert ratio_worst(worlds, "foresail") == math.inf
    assert extra_worst(worlds, "foresail") == pytest.approx(0.1)
    assert gone_worst(worlds, "foresail") == pytest.approx(0.8)


def test_without_a_run_there_is_no_page(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "replays.json").write_text(json.dumps({"traces": {}}))
    assert read(tmp_path) == {"traces": {}}
