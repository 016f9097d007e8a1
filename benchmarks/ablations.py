"""What each part of the model is worth, and each source of traces: `make bench-ablations TRACES=DIR`.

Trains the shipped recipe, shortened, again and again: as it is, blind to one part of the input at a time, without the
made-up series or the mixtures, and without each source of traces in turn. Every run is scored on the last 30 % of every
trace, by the calibrated and by the bare network. Writes results/ablations/VARIANT.json, so that variants
can be run one at a time. The traces are no part of the project: `python -m tools.fetch_traces DIR` fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from benchmarks.ending import end_with
from benchmarks.trials import EVERY, Traces, begun, on_trial, trial_options, wanted
from forecaster.build import Recipe, given_sources, made_up_sources
from forecaster.evaluate import origins_from, score
from forecaster.forecast import Ask, Forecaster
from forecaster.network import Network, NetworkConfig
from forecaster.predict import load_calibrated, load_network
from forecaster.series import Series
from forecaster.train import Source, TrainConfig, train
from foresail.output import emit_json, progress

RESULTS = Path(__file__).parent / "results" / "ablations"
PARTS = ("days", "ridge", "usual", "success", "hours", "levels", "lags", "calendar")
SOURCES = {
    "microsoft": ("mscloud_*",),
    "azure-functions": ("azurefn*",),
    "web-logs": ("nasa_*", "wc98_*"),
    "bgp": ("ripe_*",),
    "five-minute-services": ("v2ex_*", "decentraland_*"),
}
"""Traces of one origin, which a model would know from each other."""


@dataclass(frozen=True)
class Variant:
    """A recipe that differs from the shipped one in one thing, and patterns of the traces that it never sees."""

    name: str
    recipe: Recipe
    without: tuple[str, ...] = ()


def variants(steps: int, seed: int) -> dict[str, Variant]:
    """Every variant by its name; `full` is what the others are compared with."""
    full = Recipe(train=TrainConfig(steps=steps, seed=seed))
    no_mixtures = replace(full.train, mixture_share=0.0)
    only_made_up = replace(no_mixtures, real_share=0.0, other_step_share=0.0)
    only_given = replace(full.train, mixture_share=1.0 - full.train.real_share - full.train.other_step_share)
    made = [
        Variant("full", full),
        *(Variant(f"without-{name}", full, patterns) for name, patterns in SOURCES.items()),
        *(Variant(f"blind-to-{part}", replace(full, network=NetworkConfig(blind=(part,)))) for part in PARTS),
        Variant("no-mixtures", replace(full, train=no_mixtures)),
        Variant("no-made-up-series", replace(full, train=only_given)),
        Variant("only-made-up-series", replace(full, train=only_made_up)),
        Variant("no-dropout", replace(full, network=NetworkConfig(dropout=0.0))),
    ]
    return {variant.name: variant for variant in made}


class Bench:
    """Trains and scores variants; the made-up series, and the traces when all are learned from, are prepared once."""

    def __init__(self, traces: Traces, recipe: Recipe) -> None:
        self._traces = traces
        self._made_up = made_up_sources(recipe)
        self._given: dict[tuple[str, ...], list[Source]] = {}

    def measure(self, variant: Variant) -> dict[str, Any]:
        """The variant's settings, and each trace's scores; `learned` says whether it learned from the trace."""
        learned = [s for t, s in self._traces if t.learned and not any(fnmatch(t.file, p) for p in variant.without)]
        if variant.without not in self._given:
            self._given = {variant.without: given_sources(learned, variant.recipe)}
        found = [*self._given[variant.without], *self._made_up]
        recipe = variant.recipe
        with progress() as bar:
            task = bar.add_task(variant.name, total=recipe.train.steps)
            network = train(found, recipe.train, recipe.network, lambda step, _: bar.update(task, completed=step))
        model, scores = self._scores(network)
        names = {one.name for one in learned}
        steps = {one.name: one.step.total_seconds() for _, one in self._traces}
        return {
            "variant": variant.name,
            "model": model,
            "steps": recipe.train.steps,
            "seed": recipe.train.seed,
            "without": list(variant.without),
            "traces": {
                name: {"learned": name in names, "step_s": steps[name], **arms} for name, arms in scores.items()
            },
        }

    def _scores(self, network: Network) -> tuple[str, dict[str, dict[str, dict[str, object]]]]:
        """(the network's hash, each trace's scores)."""
        with on_trial(network) as (path, model):
            arms: dict[str, Forecaster] = {"calibrated": load_calibrated(path), "network": load_network(path)}
        scores = {series.name: {name: _scored(arm, series) for name, arm in arms.items()} for _, series in self._traces}
        return model, scores


def _scored(forecaster: Forecaster, series: Series) -> dict[str, object]:
    share = Recipe().share
    return score(series, forecaster.forecast([Ask(series, origins_from(series, share, EVERY))])[0], share).to_dict()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the named variants, or all that have no results yet."""
    options = trial_options("bench-ablations", __doc__, "variant", RESULTS).parse_args(arguments)
    known = variants(options.steps, options.seed)
    traces, runs = begun(options, wanted(options, known, "variant"))
    bench = Bench(traces, known["full"].recipe)
    for name, place in runs:
        emit_json(bench.measure(known[name]), place)
    return 0


if __name__ == "__main__":
    end_with(main)
