"""A trained network goes on learning from one workload's own history, and is judged on that workload's latest days.

The refit has not seen those days, nor has any refit that it is compared with. Made-up series stay in what is learned
from, so that what the network knows about other shapes of load, which this workload may take tomorrow, is not
forgotten. Promotes nothing: `promotion` judges, `versions` keeps.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from forecaster.artefact import CARD, GOLDEN, METRICS, MODEL, WEIGHTS, Artefact, write_artefact
from forecaster.card import card
from forecaster.errors import BadArtefact, BadHistory
from forecaster.evaluate import Score, Yardstick, score_against
from forecaster.export import to_onnx, to_safetensors
from forecaster.forecast import HORIZON, Ask, Window
from forecaster.golden import golden_record
from forecaster.network import Network, NetworkConfig
from forecaster.predict import load_calibrated, load_network
from forecaster.promotion import LEAST_HOURS, Losses, Verdict, judge, losses
from forecaster.series import EPOCH, IntArray, Series
from forecaster.synthetic import training_set
from forecaster.train import Source, SourceKind, TrainConfig, describe, fit
from forecaster.versions import REPLACES

Layers = Literal["light", "all"]
LEARNED_HOURS = 72
"""Measured before the days to judge on; in fewer, not even yesterday's pattern has been seen to repeat."""
_LIGHT = ("gate", "spread", "correction", "peak")
"""The heads: whom to trust, how wide, what to add. What is recognised in a load stays as it is."""
_RATES: Mapping[Layers, float] = {"light": 3e-4, "all": 1e-4}
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class RefitConfig:
    """How to refit. One core takes half a minute; for five weeks at a minute, three quarters of one.

    layers      light: the heads only; all: every layer, at a smaller learning rate
    steps       of training
    judge_days  the latest days of the history, to compare on
    every       bins between the origins that are compared
    synthetic   so many made-up series of two weeks, for `1 - own_share` of what is drawn
    """

    layers: Layers = "light"
    steps: int = 240
    judge_days: float = 2.0
    every: int = 5
    synthetic: int = 12
    own_share: float = 0.6
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Refitted:
    """A refitted network that awaits its promotion: how it compares, and what its artefact will hold.

    scores           of what it was compared with, and of the refit, on the latest days
    files, about     without what the artefact's name goes into
    recorded         the content of its metrics.json
    """

    verdict: Verdict
    scores: tuple[Score, Score]
    files: Mapping[str, bytes]
    about: Mapping[str, Any]
    recorded: Mapping[str, Any]

    def write(self, place: Path, replaces: str) -> Artefact:
        """The artefact, in a folder of versions, where it takes the place of the version `replaces`."""
        name = f"{place.absolute().parent.name}-{place.name}"
        described = card(name, self.about["parameters"], self.recorded).encode()
        return write_artefact(place, name, {**self.files, CARD: described}, {**self.about, REPLACES: replaces})


def refit(
    start: Artefact,
    used: Artefact,
    series: Series,
    config: RefitConfig,
    on_step: Callable[[int, float], None] | None = None,
) -> Refitted:
    """The network of `start` after learning from all but the latest days of `series`, compared on these with `used`.

    Raises BadHistory where the history is too short, or where one of the two has learned from those days, and
    BadArtefact where an artefact has no weights to go on from; both before the training.
    """
    cut = _cut(series, config)
    for one in (start, used):
        _check_unseen(one, series, cut)
    network, recorded = load_trained(start), _metrics(start)
    learned = {"base": _named(start), "learned_until": series.time(cut).isoformat()}
    about = {
        "parameters": sum(p.numel() for p in network.parameters()),
        **describe(_train_config(config), network.config),
        "refit": learned,
    }
    tuned = learn(network, series.part(0, cut), config, on_step)
    files = {MODEL: to_onnx(tuned), WEIGHTS: to_safetensors(tuned)}
    with tempfile.TemporaryDirectory() as folder:
        trial = write_artefact(Path(folder) / "refit", "refit", files, about)
        files[GOLDEN] = _as_json(golden_record(load_network(trial.path)))
        verdict, scores = compare(used, trial, series, cut, config.every)
    recorded["refit"] = {
        **learned,
        "used": _named(used),
        "history": series.name,
        "learned_from": series.start.isoformat(),
        "judged_until": series.end.isoformat(),
        "config": asdict(config),
        "verdict": asdict(verdict),
        "scores": [s.to_dict() for s in scores],
    }
    files[METRICS] = _as_json(recorded)
    return Refitted(verdict, scores, files, about, recorded)


def learn(
    network: Network, seen: Series, config: RefitConfig, on_step: Callable[[int, float], None] | None = None
) -> Network:
    """`network`, which is changed, after learning from all of `seen` and from made-up series, in evaluation mode."""
    _freeze(network, config.layers)
    torch.manual_seed(config.seed)
    return fit(network, _sources(seen, config), _train_config(config), on_step)


def compare(
    used: Artefact, refitted: Artefact, series: Series, cut: int, every: int
) -> tuple[Verdict, tuple[Score, Score]]:
    """Which of two artefacts forecasts the part of the series from bin `cut` on better, calibrated online.

    Without the gate, which would put rules in the place of both and blur what they differ in.
    """
    origins = _compared(series, cut, every)
    share = (cut + 0.5) / len(series)  # of which half a bin more than `cut` is sure to be `cut` in whole ones
    yard = Yardstick.of(series, origins, share, Window())
    scores: list[Score] = []
    lost: list[Losses] = []
    for artefact in (used, refitted):
        forecasts = load_calibrated(artefact.path).forecast([Ask(series, origins)])[0]
        scores.append(score_against(yard, forecasts))
        lost.append(losses(yard, forecasts))
    measured = np.flatnonzero(yard.known[:, :HORIZON].any(axis=1))
    verdict = judge(lost[0].rows(measured), lost[1].rows(measured), _hours(series, origins[measured]))
    return verdict, (scores[0], scores[1])


def load_trained(artefact: Artefact) -> Network:
    """The network of an artefact, to train it on. Raises BadArtefact."""
    try:
        network = Network(NetworkConfig(**artefact.manifest["network"]))
        network.load_state_dict(load((artefact.path / WEIGHTS).read_bytes()))
    except (KeyError, TypeError, OSError, RuntimeError, SafetensorError) as error:
        raise BadArtefact(f"{artefact.path}: no weights to go on from ({error}); train the model again") from error
    return network


def _metrics(artefact: Artefact) -> dict[str, Any]:
    """What was recorded of the training that a refit goes on from."""
    try:
        recorded = json.loads((artefact.path / METRICS).read_text("utf-8"))
        return {"recipe": recorded["recipe"], "scores": recorded["scores"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadArtefact(f"{artefact.path}: its {METRICS} records no training ({error!r}); train it again") from error


def _cut(series: Series, config: RefitConfig) -> int:
    """The first bin to judge on."""
    cut = len(series) - round(config.judge_days * series.bins_per_day)
    learned = round(series.known[: max(cut, 0)].sum() * series.step / _HOUR)
    if learned < LEARNED_HOURS:
        raise BadHistory(
            f"{series.name}: {learned} hours measured before the latest {config.judge_days:g} days, which are for the "
            f"comparison; a refit learns from {LEARNED_HOURS} or more: use a longer history, gaps do not count"
        )
    if (hours := _measured_hours(series, _compared(series, cut, config.every))) < LEAST_HOURS:
        raise BadHistory(
            f"{series.name}: {hours} hours to compare on in the latest {config.judge_days:g} days; expected "
            f"{LEAST_HOURS} or more that were measured: compare on more days, or use a history that ends earlier"
        )
    return cut


def _compared(series: Series, cut: int, every: int) -> IntArray:
    """The origins to compare at: those with a whole horizon after them."""
    origins: IntArray = np.arange(cut, len(series) - HORIZON, every)
    return origins


def _measured_hours(series: Series, origins: IntArray) -> int:
    """In how many hours there is an origin after which something was measured."""
    known = np.concatenate([[0], np.cumsum(series.known)])
    return len(np.unique(_hours(series, origins[known[origins + 1 + HORIZON] > known[origins + 1]])))


def _check_unseen(artefact: Artefact, series: Series, cut: int) -> None:
    refit_of = artefact.manifest.get("refit")
    if isinstance(refit_of, dict) and datetime.fromisoformat(refit_of["learned_until"]) > series.time(cut):
        raise BadHistory(
            f"{series.name}: what comes from {series.time(cut).isoformat()} on is for the comparison, and "
            f"{artefact.name} has learned until {refit_of['learned_until']}; use a newer history, or fewer days"
        )


def _train_config(config: RefitConfig) -> TrainConfig:
    return TrainConfig(
        steps=config.steps,
        learning_rate=_RATES[config.layers],
        weight_decay=0.0,  # it would pull towards zero, not towards what was learned
        seed=config.seed,
        real_share=config.own_share,
        other_step_share=0.0,
        mixture_share=0.0,
        average=0.98,
    )


def _sources(learned: Series, config: RefitConfig) -> list[Source]:
    """The workload's own history, and made-up ones, at its step where that can be made from minutes."""
    made = training_set(config.seed + 2, config.synthetic, days=14)
    if learned.step % _MINUTE == timedelta(0):
        made = [one.coarser(learned.step) for one in made]
    return [Source.of(learned, SourceKind.REAL), *(Source.of(one, SourceKind.MADE_UP) for one in made)]


def _freeze(network: Network, layers: Layers) -> None:
    for name, part in network.named_children():
        part.requires_grad_(layers == "all" or name in _LIGHT)


def _hours(series: Series, origins: IntArray) -> IntArray:
    """[origins], the hour in which each lies."""
    start, step = (series.start - EPOCH) // _SECOND, series.step // _SECOND
    hours: IntArray = (start + origins * step) // 3600
    return hours


def _named(artefact: Artefact) -> dict[str, str]:
    return {"name": artefact.name, "seal": artefact.seal}


def _as_json(record: Mapping[str, object]) -> bytes:
    return (json.dumps(record, indent=2, default=str) + "\n").encode()
