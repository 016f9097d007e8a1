"""How low could the error be at this size and with these inputs? `make bench-ceiling TRACES=DIR`.

The tail of each trace, its last 30 %, is cut into days. Two trainings of the shipped recipe, shortened:

    apart   learns from the first 70 %, as what is shipped does
    among   learns from the odd days of the tails too

All are scored on the even days, beside the shipped model. A model that is served can never know the days around those
that it forecasts, so that what `among` reaches is a bound on what more of the same traces could teach this network.
Writes results/ceiling/ARM.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.traces import LIST, Trace, load, read_list
from forecaster.artefact import MODEL, WEIGHTS, write_artefact
from forecaster.build import MINUTE, Recipe, given_sources, made_up_sources
from forecaster.evaluate import Yardstick, origins_from, score_against
from forecaster.export import to_onnx, to_safetensors
from forecaster.forecast import HORIZON, Ask, Forecaster, Window
from forecaster.network import Network
from forecaster.predict import load_calibrated
from forecaster.series import BoolArray, IntArray, Series
from forecaster.train import Source, SourceKind, TrainConfig, train
from forecaster.windows import CONTEXT
from foresail.errors import UsageError
from foresail.models import find_model
from foresail.output import emit_json, err, progress

RESULTS = Path(__file__).parent / "results" / "ceiling"
STEPS = 4_000
EVERY = 7
SHIPPED, APART, AMONG = "shipped", "apart", "among"

Traces = Sequence[tuple[Trace, Series]]


@dataclass(frozen=True, eq=False)
class Days(Source):
    """A series of which only some origins may be drawn."""

    allowed: IntArray

    def draw(self, rng: np.random.Generator, count: int) -> IntArray:
        """[count] of the allowed origins."""
        return rng.choice(self.allowed, size=count)


def even_days(series: Series, share: float) -> BoolArray:
    """[bins], whether each lies on an even day of the tail, days being counted from its beginning, 0 the first."""
    since = np.arange(len(series)) - int(share * len(series))
    even: BoolArray = (since >= 0) & (since // series.bins_per_day % 2 == 0)
    return even


def targets_within(origins: IntArray, bins: BoolArray) -> BoolArray:
    """[origins], whether all targets of each are of these bins."""
    within: BoolArray = bins[origins[:, None] + np.arange(1, HORIZON + 1)].all(axis=1)
    return within


def among(series: Series, share: float) -> Days:
    """What may be learned of a series: every origin none of whose targets lies on an even day of the tail."""
    base = Source.of(series, SourceKind.REAL if series.step == MINUTE else SourceKind.OTHER_STEP)
    first = CONTEXT + int(np.argmax(series.known))
    origins = np.arange(first, len(series) - HORIZON)
    allowed = origins[targets_within(origins, ~even_days(series, share))]
    return Days(base.windows, base.usual_error, base.kind, allowed)


def found(arm: str, traces: Traces, recipe: Recipe) -> list[Source]:
    """What an arm learns from. The mixtures are of the first 70 % in all of them."""
    learned = [series for trace, series in traces if trace.learned]
    given = given_sources(learned, recipe)
    if arm != APART:
        mixed = [source for source in given if source.kind is SourceKind.MIXTURE]
        given = [*(among(one, recipe.share) for one in learned), *mixed]
    return [*given, *made_up_sources(recipe)]


def trained(arm: str, traces: Traces, recipe: Recipe) -> Network:
    """The network of an arm."""
    with progress() as bar:
        task = bar.add_task(arm, total=recipe.train.steps)
        return train(
            found(arm, traces, recipe), recipe.train, recipe.network, lambda step, _: bar.update(task, completed=step)
        )


def measure(forecaster: Forecaster, traces: Traces, share: float) -> dict[str, Any]:
    """Each learned trace's scores on the even days of its tail."""
    return {
        series.name: {"step_s": series.step.total_seconds(), **_scored(forecaster, series, share)}
        for trace, series in traces
        if trace.learned
    }


def _scored(forecaster: Forecaster, series: Series, share: float) -> dict[str, object]:
    origins = origins_from(series, share, EVERY)
    origins = origins[targets_within(origins, even_days(series, share))]
    yard = Yardstick.of(series, origins, share, Window())
    return score_against(yard, forecaster.forecast([Ask(series, origins)])[0]).to_dict()


def served(network: Network) -> Forecaster:
    """The network behind what serves it, calibrated online and without a rule in its place."""
    with tempfile.TemporaryDirectory() as folder:
        files = {MODEL: to_onnx(network), WEIGHTS: to_safetensors(network)}
        return load_calibrated(write_artefact(Path(folder) / "trial", "trial", files, {}).path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the named arms, or all that have no results yet."""
    parser = argparse.ArgumentParser(prog="make bench-ceiling", description=__doc__)
    parser.add_argument("traces", type=Path, help="folder with the traces")
    arms = (SHIPPED, APART, AMONG)
    parser.add_argument("--arm", action="append", help="may be repeated; all that have no results if none is named")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training; the shipped model has more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", type=Path, default=LIST, help="which traces")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.arm or () if name not in arms]:
        raise UsageError(f"no arm {unknown[0]!r}; there are: {', '.join(arms)}")
    recipe = Recipe(train=TrainConfig(steps=options.steps, seed=options.seed))
    traces = [(trace, load(trace, options.traces)) for trace in read_list(options.list)]
    options.out.mkdir(parents=True, exist_ok=True)
    forecaster: Forecaster
    for arm in options.arm or [a for a in arms if not (options.out / f"{a}.json").exists()]:
        err.print(arm)
        if arm == SHIPPED:
            about, forecaster = {}, load_calibrated(find_model("base"))
        else:
            about = {"steps": options.steps, "seed": options.seed}
            forecaster = served(trained(arm, traces, recipe))
        scores = measure(forecaster, traces, recipe.share)
        emit_json({"arm": arm, **about, "traces": scores}, options.out / f"{arm}.json")
    return 0


if __name__ == "__main__":
    end_with(main)
