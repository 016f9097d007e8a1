"""Writes the measured tables of README.md from benchmarks/results; `--check` only says whether they are current.

The comparison with the field's libraries, where it was run, has a table there and a page of its own (`side_by_side`);
so have the ablations, the refits, the rules of the planner, the replays of every arm and what was measured on a real
control plane a page.
A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; everything else in the file is left as it is.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools import ablations, forecast_bars, in_cluster, planner_rules, refits, replays, side_by_side
from tools.side_by_side import markdown

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
BARS = ROOT / "benchmarks" / "bars.toml"
_ARMS = {
    "foresail_live": "Foresail, live processes",
    "foresail": "Foresail, replayed",
    "hpa": "HPA alone, replayed",
    "hpa_same_cost": "HPA at Foresail's cost, replayed",
    "offset_rule": "max(now, yesterday), replayed",
    "perfect": "perfect forecast, replayed",
}
_REPLAYED = ("hpa", "hpa_same_cost", "foresail", "perfect")
_SHORT = 0.001
"""Overload of the HPA, as a share of the time, from which a trace has a row of its own."""


def render(text: str, blocks: Mapping[str, str]) -> str:
    """The text with each block between its markers. Raises ValueError where a block has no markers, or none a block."""
    marked = set(re.findall(r"<!-- begin (\S+) -->", text))
    if marked != set(blocks):
        raise ValueError(f"README has markers for {sorted(marked)}, the results give {sorted(blocks)}")
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, block=block: f"{found[1]}{block}{found[2]}", text)  # type: ignore[misc]
    return text


def blocks(results: Path) -> dict[str, str]:
    """Every generated table by name."""
    demo = json.loads((results / "demo.json").read_text())
    traces = json.loads((results / "public_traces.json").read_text())
    made = {
        "demo": demo_table(demo["seeds"]),
        "forecasts": forecast_table(traces["traces"]),
        "replays": replay_table(traces["traces"]),
    }
    if (measured := in_cluster.read(results)).get("lead") is not None:
        made["lead"] = in_cluster.lead_table(measured["lead"])
    if (compared := side_by_side.read(results)) is not None:
        made["side-by-side"] = side_by_side.table(compared)
    return made


def demo_table(seeds: Mapping[str, Any]) -> str:
    """Every arm, with the figures of one seed beside those of the next."""
    arms = {name: [result["arms"][name] for result in seeds.values()] for name in _ARMS}
    hpas = [hpa["pod_minutes"] for hpa in arms["hpa"]]
    rows = [
        [
            _ARMS[name],
            *(
                " / ".join(format(one[figure], form) for one in runs)
                for figure, form in (
                    ("overload_minutes", ".2f"), ("longest_shortage_s", ".0f"), ("hot_connection_minutes", ",.0f")
                )
            ),
            " / ".join(f"{one['pod_minutes'] / hpa:.2f}" for one, hpa in zip(runs, hpas, strict=True)) + " x",
            *(
                " / ".join(str(one[figure]) for one in runs)
                for figure in ("connections_refused", "connections_broken", "rescales")
            ),
        ]
        for name, runs in arms.items()
    ]  # fmt: skip
    figures = [
        "overload minutes",
        "longest, s",
        "hot connection-minutes",
        "pod-minutes",
        "refused",
        "broken",
        "rescales",
    ]
    return markdown(["arm", *figures], rows)


def forecast_table(traces: Mapping[str, Any]) -> str:
    """Scores per trace, and the geometric mean over the one-minute traces that training saw the first part of."""
    rows = [
        [_about(t), *_scores(t["forecast"]), _against_rules(t), _percent(t["forecast"]["coverage"]["0.95"]),
         _percent(t["peak_coverage"]["0.95"])]
        for t in traces.values()
    ]  # fmt: skip
    counted = [t["forecast"] for t in traces.values() if t["learned"] and t["step_s"] == 60]
    means = [f"**{_geometric([f[key] for f in counted]):.2f}**" for key in ("mae", "pinball", "ramp")]
    against = [t["forecast"]["pinball"] / min(t["rules"].values()) for t in traces.values() if t["forecast"] in counted]
    means.append(f"**{_geometric(against):.2f}**")
    rows.append([f"**geometric mean of the {len(counted)} at one minute, learned in part**", *means, "", ""])
    columns = ["trace", "MAE", "pinball", "on up-ramps", "pinball against the best simple rule", "coverage of 0.95",
               "of the peak's 0.95"]  # fmt: skip
    return markdown(columns, rows)


def replay_table(traces: Mapping[str, Any]) -> str:
    """Overload and cost of each trace on which the HPA alone is short at all, and the worst of the others."""
    short = [one for one in traces.values() if max(_overload(one, "hpa")) >= _SHORT]
    rest = [one for one in traces.values() if one not in short]
    rows = [
        [
            _about(trace),
            *(_pair(_overload(trace, arm), ".2f") for arm in _REPLAYED),
            *(_pair(_extra(trace, arm), "+.1f") for arm in ("foresail", "perfect")),
        ]
        for trace in short
    ]
    if rest:
        rows.append([
            f"the other {len(rest)}, at most",
            *(_pair(_most([_overload(one, arm) for one in rest]), ".2f") for arm in _REPLAYED),
            *(_pair(_most([_extra(one, arm) for one in rest]), "+.1f") for arm in ("foresail", "perfect")),
        ])  # fmt: skip
    columns = ["trace", "overload: HPA", "HPA at Foresail's cost", "Foresail", "perfect",
               "pod-hours: Foresail", "perfect"]  # fmt: skip
    return markdown(columns, rows)


def _overload(trace: Mapping[str, Any], arm: str) -> list[float]:
    """Share of the time, for each pod start from the fastest on."""
    return [run["arms"][arm]["overload_minutes"] / run["minutes"] for run in _by_start(trace)]


def _extra(trace: Mapping[str, Any], arm: str) -> list[float]:
    """Share of the HPA's pod-hours that the arm has beyond them."""
    return [run["arms"][arm]["pod_minutes"] / run["arms"]["hpa"]["pod_minutes"] - 1 for run in _by_start(trace)]


def _by_start(trace: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [run for _, run in sorted(trace["replay"].items(), key=lambda one: int(one[0]))]


def _most(pairs: Sequence[Sequence[float]]) -> list[float]:
    return [max(column) for column in zip(*pairs, strict=True)]


def _pair(shares: Sequence[float], form: str) -> str:
    return " / ".join(f"{100 * share:{form}}" for share in shares) + " %"


def _against_rules(trace: Mapping[str, Any]) -> str:
    name, pinball = min(trace["rules"].items(), key=lambda rule: rule[1])
    return f"{trace['forecast']['pinball'] / pinball:.2f} ({name})"


def _about(trace: Mapping[str, Any]) -> str:
    return str(trace["about"]) + ("" if trace["learned"] else " \\*")


def _scores(forecast: Mapping[str, Any]) -> list[str]:
    return [f"{forecast[key]:.2f}" for key in ("mae", "pinball", "ramp")]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _geometric(ratios: Sequence[float]) -> float:
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


def main(arguments: Sequence[str]) -> int:
    """Rewrites the README and the page, or with `--check` says whether that would change them."""
    fresh = {README: render(README.read_text("utf-8"), blocks(RESULTS))}
    compared = side_by_side.read(RESULTS)
    if compared is not None:
        fresh[ROOT / side_by_side.PAGE] = side_by_side.page(compared, forecast_bars.table(compared, BARS))
    measured = ablations.read(RESULTS)
    if measured is not None:
        fresh[ROOT / ablations.PAGE] = ablations.page(measured)
    refitted = refits.read(RESULTS)
    if refitted is not None:
        fresh[ROOT / refits.PAGE] = refits.page(refitted)
    ruled = planner_rules.read(RESULTS)
    if ruled is not None:
        fresh[ROOT / planner_rules.PAGE] = planner_rules.page(ruled)
    played = replays.read(RESULTS)
    if played is not None:
        fresh[ROOT / replays.PAGE] = replays.page(played, BARS)
    on_real_parts = in_cluster.read(RESULTS)
    if on_real_parts:
        fresh[ROOT / in_cluster.PAGE] = in_cluster.page(on_real_parts)
    stale = [path for path, wanted in fresh.items() if not path.is_file() or path.read_text("utf-8") != wanted]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)}: is not what benchmarks/results says; run `make docs`\n")
        return int(bool(stale))
    for path in stale:
        path.write_text(fresh[path], "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
