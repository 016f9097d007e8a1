"""What a workload's own refit is worth, and what it costs: `make bench-refit TRACES=DIR`.

For each trace the shipped model goes on learning from the first 70 %, as `foresail refit` would do it there: judged on
that part's latest days and promoted or not. Then both are scored on the last 30 %, which neither has seen, promoted or
not. Writes results/refits.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.ending import end_with
from benchmarks.traces import LIST, load, read_list
from forecaster.artefact import Artefact, load_artefact
from forecaster.errors import ForecasterError
from forecaster.evaluate import Yardstick, origins_from, score_against
from forecaster.forecast import Ask, Window
from forecaster.predict import load_calibrated
from forecaster.refit import RefitConfig, refit
from forecaster.series import Series
from foresail.models import find_model
from foresail.output import emit_json, err, progress

RESULTS = Path(__file__).parent / "results" / "refits.json"
SHARE, EVERY = 0.7, 7


def measure(series: Series, base: Artefact, config: RefitConfig) -> dict[str, Any]:
    """The verdict, the seconds that a refit took, and the scores of both on the last 30 %."""
    seen = series.part(0, int(SHARE * len(series)))
    with tempfile.TemporaryDirectory() as folder, progress() as bar:
        task = bar.add_task(series.name, total=config.steps)
        wall, cpu = time.perf_counter(), time.process_time()
        refitted = refit(base, base, seen, config, lambda step, _: bar.update(task, completed=step))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        written = refitted.write(Path(folder) / series.name / "1", base.name)
        origins = origins_from(series, SHARE, EVERY)
        yard = Yardstick.of(series, origins, SHARE, Window())
        scores = {
            name: score_against(yard, load_calibrated(artefact.path).forecast([Ask(series, origins)])[0]).to_dict()
            for name, artefact in (("base", base), ("refit", written))
        }
    return {"verdict": asdict(refitted.verdict), "wall_s": wall, "cpu_s": cpu, "scores": scores}


def main(arguments: Sequence[str] | None = None) -> int:
    """Refits to every trace that is long enough; the others are named."""
    parser = argparse.ArgumentParser(prog="make bench-refit", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    parser.add_argument("--layers", choices=("light", "all"), default=RefitConfig().layers)
    parser.add_argument("--steps", type=int, default=RefitConfig().steps)
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    base = load_artefact(find_model("base"))
    config = RefitConfig(layers=options.layers, steps=options.steps)
    found = {}
    for trace in read_list(options.list):
        series = load(trace, options.traces)
        try:
            found[trace.name] = {"learned": trace.learned, **measure(series, base, config)}
        except ForecasterError as error:
            err.print(str(error), soft_wrap=True)
    emit_json({"model": base.seal, "config": asdict(config), "traces": found}, options.out)
    return 0


if __name__ == "__main__":
    end_with(main)
