"""What was measured on a real control plane, as a page for docs/reference: the lead, and what a tick costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tools.side_by_side import markdown

PAGE = "docs/reference/in-a-cluster.md"
LEAD_BAR_S, TICK_BAR_S, RSS_BAR_MIB, ATTEMPTS_BAR = 120.0, 3.0, 200.0, 1.0
_TITLE = """\
# What it does in a cluster

Written by `make docs` from benchmarks/results/lead.json and live_tick.json, which `make bench-lead` and
`make bench-controller` measure: a real etcd, API server and Prometheus, and `foresail controller run` as a process.

"""
_LEAD = """\
## How much earlier the capacity is ready

{rises} rises that recur every day, {stagger:.0f} s apart, each within {climb:.0f} s to about four times the load, by
two weeks of backfilled history. Four workloads meet each of them side by side, with real deployment and HPA
controllers that sync every {sync} s. The HPA aims at {target:.0%} of a pod, by CPU or by connections; what it is told
is {lag:.0f} s old on top of a scrape every {scrape} s, and CPU is the mean over {window:.0f} s. The CPU of a
connection was measured before on a real gateway with real sockets, each of which says something every second:
{each:.0f} µ of a core, on top of {idle:.0f} m, R² {fit:.3f}; a pod requests what {capacity:,} connections take. Pods
are reported ready {start:.0f} s after they were made, by the test kubelet: no process runs in them. *Lead* is how
many seconds earlier the pods that are full at the top were ready than with the HPA alone, *before* how long before
the rise began (+) or after it (-), in the median. Pod-hours and overload are from three minutes before a rise until
eight after its end, all rises together. The bar is a median lead of {bar:.0f} s: {verdict}.

"""
_TICK = """\
## What a tick costs

Every policy has an HPA of its own and, where it says so, a query of its own, whose series have {days} days of
history; Prometheus scrapes them every {scrape} s, and a tick is due every {tick:g} s. The loads are level, so that
after the floors are raised nothing is left to write but statuses; HPAs have the status that an HPA controller would
have written. Requests are counted by the API server. The machine had {cores} cores, on which all of it ran and others
worked too, at a load average of {load}: a second of the clock is a fraction of one of a core. Where it
says processor it is seconds of that, all that the process took: ticks, forecasts and what it follows.

"""


def read(results: Path) -> dict[str, dict[str, Any]]:
    """What was measured of `lead` and `live_tick`."""
    found = {}
    for name in ("lead", "live_tick"):
        path = results / f"{name}.json"
        if path.is_file():
            found[name] = json.loads(path.read_text("utf-8"))
    return found


def page(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Both parts, as far as they were measured."""
    parts = [_TITLE]
    if "lead" in measured:
        parts += [_lead_words(measured["lead"]), lead_table(measured["lead"]), "\n"]
    if "live_tick" in measured:
        parts += [_tick_words(measured["live_tick"]), tick_table(measured["live_tick"]["cases"])]
    return "".join(parts).rstrip("\n") + "\n"


def lead_table(measured: Mapping[str, Any]) -> str:
    """A row for each metric of the HPA."""
    rows = []
    for metric, found in measured["metrics"].items():
        low, high = found["lead_range_s"]
        rows.append([
            "CPU" if metric == "cpu" else metric,
            f"**{found['lead_median_s']:.0f} s**", f"{low:.0f} to {high:.0f} s",
            *(_before(found["rises"], arm) for arm in ("hpa", "foresail")),
            *(f"{found['pod_hours'][arm]:.1f}" for arm in ("hpa", "foresail")),
            *(f"{found['overload_s'][arm]:.0f} s" for arm in ("hpa", "foresail")),
        ])  # fmt: skip
    columns = ["the HPA's metric", "lead, median", "range", "before: HPA alone", "Foresail", "pod-hours: HPA alone",
               "Foresail", "overload: HPA alone", "Foresail"]  # fmt: skip
    return markdown(columns, rows)


def tick_table(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each figure and a column for each case, with what was asked of it."""
    asked: list[tuple[str, str, Callable[[Mapping[str, Any]], str]]] = [
        ("first tick", "", lambda one: f"{one['start']['first_tick_s']:.1f} s"),
        ("until every floor was raised", "", lambda one: _raised(one["start"])),
        ("processor until then", "", lambda one: f"{one['start']['cpu_s']:.0f} s"),
        ("slowest tick until then", "", lambda one: f"{one['start']['slowest_tick_until_then_s']:.1f} s"),
        ("steady tick, median", f"< {TICK_BAR_S:g} s", lambda one: f"{one['steady']['tick_median_s']:.2f} s"),
        ("steady tick, the worst", f"< {TICK_BAR_S:g} s", lambda one: f"{one['steady']['tick_worst_s']:.2f} s"),
        ("steady tick, processor", "", lambda one: f"{one['steady']['cpu_s_per_tick']:.2f} s"),
        ("load average meanwhile", "", lambda one: "{:.0f} to {:.0f}".format(*sorted(one["load_average"]))),
        ("writes a minute but for statuses", "0", lambda one: f"{_writes(one['steady'], statuses=False):.1f}"),
        ("statuses a minute and policy", "≤ 0.2",
         lambda one: f"{_writes(one['steady'], statuses=True) / one['policies']:.2f}"),
        ("processor", "", lambda one: f"{one['steady']['cpu_share']:.0%} of a core"),
        ("memory", f"< {RSS_BAR_MIB:g} MiB", lambda one: f"{one['steady']['rss_mib']:.0f} MiB"),
        ("API server away: attempts a second after 30 s", f"< {ATTEMPTS_BAR:g}",
         lambda one: f"{one['away']['after_30_s_per_s']:.2f}" if "away" in one else ""),
    ]  # fmt: skip
    rows = [[name, bar, *map(figure, cases.values())] for name, bar, figure in asked]
    return markdown(["", "asked", *(_about(one) for one in cases.values())], rows, text_columns=2)


def _lead_words(measured: Mapping[str, Any]) -> str:
    settings, gateway = measured["settings"], measured["gateway"]
    leads = [found["lead_median_s"] for found in measured["metrics"].values()]
    return _LEAD.format(
        rises=settings["rises"], stagger=settings["stagger_s"], climb=settings["climb_s"], sync=settings["hpa_sync_s"],
        target=settings["hpa_target"], lag=settings["metric_lag_s"], scrape=settings["scrape_s"],
        window=settings["cpu_window_s"], each=1e6 * gateway["each"], idle=1e3 * gateway["idle"],
        fit=gateway["r_squared"], capacity=settings["capacity"], start=settings["pod_start_s"], bar=LEAD_BAR_S,
        verdict="met" if min(leads) >= LEAD_BAR_S else "missed",
    )  # fmt: skip


def _tick_words(measured: Mapping[str, Any]) -> str:
    settings, machine = measured["settings"], measured["machine"]
    seen = [load for one in measured["cases"].values() for load in one["load_average"]]
    loads = f"{min(seen):.0f} to {max(seen):.0f} for {machine['cores']} cores"
    return _TICK.format(
        days=settings["days"], scrape=settings["scrape_s"], tick=settings["tick_s"], cores=machine["cores"], load=loads
    )


def _raised(start: Mapping[str, Any]) -> str:
    if start["all_raised_s"] is None:
        return f"{start['not_raised']} not yet when it was stopped"
    return f"{start['all_raised_s']:.0f} s"


def _before(rises: Sequence[Mapping[str, Any]], arm: str) -> str:
    """The median over the rises of how long before it the needed pods were ready."""
    after = [row[arm]["ready_after_rise_s"] for row in rises if row[arm]["ready_after_rise_s"] is not None]
    return f"{-median(after):+.0f} s"


def _writes(steady: Mapping[str, Any], *, statuses: bool) -> float:
    """A minute."""
    counted = sum(
        n for what, n in steady["writes"].items() if what.endswith("predictiveautoscalers/status") == statuses
    )
    return float(counted / steady["minutes"])


def _about(one: Mapping[str, Any]) -> str:
    policies = f"{one['policies']} {'policy' if one['policies'] == 1 else 'policies'}"
    return policies if one["policies"] == 1 else f"{policies}, {'one query' if one['queries'] == 1 else 'a query each'}"
