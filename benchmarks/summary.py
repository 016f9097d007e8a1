"""What all arms reached, side by side: means over groups of traces with intervals over days, and paired ratios to ours.

Reads the results files of the arms, whichever there are. A trace or an arm that is missing is missing in the summary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.catalogue import CATALOGUE
from benchmarks.day_sums import RATIOS
from benchmarks.traces import CLASSES, Trace
from forecaster.evaluate.bootstrap import DRAWS, columns, day_weights, geometric_mean, interval, mean, redrawn
from forecaster.series import FloatArray

OURS = "foresail"
SUMMARY = "summary.json"
Draws = dict[str, dict[str, FloatArray]]
"""[draws + 1] by trace and figure, the mean over seeds."""


def groups(traces: Sequence[Trace]) -> dict[str, tuple[str, ...]]:
    """The names of the traces of each group that has any."""
    made = {
        "learned": [t.name for t in traces if t.learned],
        "twitter_stream": [t.name for t in traces if t.name.startswith("twitter_stream")],
        "synthetic_ws": [t.name for t in traces if t.name.startswith("synthetic_ws")],
        **{character: [t.name for t in traces if t.character == character] for character in CLASSES},
    }
    return {group: tuple(names) for group, names in made.items() if names}


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """The results of every arm that was run, in the order of the catalogue."""
    paths = {name: folder / f"{name}.json" for name in CATALOGUE}
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.is_file()}


def summarise(results: Mapping[str, Mapping[str, Any]], traces: Sequence[Trace]) -> dict[str, Any]:
    """Every arm's figures by group, with 95 % intervals, its cost, and its ratio to ours on the same days."""
    drawn = {name: draws(result["seeds"]) for name, result in results.items()}
    members = groups(traces)
    return {
        "draws": DRAWS,
        "groups": {group: list(names) for group, names in members.items()},
        "arms": {
            name: {
                **_cost(result["seeds"]),
                "label": CATALOGUE[name].label,
                "learns": CATALOGUE[name].learns,
                "ours": name == OURS,
                "groups": {group: _group(drawn[name], names) for group, names in members.items()},
                "against_ours": {
                    group: _paired(drawn[name], drawn[OURS], names) for group, names in members.items()
                } if OURS in drawn else {},
                "traces": {
                    trace: {figure: _plain(interval(d)) for figure, d in by_figure.items()}
                    for trace, by_figure in drawn[name].items()
                },
            }
            for name, result in results.items()
        },
    }  # fmt: skip


def as_text(summary: Mapping[str, Any]) -> str:
    """The summary as JSON with an arm a line, so that a change of one shows as one."""
    compact = {key: json.dumps(value, separators=(",", ":"), allow_nan=False) for key, value in summary["arms"].items()}
    arms = ",\n".join(f'"{name}":{text}' for name, text in compact.items())
    rest = json.dumps({key: value for key, value in summary.items() if key != "arms"}, separators=(",", ":"))
    return f'{rest[:-1]},"arms":{{\n{arms}\n}}}}\n'


def draws(seeds: Sequence[Mapping[str, Any]]) -> Draws:
    """Every figure of every trace that all seeds were run on, over days as they were and drawn again."""
    shared = set.intersection(*(set(run["traces"]) for run in seeds))
    made: Draws = {}
    for trace in sorted(shared):
        measured = [run["traces"][trace] for run in seeds]
        weights = day_weights(trace, len(measured[0]["days"]))
        parts = [(columns(m["arm"]), columns(m["persistence"])) for m in measured]
        made[trace] = {
            figure: _mean_of(figure)([redrawn(arm[ours], base[theirs], weights) for arm, base in parts])
            for figure, (ours, theirs) in RATIOS.items()
        }
    return made


def _mean_of(figure: str) -> Any:
    return mean if figure.startswith("coverage") else geometric_mean


def _group(drawn: Draws, names: Sequence[str]) -> dict[str, list[float | None]] | None:
    """Each figure as [value, low, high]; None where the arm lacks one of the traces, for a mean of others misleads."""
    if not set(names) <= set(drawn):
        return None
    return {figure: _plain(interval(_mean_of(figure)([drawn[name][figure] for name in names]))) for figure in RATIOS}


def _paired(drawn: Draws, ours: Draws, names: Sequence[str]) -> dict[str, list[float | None]] | None:
    """Each ratio over ours on the same days: above 1 we are ahead."""
    if not set(names) <= set(drawn) & set(ours):
        return None
    made = {}
    for figure in (f for f in RATIOS if not f.startswith("coverage")):
        theirs, own = (geometric_mean([d[name][figure] for name in names]) for d in (drawn, ours))
        made[figure] = _plain(interval(theirs / own))
    return made


def _cost(seeds: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    return {
        "seeds": len(seeds),
        "effort": min(run["effort"] for run in seeds),
        "library": seeds[0]["library"],
        "train_cpu_s": float(np.mean([run["train_cpu_s"] for run in seeds])),
        "cpu_s_per_1000_forecasts": float(np.mean([run["cpu_s_per_1000_forecasts"] for run in seeds])),
        "peak_rss_mib": max(run["peak_rss_mib"] for run in seeds),
    }


def _plain(values: Sequence[float]) -> list[float | None]:
    """Rounded, NaN as None."""
    return [None if np.isnan(value) else float(f"{value:.5g}") for value in values]
