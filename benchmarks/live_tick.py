"""What a tick costs in a cluster of hundreds of policies: `make bench-controller`. Writes results/live_tick.json.

A real etcd and API server, a real Prometheus that holds days of every series and goes on scraping them, and
`foresail controller run` as a process. Each policy has an HPA and a query of its own, or all have the same query. What
is made up: the loads, and that no HPA controller runs beside it: it would have written the status of each HPA as it is
written here, once. Requests are those that the API server has counted, seconds of ticks those that the controller
exports, seconds of processor those of the system. Everything shares the machine, so its load stands beside the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.ending import end_with
from benchmarks.live_stage import LEVEL, NOISE, Fleet, stage
from benchmarks.live_watch import Refuser, Watched, controller, requests_of, written
from foresail.output import emit_json, err
from tests.cluster.control_plane import ControlPlane
from tests.helpers.processes import until

Json = dict[str, Any]
RESULTS = Path(__file__).parent / "results" / "live_tick.json"
SETTLE = timedelta(minutes=1)
AWAY_AFTER, AWAY = 30.0, 60.0
_MINUTE = timedelta(minutes=1)
_ALL_HPAS = "/apis/autoscaling/v2/horizontalpodautoscalers"


def floors(cluster: ControlPlane) -> Counter[int]:
    """How many HPAs have which floor."""
    return Counter(one["spec"]["minReplicas"] for one in cluster.api.get(_ALL_HPAS)["items"])


def steady(cluster: ControlPlane, watched: Watched, length: timedelta) -> Json:
    """Figures of so long, after all floors are where they belong."""
    watched.ticks.clear()
    before, cpu, was = requests_of(cluster), watched.cpu_s(), floors(cluster)
    watched.watch(length)
    ticks = sorted(watched.ticks)
    return {
        "minutes": length / _MINUTE,
        "ticks": len(ticks),
        "tick_median_s": median(ticks),
        "tick_95_s": ticks[int(0.95 * (len(ticks) - 1))],
        "tick_worst_s": ticks[-1],
        "writes": written(before, requests_of(cluster)),
        "floors_before": dict(was),
        "floors_after": dict(floors(cluster)),
        "cpu_s_per_tick": (watched.cpu_s() - cpu) / len(ticks),
        "cpu_share": (watched.cpu_s() - cpu) / length.total_seconds(),
        "rss_mib": watched.rss_mib(),
    }


def away(cluster: ControlPlane, watched: Watched) -> Json:
    """Connections that are tried while the API server refuses them, and whether the controller lives through it."""
    cluster.kill_controller_manager()  # which would be counted too
    cluster.kill_api_server()
    with Refuser(int(cluster.url.rpartition(":")[2]))() as refuser:
        time.sleep(AWAY_AFTER)  # noqa: TID251  what is measured is what happens meanwhile
        first = refuser.attempts
        time.sleep(AWAY)  # noqa: TID251
        later = refuser.attempts - first
    cluster.start_api_server()
    watched.ticks.clear()
    until(lambda: bool(watched.look()) and bool(watched.ticks), 120)
    return {"first_30_s": first, "after_30_s_per_s": later / AWAY, "ticks_again": True}


def start(cluster: ControlPlane, watched: Watched, patience_s: float) -> Json:
    """From the start of the process until every floor is raised, or as far as that goes within `patience_s`."""
    began, before, cpu = time.monotonic(), requests_of(cluster), watched.cpu_s()
    until(lambda: bool(watched.look()) and bool(watched.ticks), 600)
    first = {"first_tick_s": watched.ticks[0], "first_tick_done_s": time.monotonic() - began}
    err.print(f"the first tick took {watched.ticks[0]:.1f} s; waiting until every floor is raised")
    while (waiting := floors(cluster).get(1, 0)) and time.monotonic() - began < patience_s:
        watched.watch(timedelta(seconds=2))
    return {
        **first,
        "all_raised_s": None if waiting else time.monotonic() - began,
        "not_raised": waiting,
        "slowest_tick_until_then_s": max(watched.ticks),
        "cpu_s": watched.cpu_s() - cpu,
        "writes": written(before, requests_of(cluster)),
    }


def measure(folder: Path, fleet: Fleet, length: timedelta, patience_s: float, *, with_fault: bool = False) -> Json:
    """One fleet of policies, from the start of the controller to a steady state, and what a dead server does to it."""
    folder.mkdir()
    err.print(f"{fleet}: {fleet.days} days of {fleet.series} series")
    with (
        stage(folder, fleet) as (cluster, prometheus),
        controller(cluster, prometheus, folder / "controller.log") as watched,
    ):
        figures: Json = {"policies": fleet.policies, "queries": fleet.series}
        figures["start"] = start(cluster, watched, patience_s)
        err.print(f"{length / _MINUTE:g} minutes of a steady state")
        watched.watch(SETTLE)
        figures["steady"] = steady(cluster, watched, length)
        if with_fault:
            err.print("the API server is away")
            figures["away"] = away(cluster, watched)
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures all cases and writes what came of them, after each one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", type=int, default=500)
    parser.add_argument("--queries", type=int, default=500, help="policies where each has a query of its own")
    parser.add_argument(
        "--only",
        action="append",
        choices=["shared", "one", "each"],
        help="cases, all by default; others stay as measured",
    )
    parser.add_argument("--days", type=int, default=4, help="of history; with less, starting takes less time")
    parser.add_argument("--minutes", type=int, default=5, help="of each steady state")
    parser.add_argument("--patience", type=float, default=3600, help="seconds for every floor to be raised")
    parser.add_argument("--folder", type=Path, help="where logs are left; by default they go with the run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    many, days, patience, length = options.policies, options.days, options.patience, options.minutes * _MINUTE
    measured_before = options.only and options.out.is_file()
    cases: Json = json.loads(options.out.read_text("utf-8"))["cases"] if measured_before else {}
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or Path(made)
        runs: dict[str, Callable[[], Json]] = {
            "shared": lambda: measure(folder / "shared", Fleet(many, True, days), length, patience),
            "one": lambda: measure(folder / "one", Fleet(1, True, days), length, patience, with_fault=True),
            "each": lambda: measure(folder / "each", Fleet(options.queries, False, days), length, patience),
        }
        for name in options.only or runs:
            before = os.getloadavg()[1]
            cases[name] = {**runs[name](), "load_average": [before, os.getloadavg()[1]]}
            machine = {"python": platform.python_version(), "cores": os.cpu_count()}
            settings = {"days": days, "tick_s": 15.0, "scrape_s": 5, "load_per_workload": LEVEL, "noise": NOISE}
            emit_json({"machine": machine, "settings": settings, "cases": cases}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
