"""What each rule of the planner is worth, as a page for docs/reference."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.replays import ratio_mean
from tools.side_by_side import markdown

PAGE = "docs/reference/planner-rules.md"
WHOLE, HPA = "whole", "hpa"
_HEAD = """\
# What each rule of the planner is worth

Written by `make docs` from benchmarks/results/planner_rules.json, which `make bench-planner-rules TRACES=FOLDER`
measures: the last four days of the first 70 % of each trace, one rule of the planner switched off at a time. The bars
of [every arm on every trace](replay.md) are measured on the rest. The shipped model has learned from these days of
ten of the traces, so its forecasts are better here than there: what counts is the difference to the whole planner. The
*ratio* is the overload by that of an HPA which
costs the same, in the geometric mean over the public traces whose HPA at 70 % is overloaded for at least 0.05 % of the
time; *pods* are beside that HPA's, over all traces; *broken* are connections that a scale-down broke.

"""
_FROM = 0.0005
_MINUTES = 4 * 1440
_MADE_UP = "synthetic_ws"


def read(results: Path) -> dict[str, Any] | None:
    """What was measured; None where nothing was."""
    path = results / "planner_rules.json"
    if not path.is_file():
        return None
    measured: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return measured


def page(measured: Mapping[str, Any]) -> str:
    """A table for each pod start: a row for the whole planner, and one without each rule."""
    traces: Mapping[str, Any] = measured["traces"]
    starts = sorted(next(iter(traces.values()))["worlds"], key=float)
    parts = [_HEAD]
    for start in starts:
        worlds = {name: trace["worlds"][start] for name, trace in traces.items()}
        parts += [f"## Pods that start in {start} s\n\n", _table(worlds), "\n"]
    return "".join(parts).rstrip("\n") + "\n"


def _table(worlds: Mapping[str, Mapping[str, Any]]) -> str:
    counted = [
        {"arms": world}
        for name, world in worlds.items()
        if not name.startswith(_MADE_UP) and world[HPA]["overload_minutes"] >= _FROM * _MINUTES
    ]
    everywhere = list(worlds.values())
    services = [world for name, world in worlds.items() if name.endswith("_connections_1m")]
    rows = []
    for rule in (name for name in everywhere[0] if name != HPA):
        ratio = ratio_mean(counted, rule)
        rows.append([
            f"**{rule}**" if rule == WHOLE else rule,
            "-" if math.isnan(ratio) else f"{ratio:.3f}",
            f"{_sum(everywhere, rule, 'overload_minutes'):,.1f}",
            f"{100 * (_sum(everywhere, rule, 'pod_minutes') / _sum(everywhere, HPA, 'pod_minutes') - 1):+.2f} %",
            f"{_sum(services, rule, 'overload_minutes'):,.1f}",
            f"{_sum(services, rule, 'broken'):,.0f}",
            f"{_sum(everywhere, rule, 'rescales'):,.0f}",
        ])  # fmt: skip
    columns = ["planner", f"ratio, mean of {len(counted)}", "overload, min", "pods", "services' overload, min",
               "services' connections broken", "rescales"]  # fmt: skip
    return markdown(columns, rows)


def _sum(worlds: Sequence[Mapping[str, Any]], arm: str, figure: str) -> float:
    return sum(float(world[arm][figure]) for world in worlds)
