"""Every arm on every trace in both worlds: `make bench-replay TRACES=DIR`.

The last 30 % of each trace of one-minute bins, at most four days, with a capacity of which the highest load takes 20
pods. Writes results/replays.json, one trace after the other, so that a run that was broken off is taken up again. The
bars are in bars.toml; `make docs` writes docs/reference/replay.md.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.replay_arms import (
    PODS,
    SHARE,
    STABILIZATIONS,
    TARGET,
    TARGETS,
    Contest,
    a_contest,
    daily_mean,
    seeds_for,
)
from benchmarks.shipped import network_hash
from benchmarks.traces import Trace, load, read_list
from controller.simulation.comparison import Daily, equal_cost_ratio, share_of_saving, tuned
from controller.simulation.replay import Run
from controller.simulation.score import score
from forecaster.evaluate.bootstrap import day_weights, interval
from forecaster.predict import load_forecaster
from forecaster.series import FloatArray
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json, err, progress

RESULTS = Path(__file__).parent / "results" / "replays.json"
POD_STARTS = (timedelta(seconds=60), timedelta(seconds=240))
STEP = timedelta(minutes=1)
SEEDS = 5
_DEFAULT_STABILIZATION = timedelta(minutes=5)
_MANY = 1e300
"""Stands for infinity, of which no quantile between two draws could be taken."""


def measure(trace: Trace, folder: Path, model: Path, seeds: int) -> dict[str, object]:
    """One trace in both worlds."""
    series, forecaster = load(trace, folder), load_forecaster(model)
    worlds = {
        f"{start.total_seconds():g}": world(a_contest(series, start, forecaster), trace, seeds) for start in POD_STARTS
    }
    return {"about": trace.about, "kind": trace.kind.value, "class": trace.character, "worlds": worlds}


def world(contest: Contest, trace: Trace, seeds: int) -> dict[str, object]:
    """All arms with each seed; the HPA's curve, the tuned one and the clairvoyant with the first."""
    runs: dict[str, list[Run]] = {}
    for seed in seeds_for(trace.kind, seeds):
        for name, make in contest.seeded(seed).arms():
            runs.setdefault(name, []).append(make())
    grid = {(target, span): contest.hpa_at(target, span) for target in TARGETS for span in STABILIZATIONS}
    days = {point: Daily.of(run) for point, run in grid.items()}
    curve = [days[target, _DEFAULT_STABILIZATION] for target in TARGETS]
    weights = day_weights(trace.name, len(curve[0].pods))
    arms = {name: arm(contest, made, curve, list(days.values()), weights) for name, made in runs.items()}
    return {
        "minutes": score(grid[TARGET, _DEFAULT_STABILIZATION]).scored_minutes,
        "arms": arms,
        "clairvoyant": score(contest.clairvoyant(0)).to_dict(),
        "curve": [
            {"target": target, "stabilization_s": span.total_seconds(), "overload_minutes": days[target, span]
             .total_overload, "pod_minutes": days[target, span].total_pods}
            for target, span in grid
        ],
    }  # fmt: skip


def arm(
    contest: Contest, runs: Sequence[Run], curve: Sequence[Daily], grid: Sequence[Daily], weights: FloatArray
) -> dict[str, object]:
    """Figures of an arm, in the mean over its seeds; the ratio and the share with their 95 % intervals."""
    scores = [score(run).to_dict() for run in runs]
    days = daily_mean([Daily.of(run) for run in runs])
    best = tuned(grid, days.total_overload)
    share = None
    if best is not None:
        share = share_of_saving(days, best, Daily.of(contest.clairvoyant(days.total_overload)), weights)
    return {
        "figures": {name: float(np.mean([one[name] for one in scores])) for name in scores[0]},
        "seeds": len(runs),
        "ratio": shown(equal_cost_ratio(days, curve, weights)),
        "share": None if share is None else shown(share),
    }


def shown(draws: FloatArray) -> list[float | str | None]:
    """[figure, low, high] for JSON: an infinite one as text, None where there is nothing to divide."""
    finite = interval(np.where(np.isinf(draws), _MANY, draws))
    return [None if math.isnan(one) else "inf" if one >= _MANY / 2 else round(one, 4) for one in finite]


def chosen(options: argparse.Namespace) -> list[Trace]:
    """The traces of one-minute bins that are there. Raises UsageError where none is."""
    traces = [trace for trace in read_list() if trace.side_by_side and (options.traces / trace.file).is_file()]
    traces = [trace for trace in traces if not options.only or trace.name in options.only]
    if not traces:
        raise UsageError(f"{options.traces}: none of the traces is there; expected for example {read_list()[0].file}")
    return traces


def measured(options: argparse.Namespace, model: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """The results of the chosen traces added to those before, each kept as soon as it is there."""
    results = dict(before)
    with ProcessPoolExecutor(options.processes) as pool, progress() as bar:
        jobs = {pool.submit(measure, one, options.traces, model, options.seeds): one for one in chosen(options)}
        task = bar.add_task("measuring", total=len(jobs))
        for job in as_completed(jobs):
            results[jobs[job].name] = job.result()
            keep(results, model, options)
            bar.advance(task)
    return results


def keep(results: Mapping[str, Any], model: Path, options: argparse.Namespace) -> None:
    """Writes what is there, the traces in the order of their list."""
    settings = {"share": SHARE, "pods_at_peak": PODS, "hpa_target": TARGET}
    order = [trace.name for trace in read_list() if trace.name in results]
    traces = {name: results[name] for name in order}
    emit_json({"model": network_hash(model), "settings": settings, "traces": traces}, options.out)


def main() -> int:
    """Measures the traces that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--model", default="base")
    parser.add_argument("--only", action="append", metavar="TRACE", help="only this trace; the others stay as they are")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    before = json.loads(options.out.read_text())["traces"] if options.only and options.out.is_file() else {}
    results = measured(options, find_model(options.model), before)
    err.print(f"measured {len(results)} traces")
    return 0


if __name__ == "__main__":
    end_with(main)
