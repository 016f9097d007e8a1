"""Every arm's replays as a page for docs/reference: which bars are met, the arms in each world, and each trace."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tools.side_by_side import markdown

PAGE = "docs/reference/replay.md"
_ARMS = {
    "foresail": "**Foresail, floor**",
    "foresail_target": "**Foresail, floor and target**",
    "hpa": "HPA at 70 %",
    "perfect": "the planner, perfect forecast",
    "perfect_target": "both levers, perfect forecast",
    "offset_rule": "the planner, max(now, yesterday)",
    "seasonal": "the planner, same time last week",
    "floor_alone": "Foresail's floor without an HPA",
    "keda_yesterday": "KEDA, yesterday's load as a trigger",
    "keda_cron": "KEDA, cron by the hour",
    "phpa_linear": "PHPA, linear regression",
    "phpa_holt_winters": "PHPA, Holt-Winters",
}
_MADE_UP = "synthetic_ws"
_FEWEST = 0.01
"""A ratio of zero counts so in a geometric mean, and an infinite one by its inverse: one trace is not to decide all."""
_HEAD = """\
# Every arm on every trace

Written by `make docs` from benchmarks/results/replays.json, which `make bench-replay TRACES=FOLDER` measures; the bars
were written down before, in benchmarks/bars.toml. Played is the last 30 % of each trace, at most four days, with a
capacity of which the highest load takes 20 pods, in a world whose pods start in 60 or 240 s and whose metrics are 30 s
old. *Overload* is time in which the load is more than the ready pods carry. The *ratio* is the arm's overload by that
of the HPA whose target is changed until it costs the same; below 1 is better. The *share* is of the pod-hours that the
clairvoyant, which knows the load, would save against the cheapest HPA of a grid of targets and stabilization windows,
all with the arm's overload; 1 is all, below 0 is dearer, none where no HPA of the grid has so little overload. In
brackets the 95 % interval over days drawn again. Connections are the mean over the seeds given; a load of requests is
the same with every seed. In a geometric mean a ratio counts as at least 0.01, and at most 100.

"""
_WHICH = """
The rows with the made-up services were added later, when the others were known: the prototype's figures, beside which
the limits were written, were over such a set. With pods of 240 s that mean hangs on the services' connections: where
the floor leaves no overload at all a trace counts as 0.01, the least that a ratio can count. Neither set stands for the
other. The rows of the recurrent class were added later too: its limit was first held against connections alone, and the
class has a public trace and the services' messages besides. "2 of 3" are traces with such a figure: the share is none
where no HPA of the grid has as little overload as the arm.
"""


def read(results: Path) -> dict[str, Any] | None:
    """The measured replays, or None where they were never run."""
    path = results / "replays.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def page(replays: Mapping[str, Any], bars: Path) -> str:
    """Bars, arms and traces."""
    wanted = tomllib.loads(bars.read_text("utf-8"))
    traces = replays["traces"]
    parts = [_HEAD, "## The bars\n\n", _bars_table(wanted, traces), _WHICH, "\n"]
    for world in _worlds(traces):
        names = overloaded(traces, world, wanted["counted_from"])
        parts += [f"## Pods that start in {world} s\n\n", _arms_table(traces, world, names), "\n"]
        for trace in traces.values():
            parts += [f"### {trace['about'].capitalize()}, {world} s\n\n", _trace_table(trace, world), "\n"]
        if not names:
            raise ValueError(f"replays.json: no trace has an HPA that is overloaded with pods of {world} s")
    return "".join(parts).rstrip("\n") + "\n"


def overloaded(traces: Mapping[str, Any], world: str, share: float, *, made_up: bool = False) -> list[str]:
    """The public traces, or also those made up, whose HPA is overloaded for at least that share of the time."""

    def part(trace: Mapping[str, Any]) -> float:
        there = trace["worlds"][world]
        return float(there["arms"]["hpa"]["figures"]["overload_minutes"] / there["minutes"])

    counted = [name for name in traces if made_up or not name.startswith(_MADE_UP)]
    return [name for name in counted if part(traces[name]) >= share]


def ratio_mean(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """Geometric mean of the equal-cost overload ratios; NaN without any."""
    ratios = _ratios(worlds, arm)
    logs = [math.log(min(max(ratio, _FEWEST), 1 / _FEWEST)) for ratio in ratios]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def ratio_worst(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The largest equal-cost overload ratio."""
    return max(_ratios(worlds, arm), default=math.nan)


def extra_worst(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The largest share of pod-hours beyond the HPA's."""
    return max(_extras(worlds, arm), default=math.nan)


def gone_worst(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The smallest share of the HPA's overload that the arm does not have, where there was any."""
    return min(_gone(worlds, arm), default=math.nan)


def share_mean(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The mean share of the possible saving, where there is one."""
    shares = _shares(worlds, arm)
    return sum(shares) / len(shares) if shares else math.nan


def share_median(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The median share of the possible saving."""
    shares = _shares(worlds, arm)
    return median(shares) if shares else math.nan


def share_worst(worlds: Sequence[Mapping[str, Any]], arm: str) -> float:
    """The smallest share of the possible saving."""
    return min(_shares(worlds, arm), default=math.nan)


def _ratios(worlds: Sequence[Mapping[str, Any]], arm: str) -> list[float]:
    ratios = [world["arms"][arm]["ratio"][0] for world in worlds]
    return [float(ratio) for ratio in ratios if ratio is not None]


def _gone(worlds: Sequence[Mapping[str, Any]], arm: str) -> list[float]:
    there = [world for world in worlds if world["arms"]["hpa"]["figures"]["overload_minutes"] > 0]
    return [1 - _beside(world, arm, "overload_minutes") for world in there]


def _extras(worlds: Sequence[Mapping[str, Any]], arm: str) -> list[float]:
    return [_beside(world, arm, "pod_minutes") - 1 for world in worlds]


def _shares(worlds: Sequence[Mapping[str, Any]], arm: str) -> list[float]:
    shares = [world["arms"][arm]["share"] for world in worlds]
    return [float(share[0]) for share in shares if share is not None and share[0] is not None]


_FIGURES: Mapping[str, Callable[[Sequence[Mapping[str, Any]], str], float]] = {
    "ratio_mean": ratio_mean,
    "ratio_worst": ratio_worst,
    "extra_worst": extra_worst,
    "gone_worst": gone_worst,
    "share_mean": share_mean,
    "share_median": share_median,
    "share_worst": share_worst,
}
_VALUES: Mapping[str, Callable[[Sequence[Mapping[str, Any]], str], list[float]]] = {
    "ratio": _ratios, "extra": _extras, "gone": _gone, "share": _shares,
}  # fmt: skip


def _bars_table(wanted: Mapping[str, Any], traces: Mapping[str, Any]) -> str:
    rows = []
    for bar in wanted["bar"]:
        world = str(bar["pod_start_s"])
        names = _counted(bar["over"], traces, world, wanted["counted_from"])
        worlds = [traces[name]["worlds"][world] for name in names]
        value = _FIGURES[bar["figure"]](worlds, bar["arm"])
        known = len(_VALUES[bar["figure"].split("_")[0]](worlds, bar["arm"]))
        limit = bar.get("at_most", bar.get("at_least"))
        met = value <= limit if "at_most" in bar else value >= limit
        sign = "≤" if "at_most" in bar else "≥"
        verdict = "not measured" if math.isnan(value) else "met" if met else "**missed**"
        counted = str(known) if known == len(names) else f"{known} of {len(names)}"
        row = [bar["name"], f"{world} s", counted, f"{sign} {limit:g}", f"{value:.3f}", verdict]
        rows.append(row)
    return markdown(["bar", "pod start", "traces", "wanted", "measured", ""], rows)


def _counted(over: str, traces: Mapping[str, Any], world: str, share: float) -> list[str]:
    """The names of the traces that a bar is over."""
    if over == "overloaded":
        return overloaded(traces, world, share)
    if over == "all_overloaded":
        return overloaded(traces, world, share, made_up=True)
    if over == "connections":
        return [name for name, trace in traces.items() if trace["kind"] == "Stock"]
    if over in ("recurrent", "not_recurrent"):
        return [name for name, trace in traces.items() if (trace["class"] == "recurrent") == (over == "recurrent")]
    if over == "public":
        return [name for name in traces if not name.startswith(_MADE_UP)]
    return list(traces)


def _arms_table(traces: Mapping[str, Any], world: str, names: Sequence[str]) -> str:
    worlds = [trace["worlds"][world] for trace in traces.values()]
    counted = [traces[name]["worlds"][world] for name in names]
    rows = []
    for arm in sorted(_ARMS, key=lambda one: ratio_mean(counted, one)):
        known = _shares(counted, arm)
        rows.append([
            _ARMS[arm], f"{ratio_mean(counted, arm):.2f}", _number(ratio_worst(counted, arm)),
            f"{median(known):.2f} of {len(known)}" if known else "-", f"{100 * extra_worst(worlds, arm):+.1f} %",
            f"{sum(there['arms'][arm]['figures']['overload_minutes'] for there in worlds):,.1f}",
            f"{sum(there['arms'][arm]['figures']['pod_minutes'] for there in worlds) / 60:,.0f}",
        ])  # fmt: skip
    over = f"ratio, geometric mean of {len(names)}"
    columns = ["arm", over, "the worst", "share, median", "most extra pod-hours", "overload, min", "pod-hours"]
    return markdown(columns, rows)


def _trace_table(trace: Mapping[str, Any], world: str) -> str:
    there = trace["worlds"][world]
    rows = []
    for arm in _ARMS:
        found = there["arms"][arm]
        figures = found["figures"]
        rows.append([
            _ARMS[arm], _with_interval(found["ratio"]), _with_interval(found["share"]),
            *_plain(figures, there), f"{figures['hot_connection_minutes']:,.0f}",
            f"{figures['longest_shortage_s']:.0f}", f"{figures['connections_broken']:,.0f}",
            f"{figures['rescales']:.0f}",
        ])  # fmt: skip
    rows.append(["clairvoyant, no overload", "-", "-", *_plain(there["clairvoyant"], there), "-", "-", "-", "-"])
    columns = ["arm", "ratio", "share", "overload, min", "pod-hours", "beside the HPA", "hot connection-minutes",
               "longest, s", "broken", "rescales"]  # fmt: skip
    return markdown(columns, rows)


def _plain(figures: Mapping[str, float], there: Mapping[str, Any]) -> list[str]:
    alone = there["arms"]["hpa"]["figures"]["pod_minutes"]
    pods = figures["pod_minutes"]
    return [f"{figures['overload_minutes']:.2f}", f"{pods / 60:,.1f}", f"{100 * (pods / alone - 1):+.1f} %"]


def _worlds(traces: Mapping[str, Any]) -> list[str]:
    """The pod starts, the shortest first."""
    return sorted(next(iter(traces.values()))["worlds"], key=float)


def _beside(world: Mapping[str, Any], arm: str, figure: str) -> float:
    arms = world["arms"]
    return float(arms[arm]["figures"][figure] / arms["hpa"]["figures"][figure])


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else "-" if math.isnan(value) else f"{value:.2f}"


def _with_interval(triple: Sequence[float | str | None] | None) -> str:
    """Such as "0.35 (0.27-0.44)"; a dash where there is no figure."""
    if triple is None or triple[0] is None:
        return "-"
    value, *ends = [None if one is None else _number(float(one)) for one in triple]
    return str(value) if None in ends else f"{value} ({ends[0]} to {ends[1]})"
