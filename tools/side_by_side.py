"""The comparison with the field's libraries as tables: one for README.md, and a longer page for docs/reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = "docs/reference/side-by-side.md"
_GROUPS = {
    "learned": "the ten, learned in part",
    "twitter_stream": "Twitter stream",
    "synthetic_ws": "socket services",
    "recurrent": "recurrent",
    "diurnal": "diurnal",
    "bursty": "bursty",
}
_FIGURES = {
    "mae": "MAE",
    "empirical": "pinball, empirical",
    "adaptive": "pinball, adaptive",
    "empirical_ramp": "up-ramps, empirical",
    "adaptive_ramp": "up-ramps, adaptive",
    "adaptive_0.95": "0.95, adaptive",
    "adaptive_0.99": "0.99, adaptive",
}
_SHARES = {"coverage_0.95": "coverage of 0.95", "coverage_ramp_0.95": "of it on up-ramps"}
_HEAD = """\
# The forecast beside the field's libraries

Written by `make docs` from benchmarks/results/side_by_side, which `make bench-forecast TRACES=FOLDER` measures. Every
arm forecasts the last 30 % of the same traces, an origin every 7 minutes, knowing what was known then; a figure is the
geometric mean over a group of traces of ratios to persistence, below 1 is better. *Empirical* persistence has the
spread of the increments in the first 70 %, *adaptive* persistence tracks it online. What learns across traces learned
from the first 70 % of the ten, the shipped model also from those of other public series and from made-up ones; Twitter
and the socket services nobody saw. In brackets the 95 % interval over days drawn again within each trace, the same for
every arm; an arm whose training draws is the mean over its seeds.

"""


def read(results: Path) -> dict[str, Any] | None:
    """The summary, or None where the comparison was never run."""
    path = results / "side_by_side" / "summary.json"
    if not path.is_file():
        return None
    summary: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return summary


def table(summary: Mapping[str, Any]) -> str:
    """Every arm in a row: the ten traces, then what nobody saw, then what it costs."""
    shown = ("mae", "empirical", "adaptive", "empirical_ramp", "adaptive_0.95", "adaptive_0.99")
    rows = [
        [
            _label(arm),
            *(_value(arm, "learned", figure) for figure in shown),
            _percent(arm, "learned", "coverage_0.95"),
            *(_value(arm, group, "adaptive") for group in ("twitter_stream", "synthetic_ws")),
            *_cost(arm),
        ]
        for arm in _best_first(summary)
    ]
    columns = ["arm", *(_FIGURES[figure] for figure in shown), _SHARES["coverage_0.95"]]
    columns += [
        "Twitter: pinball, adaptive",
        "socket services",
        "training, CPU s",
        "1,000 forecasts, CPU s",
        "memory, MiB",
    ]
    return markdown(columns, rows)


def page(summary: Mapping[str, Any], bars: str) -> str:
    """The table of the bars; then all figures of all groups, with intervals and ratios to ours, and every trace."""
    parts = [_HEAD, "## The bars\n\n", bars, "\n"]
    for group in summary["groups"]:
        parts += [f"## {_GROUPS[group].capitalize()}\n\n", _group_table(summary, group), "\n"]
    parts += ["## Every trace\n\nPinball against adaptive persistence.\n\n", _trace_table(summary), "\n"]
    parts += ["## What the arms are\n\n", _arms_table(summary)]
    return "".join(parts)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """A table of Markdown: names to the left, figures to the right."""
    rule = ["---" if k < text_columns else "---:" for k in range(len(columns))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (columns, rule, *rows))


def _group_table(summary: Mapping[str, Any], group: str) -> str:
    rows = []
    for arm in _best_first(summary, group):
        over = (arm["against_ours"].get(group) or {}).get("adaptive")
        rows.append([
            _label(arm), *(_with_interval(_figure(arm, group, figure)) for figure in _FIGURES),
            *(_percent(arm, group, share) for share in _SHARES), _with_interval(over),
        ])  # fmt: skip
    return markdown(["arm", *_FIGURES.values(), *_SHARES.values(), "pinball, adaptive, over ours"], rows)


def _trace_table(summary: Mapping[str, Any]) -> str:
    arms = _best_first(summary)
    names = sorted({trace for arm in arms for trace in arm["traces"]})
    rows = [[name, *(_two(arm["traces"].get(name, {}).get("adaptive")) for arm in arms)] for name in names]
    return markdown(["trace", *(_label(arm) for arm in arms)], rows)


def _arms_table(summary: Mapping[str, Any]) -> str:
    rows = [[_label(a), a["library"] or "", a["learns"], str(a["seeds"]), *_cost(a)] for a in _best_first(summary)]
    columns = ["arm", "library", "learns from", "seeds", "training, CPU s", "1,000 forecasts, CPU s", "memory, MiB"]
    return markdown(columns, rows, text_columns=3)


def _best_first(summary: Mapping[str, Any], group: str = "learned") -> list[Mapping[str, Any]]:
    """The arms by their pinball in that group; those without one last."""

    def place(arm: Mapping[str, Any]) -> float:
        found = _figure(arm, group, "adaptive")
        return float("inf") if found is None or found[0] is None else float(found[0])

    return sorted(summary["arms"].values(), key=place)


def _figure(arm: Mapping[str, Any], group: str, figure: str) -> Sequence[float | None] | None:
    figures = arm["groups"].get(group)
    return figures[figure] if figures else None


def _label(arm: Mapping[str, Any]) -> str:
    """Ours in bold; what had less than its full training says so."""
    name = f"**{arm['label']}**" if arm["ours"] else str(arm["label"])
    return name if arm["effort"] == 1.0 else f"{name} ({arm['effort']:.0%} of its training)"


def _value(arm: Mapping[str, Any], group: str, figure: str) -> str:
    return _two(_figure(arm, group, figure))


def _shown(triple: Sequence[float | None] | None, form: Callable[[float], str]) -> str:
    return "-" if triple is None or triple[0] is None else form(triple[0])


def _two(triple: Sequence[float | None] | None) -> str:
    return _shown(triple, lambda value: f"{value:.2f}")


def _percent(arm: Mapping[str, Any], group: str, share: str) -> str:
    return _shown(_figure(arm, group, share), lambda value: f"{100 * value:.1f} %")


def _with_interval(triple: Sequence[float | None] | None) -> str:
    if triple is None or None in triple:
        return _two(triple)
    value, low, high = triple
    return f"{value:.2f} ({low:.2f}-{high:.2f})"


def _cost(arm: Mapping[str, Any]) -> list[str]:
    """Ours was trained before, by `make train`: what that takes stands in its model card."""
    training = "-" if arm["ours"] or arm["learns"] == "nothing" else f"{arm['train_cpu_s']:,.0f}"
    return [training, f"{arm['cpu_s_per_1000_forecasts']:.2f}", f"{arm['peak_rss_mib']:,.0f}"]
