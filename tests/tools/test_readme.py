"""The README's tables: generated from the committed results, which were measured with the shipped model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.readme import README, RESULTS, ROOT, blocks, main, render


def test_the_readme_is_what_the_results_say() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", ["public_traces", "replays", "fleet", "refits", "cheap_gains", "restarts"])
def test_the_results_were_measured_with_the_shipped_model(name: str) -> None:
    """By the hash of its network, or by its seal, which stands for all of its files."""
    measured = json.loads((RESULTS / f"{name}.json").read_text())["model"]
    manifest = json.loads((ROOT / "models" / "base" / "manifest.json").read_text())
    assert measured in (manifest["files"]["model.onnx"], manifest["sha256"])


def test_the_readme_counts_the_limits_that_are_missed() -> None:
    said = " ".join(README.read_text().split())
    for page, wanted in (
        ("side-by-side", "{} of {} are missed by [the forecast]"),
        ("replay", "{} of {} by [autoscal"),
    ):
        bars = (ROOT / "docs" / "reference" / f"{page}.md").read_text().split("## The bars")[1].split("\n## ")[0]
        missed, met = bars.count("| **missed** |"), bars.count("| met |")
        assert wanted.format(missed, missed + met) in said


def test_only_what_stands_between_markers_is_replaced() -> None:
    text = "before\n<!-- begin a -->\nold\n<!-- end a -->\nbetween\n<!-- begin b -->\n<!-- end b -->\nafter\n"
    fresh = render(text, {"a": "| new |\n", "b": "| \\1 |\n"})
    assert fresh == (
        "before\n<!-- begin a -->\n| new |\n<!-- end a -->\nbetween\n<!-- begin b -->\n| \\1 |\n<!-- end b -->\nafter\n"
    )
    assert render(fresh, {"a": "| new |\n", "b": "| \\1 |\n"}) == fresh


@pytest.mark.parametrize("names", [{"a": ""}, {"a": "", "b": "", "c": ""}])
def test_markers_and_tables_must_match(names: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="README has markers for"):
        render("<!-- begin a --><!-- end a --><!-- begin b --><!-- end b -->", names)


def test_every_command_of_the_readme_exists(tmp_path: Path) -> None:
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    named = {word for line in README.read_text().splitlines() if line.startswith("make ") for word in line.split()[1:2]}
    assert named
    assert named <= targets


def test_every_arm_and_trace_has_a_row() -> None:
    tables = blocks(RESULTS)
    traces = json.loads((RESULTS / "public_traces.json").read_text())["traces"]
    assert tables["forecasts"].count("\n") == len(traces) + 3
    assert tables["demo"].count("\n") == 6 + 2


def test_a_trace_on_which_the_hpa_is_hardly_short_stands_with_the_others_like_it() -> None:
    traces = json.loads((RESULTS / "public_traces.json").read_text())["traces"]
    *rows, others = blocks(RESULTS)["replays"].splitlines()[2:]
    alone = {name: [run["arms"]["hpa"]["overload_minutes"] / run["minutes"] for run in one["replay"].values()]
             for name, one in traces.items()}  # fmt: skip
    calm = [one for one in alone.values() if max(one) < 0.001]
    assert len(rows) + len(calm) == len(traces)
    assert others.startswith(f"| the other {len(calm)}, at most | {100 * max(min(one) for one in calm):.2f} / ")
