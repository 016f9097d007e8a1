"""Scores and replays the shipped model on public traces: `make bench TRACES=DIR`.

The traces are those of traces.toml, and not part of the project; a folder with some of them gives the rows of those.
Writes results/public_traces.json, from which `tools/readme.py` makes the tables of the README.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from benchmarks.ending import end_with
from benchmarks.replay_arms import DAYS, PODS, SHARE, STRETCH, TARGET, a_case
from benchmarks.shipped import network_hash
from benchmarks.traces import Trace, read_list
from benchmarks.traces import load as load_trace
from controller.simulation.score import score
from forecaster.baselines import BASELINES
from forecaster.evaluate import Yardstick, origins_from, score_against
from forecaster.forecast import Ask, Forecaster
from forecaster.predict import load_forecaster
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json, err, progress
from foresail.replays.arms import FORESAIL, HPA, HPA_SAME_COST, PERFECT, play_arms

RESULTS = Path(__file__).parent / "results" / "public_traces.json"
ARMS = (HPA, FORESAIL, PERFECT, HPA_SAME_COST)
EVERY = 7
POD_STARTS = (timedelta(seconds=60), timedelta(seconds=240))


def measure(trace: Trace, folder: Path, forecaster: Forecaster) -> dict[str, object]:
    """One trace's forecast scores, and its replays at each pod start."""
    series = load_trace(trace, folder)
    origins = origins_from(series, SHARE, EVERY)
    ask = Ask(series, origins)
    yard = Yardstick.of(series, origins, SHARE, ask.window)
    forecast = score_against(yard, forecaster.forecast([ask])[0])
    rules = {name: score_against(yard, rule.forecast([ask])[0]).pinball for name, rule in BASELINES.items()}
    return {
        "about": trace.about,
        "kind": trace.kind.value,
        "learned": trace.learned,
        "step_s": series.step.total_seconds(),
        "forecast": forecast.to_dict(),
        "peak_coverage": forecast.peak.coverage,
        "rules": rules,
        "replay": {f"{start.total_seconds():g}": replays(series, forecaster, start) for start in POD_STARTS},
    }


def replays(series: Series, forecaster: Forecaster, pod_start: timedelta) -> dict[str, object]:
    """The arms of `foresail replay` with its default settings, on the last 30 % but at most four days."""
    case = a_case(series, STRETCH, pod_start, forecaster)
    played = play_arms(case, lambda _: None, ARMS)
    arms = {name: score(played[name].run) for name in ARMS}
    return {
        "minutes": arms[HPA].scored_minutes,
        "same_cost_target": TARGET * played[HPA_SAME_COST].hpa.metrics[0].target / case.hpa.metrics[0].target,
        "arms": {name: figures.to_dict() for name, figures in arms.items()},
    }


def main() -> int:
    """Measures what is there of the traces and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--model", default="base")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    traces = read_list()
    there = [trace for trace in traces if (options.traces / trace.file).is_file()]
    if not there:
        raise UsageError(f"{options.traces}: none of the traces is there; expected for example {traces[0].file}")
    for trace in traces:
        if trace not in there:
            err.print(f"not there, left out: {trace.file}")
    model = find_model(options.model)
    forecaster = load_forecaster(model)
    results = {}
    with progress() as bar:
        task = bar.add_task("measuring", total=len(there))
        for trace in there:
            bar.update(task, description=trace.about)
            results[trace.name] = measure(trace, options.traces, forecaster)
            bar.advance(task)
    settings = {"share": SHARE, "every": EVERY, "most_days": DAYS.days, "pods_at_peak": PODS, "hpa_target": TARGET}
    emit_json({"model": network_hash(model), "settings": settings, "traces": results}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
