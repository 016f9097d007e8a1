"""What each part of the model is worth, and each source of traces, as a page for docs/reference."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tools.side_by_side import markdown

PAGE = "docs/reference/ablations.md"
FULL = "full"
_FIGURES: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
    "MAE": lambda s: s["mae"],
    "pinball, empirical": lambda s: s["pinball"],
    "pinball, adaptive": lambda s: s["adaptive"]["pinball"],
    "up-ramps, empirical": lambda s: s["ramp"],
    "0.95, adaptive": lambda s: s["adaptive"]["by_level"]["0.95"],
    "0.99, adaptive": lambda s: s["adaptive"]["by_level"]["0.99"],
}
_ADAPTIVE = "pinball, adaptive"
_HEAD = """\
# What each part is worth

Written by `make docs` from benchmarks/results/ablations, which `make bench-ablations TRACES=FOLDER` measures. Each row
is a training of its own: the shipped recipe with {steps:,} steps, differing in one thing. Figures are geometric means
of ratios to persistence over the last 30 % of each trace, an origin every 7 minutes; below 1 is better. Two trainings
that differ in nothing but their seed lie up to about 1 % apart.

"""
_MOST_WORSE = 0.05
"""What was wanted: a source that was never seen is forecast at most so much worse."""
_SOURCES = """\
## Sources left out

The error on a source's own traces, of the model that learned from their first 70 % too → of one that never saw them.

"""


def read(results: Path) -> dict[str, dict[str, Any]] | None:
    """Every variant that was measured, by name; None where the full recipe was not.

    Raises ValueError where one had other steps, another seed or other traces than the full recipe.
    """
    found = [json.loads(path.read_text("utf-8")) for path in sorted((results / "ablations").glob("*.json"))]
    variants: dict[str, dict[str, Any]] = {one["variant"]: one for one in found}
    if FULL not in variants:
        return None
    for name, variant in variants.items():
        if _settings(variant) != _settings(variants[FULL]):
            raise ValueError(f"ablations/{name}.json: steps, seed or traces are not those of {FULL}; measure it again")
    return variants


def _settings(variant: Mapping[str, Any]) -> tuple[object, ...]:
    return variant["steps"], variant["seed"], sorted(variant["traces"])


def page(variants: Mapping[str, Mapping[str, Any]]) -> str:
    """The parts, best first, then the sources."""
    full = variants[FULL]
    learned = [name for name, trace in full["traces"].items() if trace["learned"] and trace["step_s"] == 60]
    services = [name for name in full["traces"] if name.startswith("synthetic_ws")]
    labels = {(name, "calibrated"): name for name, one in variants.items() if not one["without"]}
    labels[FULL, "network"] = "full, not calibrated"
    rows = []
    for name, arm in sorted(labels, key=lambda row: _mean(variants[row[0]], row[1], learned, _ADAPTIVE)):
        means = [_mean(variants[name], arm, learned, figure) for figure in _FIGURES]
        means.append(_mean(variants[name], arm, services, _ADAPTIVE))
        rows.append([labels[name, arm], *map(_three, means)])
    columns = ["variant", *_FIGURES, f"socket services: {_ADAPTIVE}"]
    over = f"## Parts\n\nOver the {len(learned)} traces at one minute that the full recipe learns from.\n\n"
    return _HEAD.format(steps=full["steps"]) + over + markdown(columns, rows) + "\n" + _SOURCES + _sources(variants)


def _sources(variants: Mapping[str, Mapping[str, Any]]) -> str:
    rows: list[list[str]] = []
    worse: list[str] = []
    for name, variant in variants.items():
        unseen = [t for t in variant["traces"] if any(fnmatch(t, pattern) for pattern in variant["without"])]
        if unseen:
            pairs = [
                (_mean(variants[FULL], "calibrated", unseen, figure), _mean(variant, "calibrated", unseen, figure))
                for figure in _FIGURES
            ]
            rows.append([name, str(len(unseen)), *(f"{_three(seen)} → {_three(left)}" for seen, left in pairs)])
            beyond = [
                f"{figure} {left - seen:+.3f}"
                for figure, (seen, left) in zip(_FIGURES, pairs, strict=True)
                if left - seen > _MOST_WORSE
            ]
            worse += [f"`{name}` ({'; '.join(beyond)})"] if beyond else []
    verdict = f"**missed** in {' and '.join(worse)}" if worse else "met"
    return (
        markdown(["variant", "traces", *_FIGURES], rows) + f"\nWanted was at most {_MOST_WORSE:g} worse: {verdict}.\n"
    )


def _mean(variant: Mapping[str, Any], arm: str, traces: Sequence[str], figure: str) -> float:
    """The geometric mean over those traces."""
    logs = [math.log(_FIGURES[figure](variant["traces"][trace][arm])) for trace in traces]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def _three(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
