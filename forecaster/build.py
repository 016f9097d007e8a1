"""From histories to an artefact: train, export, measure with what will serve, and write the card from the figures."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from forecaster.artefact import CARD, GOLDEN, METRICS, MODEL, WEIGHTS, Artefact, check_writable, write_artefact
from forecaster.card import card
from forecaster.checkpoint import Checkpoint
from forecaster.errors import BadHistory
from forecaster.evaluate import Score, origins_from, score
from forecaster.export import to_onnx, to_safetensors
from forecaster.forecast import HORIZON, Ask, Forecaster
from forecaster.golden import golden_record
from forecaster.mixtures import mixtures
from forecaster.network import Network, NetworkConfig
from forecaster.predict import load_calibrated, load_network
from forecaster.series import Series
from forecaster.synthetic import training_set
from forecaster.train import Source, SourceKind, TrainConfig, describe, train
from forecaster.windows import CONTEXT

MINUTE, COARSE = timedelta(minutes=1), timedelta(minutes=5)


@dataclass(frozen=True)
class Recipe:
    """What goes into a model. `share` of each real series is learned from, the rest is measured on."""

    share: float = 0.7
    synthetic: int = 240
    synthetic_seed: int = 1
    mixtures: int = 140
    coarse: int = 40
    """So many of the made-up series are there at five-minute steps too."""
    measure_every: int = 7
    train: TrainConfig = field(default_factory=TrainConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)


def sources(series: Sequence[Series], recipe: Recipe) -> list[Source]:
    """Everything to learn from: the first share of the real series, mixtures of those, and the made-up ones whole."""
    return [*given_sources(series, recipe), *made_up_sources(recipe)]


def given_sources(series: Sequence[Series], recipe: Recipe) -> list[Source]:
    """The first share of the real series, and mixtures of those."""
    seen = [s.part(0, int(recipe.share * len(s))) for s in series]
    return [
        *(Source.of(s, SourceKind.REAL if s.step == MINUTE else SourceKind.OTHER_STEP) for s in seen),
        *(Source.of(s, SourceKind.MIXTURE) for s in mixtures(seen, recipe.synthetic_seed, recipe.mixtures)),
    ]


def made_up_sources(recipe: Recipe) -> list[Source]:
    """The made-up series, some of them at five-minute steps too."""
    made = training_set(recipe.synthetic_seed, recipe.synthetic)
    return [Source.of(s, SourceKind.MADE_UP) for s in [*made, *(s.coarser(COARSE) for s in made[: recipe.coarse])]]


def build(
    path: Path,
    series: Sequence[Series],
    recipe: Recipe,
    on_step: Callable[[int, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Artefact:
    """Trains on `series`, and writes the artefact named after `path`'s last part there: whole, or not at all.

    A checkpoint keeps the training until the artefact is written; what it keeps of the same training is gone on from.
    Raises BadArtefact where it cannot be written, BadHistory where a series is too short and BadCheckpoint where
    another training is kept, all before the training.
    """
    check_writable(path)
    for one in series:
        _check_learnable(one, recipe)
    network = train(sources(series, recipe), recipe.train, recipe.network, on_step, checkpoint)
    written = pack(path, network, series, recipe)
    if checkpoint is not None:
        checkpoint.discard()
    return written


def pack(path: Path, network: Network, series: Sequence[Series], recipe: Recipe) -> Artefact:
    """Writes what `recipe` made of `series` as an artefact, with figures of what serves where no rule does better."""
    files = {MODEL: to_onnx(network), WEIGHTS: to_safetensors(network)}
    about = {"parameters": sum(p.numel() for p in network.parameters()), **describe(recipe.train, recipe.network)}
    with tempfile.TemporaryDirectory() as folder:
        trial = write_artefact(Path(folder) / path.name, path.name, files, about).path
        scores = measure(load_calibrated(trial), series, recipe)
        golden = golden_record(load_network(trial))
    recorded = {"recipe": asdict(recipe), "scores": [s.to_dict() for s in scores]}
    files[METRICS] = (json.dumps(recorded, indent=2, default=str) + "\n").encode()
    files[GOLDEN] = (json.dumps(golden, indent=2) + "\n").encode()
    files[CARD] = card(path.name, about["parameters"], recorded).encode()
    return write_artefact(path, path.name, files, about)


def _check_learnable(series: Series, recipe: Recipe) -> None:
    """Origins to learn from before the cut, and origins to measure at after it."""
    seen = series.known[: int(recipe.share * len(series))]
    first = int(np.argmax(seen)) if seen.any() else len(seen)
    if len(seen) - first <= CONTEXT + HORIZON:
        raise BadHistory(
            f"{series.name}: {len(seen) - first} bins in its first {recipe.share:.0%}; training needs more than "
            f"{CONTEXT + HORIZON}: leave it out, or use a longer history"
        )
    origins_from(series, recipe.share, recipe.measure_every)


def measure(forecaster: Forecaster, series: Sequence[Series], recipe: Recipe) -> list[Score]:
    """Scores on the part of each series that training did not see."""
    result = []
    for one in series:
        origins = origins_from(one, recipe.share, recipe.measure_every)
        result.append(score(one, forecaster.forecast([Ask(one, origins)])[0], recipe.share))
    return result
