"""Which of the limits set for the forecast beforehand are met, as a table for the page of the side by side."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tools.side_by_side import markdown


def table(summary: Mapping[str, Any], bars: Path) -> str:
    """A row for each `[[forecast]]` of the bars. Raises ValueError where one asks for what was not measured."""
    rows = []
    for bar in tomllib.loads(bars.read_text("utf-8"))["forecast"]:
        value = measured(summary, bar)
        low, high = bar.get("at_least", -math.inf), bar.get("at_most", math.inf)
        ends = [f"≥ {low:g}"] * ("at_least" in bar) + [f"≤ {high:g}"] * ("at_most" in bar)
        rows.append([bar["name"], ", ".join(ends), f"{value:.3f}", "met" if low <= value <= high else "**missed**"])
    return markdown(["bar", "wanted", "measured", ""], rows)


def measured(summary: Mapping[str, Any], bar: Mapping[str, str]) -> float:
    """What a bar is about: see benchmarks/bars.toml for `how`, `over` and `figure`."""
    ours, figure = summary["arms"]["foresail"], bar["figure"]
    if bar["how"] == "behind":
        return max(_behind(summary, group, figure) for group in bar["over"].split())
    if bar["how"] == "group":
        return float(ours["groups"][bar["over"]][figure][0])
    values = [float(found[figure][0]) for name, found in ours["traces"].items() if fnmatch(name, bar["over"])]
    if not values:
        raise ValueError(f"{bar['name']}: no trace is called {bar['over']!r}; see benchmarks/traces.toml")
    return max(values) if bar["how"] == "worst" else _geometric(values)


def _behind(summary: Mapping[str, Any], group: str, figure: str) -> float:
    """Our error by that of the arm with the least; above 1 that arm is ahead."""
    others = [arm["against_ours"][group] for arm in summary["arms"].values() if not arm["ours"]]
    return 1 / min(float(other[figure][0]) for other in others if other is not None)


def _geometric(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
