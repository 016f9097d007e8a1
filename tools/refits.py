"""What a workload's own refit is worth, and what it costs, as a page for docs/reference."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tools.side_by_side import markdown

PAGE = "docs/reference/refits.md"
_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
    "pinball, adaptive": lambda s: s["adaptive"]["pinball"],
    "up-ramps, empirical": lambda s: s["ramp"],
    "0.95, adaptive": lambda s: s["adaptive"]["by_level"]["0.95"],
}
_HEAD = """\
# What a refit is worth

Written by `make docs` from benchmarks/results/refits.json, which `make bench-refit TRACES=FOLDER` measures. The
shipped model goes on learning from the first 70 % of each trace ({layers} layers, {steps} steps) and is judged on that
part's latest {days:g} days, as `foresail refit` does; then it and the shipped model are scored on the last 30 %,
promoted or not, both calibrated online. Figures are ratios to persistence, the shipped model's → the refit's. A refit
took {seconds:.0f} seconds of one core in the median, {most:.0f} at most.

"""


def read(results: Path) -> dict[str, Any] | None:
    """What was measured; None where nothing was."""
    path = results / "refits.json"
    if not path.is_file():
        return None
    measured: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return measured


def page(measured: Mapping[str, Any]) -> str:
    """A row for each trace, and the means of those that were promoted, of all known and of all unknown traces."""
    traces, config = measured["traces"], measured["config"]
    seconds = [one["cpu_s"] for one in traces.values()]
    head = _HEAD.format(
        layers=config["layers"], steps=config["steps"], days=config["judge_days"],
        seconds=median(seconds), most=max(seconds),
    )  # fmt: skip
    rows = [
        [name if one["learned"] else rf"{name} \*", one["verdict"]["reason"], f"{one['verdict']['ratio']:.3f}",
         *_pairs([one])]
        for name, one in traces.items()
    ]  # fmt: skip
    groups = {
        "promoted": [one for one in traces.values() if one["verdict"]["promoted"]],
        "learned from before": [one for one in traces.values() if one["learned"]],
        "never learned from": [one for one in traces.values() if not one["learned"]],
    }
    rows += [[f"**{name}, {len(ones)}**", "", "", *_pairs(ones)] for name, ones in groups.items() if ones]
    columns = ["trace", "verdict", "loss on the judged days", *_FIGURES]
    return head + markdown(columns, rows, text_columns=2) + "\n\\* the shipped model never learned from it\n"


def _pairs(ones: list[Mapping[str, Any]]) -> list[str]:
    """Of every figure the geometric means before and after."""
    return [
        f"{_mean([figure(one['scores']['base']) for one in ones]):.3f} → "
        f"{_mean([figure(one['scores']['refit']) for one in ones]):.3f}"
        for figure in _FIGURES.values()
    ]


def _mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
