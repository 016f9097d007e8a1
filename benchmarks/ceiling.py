"""How low could the error be at this size and with these inputs? `make bench-ceiling TRACES=DIR`.

The tail of each trace, its last 30 %, is cut into days. Two trainings of the shipped recipe, shortened:

    apart   learns from the first 70 %, as what is shipped does
    among   learns from the odd days of the tails too

All are scored on the even days, beside the shipped model. A model that is served can never know the days around those
that it forecasts, so that what `among` reaches is a bound on what more of the same traces could teach this network.
Writes results/ceiling/ARM.json. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ending import end_with
from benchmarks.shipped import network_hash
from benchmarks.trials import EVERY, Traces, begun, on_trial, trial_options, wanted
from forecaster.build import MINUTE, Recipe, given_sources, made_up_sources
from forecaster.evaluate import Yardstick, origins_from, score_against
from forecaster.forecast import HORIZON, Ask, Forecaster, Window
from forecaster.network import Network
from forecaster.predict import load_calibrated
from forecaster.series import BoolArray, IntArray, Series
from forecaster.train import Source, SourceKind, TrainConfig, train
from forecaster.windows import CONTEXT
from foresail.models import find_model
from foresail.output import emit_json, progress

RESULTS = Path(__file__).parent / "results" / "ceiling"
SHIPPED, APART, AMONG = "shipped", "apart", "among"


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


def served(network: Network) -> tuple[str, Forecaster]:
    """(the network's hash, what serves it), calibrated online and without a rule in its place."""
    with on_trial(network) as (path, model):
        return model, load_calibrated(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the named arms, or all that have no results yet."""
    options = trial_options("bench-ceiling", __doc__, "arm", RESULTS).parse_args(arguments)
    recipe = Recipe(train=TrainConfig(steps=options.steps, seed=options.seed))
    traces, runs = begun(options, wanted(options, (SHIPPED, APART, AMONG), "arm"))
    forecaster: Forecaster
    for arm, place in runs:
        if arm == SHIPPED:
            shipped = find_model("base")
            about, model, forecaster = {}, network_hash(shipped), load_calibrated(shipped)
        else:
            about = {"steps": options.steps, "seed": options.seed}
            model, forecaster = served(trained(arm, traces, recipe))
        emit_json({"arm": arm, "model": model, **about, "traces": measure(forecaster, traces, recipe.share)}, place)
    return 0


if __name__ == "__main__":
    end_with(main)
