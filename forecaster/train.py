"""Trains the network: read it top to bottom. Real and made-up series, pinball loss, one cosine, averaged weights.

Every series is used only up to its own cut; what comes after it is for measuring. A step draws a few series, a few
origins of each, and a random window for the peak head. Seeds are fixed; a run on the same machine repeats itself.
"""

from __future__ import annotations

import copy
import enum
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from forecaster.checkpoint import Checkpoint, Run, identity_of
from forecaster.forecast import HORIZON, LEVELS
from forecaster.network import Network, NetworkConfig
from forecaster.series import FloatArray, IntArray, Series
from forecaster.windows import CALENDAR, CONTEXT, SUCCESS, USUAL, Inputs, Windows

_LARGER = (4, 3)
"""So many times the series, and the origins of each, are drawn at once."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. One core makes some 400 steps a minute."""

    steps: int = 16_000
    series_per_step: int = 16
    origins_per_series: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    seed: int = 0
    real_share: float = 0.2
    """Share of the drawn series that are real at one-minute steps. More, and ten traces are learned by heart."""
    other_step_share: float = 0.06
    """Share of those that are real at other steps."""
    mixture_share: float = 0.15
    """Share of the mixtures of real series; the rest is made up."""
    metric_weight: float = 0.75
    """1 weighs every bin by its absolute error, as the score does, so that peaks rule; 0 weighs all moments alike."""
    calendar_dropout: float = 0.25
    """Share of the drawn series that hide their clock: a workload's hours need not be those of the traces."""
    slow_dropout: float = 0.2
    """Share of the drawn series that hide what is usual for them, and of those that hide whose rule was right: both
    hardly change, so that a network could tell the traces by them."""
    level_weights: tuple[float, ...] = (1, 1, 1, 1, 1, 1.5, 2, 2)
    """The upper levels are what capacity is bought for."""
    average: float = 0.999
    """Decay of the running mean of the weights, which is what is kept in the end."""


class SourceKind(enum.Enum):
    """Where a series comes from; each kind has its share of what is drawn."""

    REAL = enum.auto()
    OTHER_STEP = enum.auto()
    MIXTURE = enum.auto()
    MADE_UP = enum.auto()


@dataclass(frozen=True, eq=False)
class Source:
    """One series to learn from: its windows, the origins that may be drawn, how large its usual error is."""

    windows: Windows
    usual_error: float
    kind: SourceKind

    @staticmethod
    def of(series: Series, kind: SourceKind) -> Source:
        """All of `series` may be seen: what is to be measured on was cut off before."""
        seen = series.values
        moves = np.abs(seen[HORIZON:] - seen[:-HORIZON])
        usual = float(np.nanmean(moves)) if np.isfinite(moves).any() else 1.0
        return Source(Windows(series), max(usual, 1e-9), kind)

    @cached_property
    def prepared(self) -> Windows:
        """The windows with their slow work done: when first drawn from, because it takes minutes for hundreds."""
        self.windows.prepare()
        return self.windows

    def draw(self, rng: np.random.Generator, count: int) -> IntArray:
        """[count] origins with a full context before and all targets after them, inside the series."""
        first = CONTEXT + int(np.argmax(self.windows.series.known))
        return rng.integers(first, len(self.windows.series) - HORIZON, size=count)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step learns from: the inputs, the targets with their mask, windows, peaks and weights."""

    inputs: Inputs
    targets: Tensor
    windows: Tensor
    peaks: Tensor
    weights: Tensor

    def rows(self, picked: IntArray) -> Batch:
        rows = torch.from_numpy(picked)
        return Batch(
            self.inputs.rows(picked), self.targets[rows], self.windows[rows], self.peaks[rows], self.weights[rows]
        )


def train(
    sources: Sequence[Source],
    config: TrainConfig,
    network_config: NetworkConfig,
    on_step: Callable[[int, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Network:
    """A trained network, in evaluation mode, with the averaged weights. `on_step(step, loss)` is told of each step.

    With a checkpoint the training goes on from what is kept there, and ends as if it had never been interrupted.
    Raises BadCheckpoint where what is kept there belongs to another training, or cannot be read or written.
    """
    torch.manual_seed(config.seed)
    return fit(Network(network_config), sources, config, on_step, checkpoint)


def fit(
    network: Network,
    sources: Sequence[Source],
    config: TrainConfig,
    on_step: Callable[[int, float], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Network:
    """The averaged weights after `config.steps` steps from `network`, which is changed; frozen parameters stay.

    Dropout draws from torch's generator, which the caller seeds. Otherwise as `train`.
    """
    rng = np.random.default_rng(config.seed)
    averaged = copy.deepcopy(network)
    learning = [weights for weights in network.parameters() if weights.requires_grad]
    optimiser = torch.optim.AdamW(learning, config.learning_rate, weight_decay=config.weight_decay)
    run = Run(network, averaged, optimiser, rng, _identity(sources, config, network))
    first = 0 if checkpoint is None else checkpoint.restore(run)
    batches: list[Batch] = []
    network.train()
    for step in range(first, config.steps):
        batches = batches or draw_batches(sources, config, rng)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _schedule(step / config.steps)
        loss = batch_loss(network, batches.pop(), config)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        _average(averaged, network, min(config.average, (step + 1) / (step + 10)))
        # Where no drawn batch waits, the generators' states say all about those that come.
        if checkpoint is not None and (step + 1 == config.steps or (not batches and checkpoint.is_due(step + 1))):
            checkpoint.keep(run, step + 1)
        if on_step is not None:
            on_step(step + 1, float(loss.detach()))
    averaged.eval()
    return averaged


def batch_loss(network: Network, batch: Batch, config: TrainConfig) -> Tensor:
    """Pinball loss of all steps plus half of that of the peak, weighted by level and by moment.

    The weights depend only on what was known at the origin: weights that looked at the target would bend the quantiles.
    """
    x = batch.inputs
    seen = (torch.from_numpy(part) for part in (x.sequence, x.features, x.increments, x.usual))
    quantiles, peak = network(*seen, batch.windows)
    levels = torch.tensor(LEVELS)
    by_level = torch.tensor(config.level_weights)
    steps = _pinball(batch.targets.unsqueeze(2) - quantiles, levels) * by_level
    peaks = _pinball(batch.peaks.unsqueeze(1) - peak, levels) * by_level
    return (steps.mean(dim=(1, 2)) * batch.weights).mean() + 0.5 * (peaks.mean(dim=1) * batch.weights).mean()


def draw_batches(sources: Sequence[Source], config: TrainConfig, rng: np.random.Generator) -> list[Batch]:
    """Several batches at once, shuffled into each other: the work per series is done once for many origins."""
    count = _LARGER[0] * _LARGER[1]
    larger = replace(
        config,
        series_per_step=_LARGER[0] * config.series_per_step,
        origins_per_series=_LARGER[1] * config.origins_per_series,
    )
    drawn = draw_batch(sources, larger, rng)
    parts = np.array_split(rng.permutation(len(drawn.targets)), count)
    return [drawn.rows(part) for part in parts]


def draw_batch(sources: Sequence[Source], config: TrainConfig, rng: np.random.Generator) -> Batch:
    """Origins of a few series, with a random peak window each; series are drawn alike, whatever their length."""
    odds = _odds(sources, config)
    parts, targets, weights = [], [], []
    for pick in rng.choice(len(sources), config.series_per_step, p=odds):
        source = sources[pick]
        origins = source.draw(rng, config.origins_per_series)
        inputs = source.prepared.inputs(origins)
        if rng.random() < config.calendar_dropout:
            inputs.features[:, -CALENDAR:] = 0.0
        for slow in (USUAL, SUCCESS):
            if rng.random() < config.slow_dropout:
                inputs.features[:, slow] = 0.0
        parts.append(inputs)
        targets.append((source.windows.targets(origins) - inputs.last[:, None]) / inputs.scale[:, None])
        weights.append(np.clip((inputs.scale / source.usual_error) ** config.metric_weight, 0.02, 50.0))
    y = np.concatenate(targets)
    windows = _random_windows(rng, len(y))
    within = np.where(windows > 0, y, -np.inf)
    w = np.concatenate(weights)
    return Batch(
        inputs=Inputs.concatenate(parts),
        targets=_tensor(np.clip(y, -60.0, 60.0)),
        windows=_tensor(windows),
        peaks=_tensor(np.clip(np.where(np.isnan(within).any(axis=1), np.nan, within.max(axis=1)), -60.0, 60.0)),
        weights=_tensor(w / w.mean()),
    )


def _odds(sources: Sequence[Source], config: TrainConfig) -> FloatArray:
    """[sources], how likely each is drawn: by its kind's share, alike within a kind."""
    shares = {
        SourceKind.REAL: config.real_share,
        SourceKind.OTHER_STEP: config.other_step_share,
        SourceKind.MIXTURE: config.mixture_share,
        SourceKind.MADE_UP: 1.0 - config.real_share - config.other_step_share - config.mixture_share,
    }
    counts = Counter(s.kind for s in sources)
    odds: FloatArray = np.array([shares[s.kind] / counts[s.kind] for s in sources])
    if not odds.any():  # the only kind that is there has no share
        odds = np.ones(len(sources))
    odds /= odds.sum()
    return odds


def describe(config: TrainConfig, network_config: NetworkConfig) -> dict[str, dict[str, object]]:
    """Everything that a run depended on beside its data, for the model card."""
    return {"train": asdict(config), "network": asdict(network_config)}


def _identity(sources: Sequence[Source], config: TrainConfig, network: Network) -> dict[str, str]:
    """What tells this run from another. Real series are told one by one, those that were made by kind."""
    of_kind = {kind: [s.windows.series for s in sources if s.kind is kind] for kind in SourceKind}
    real = [s.windows.series for s in sources if s.kind in (SourceKind.REAL, SourceKind.OTHER_STEP)]
    made = {"mixed series": of_kind[SourceKind.MIXTURE], "made-up series": of_kind[SourceKind.MADE_UP]}
    return identity_of(describe(config, network.config), real, made, network.state_dict())


def _random_windows(rng: np.random.Generator, count: int) -> FloatArray:
    """[count, HORIZON], 1 from a random first to a random last step; every first step is equally likely."""
    first = rng.integers(0, HORIZON, size=count)
    last = first + (rng.random(count) * (HORIZON - first)).astype(np.int64)
    step = np.arange(HORIZON)
    return ((step >= first[:, None]) & (step <= last[:, None])).astype(np.float64)


def _pinball(error: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss with missing targets counting as nothing."""
    known = ~torch.isnan(error)
    error = torch.where(known, error, torch.zeros_like(error))
    return torch.maximum(levels * error, (levels - 1) * error)


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _schedule(done: float) -> float:
    """A short warm-up, then half a cosine down to a hundredth."""
    return min(1.0, done / 0.02 + 0.05) * max(0.01, 0.5 * (1 + math.cos(math.pi * done)))


def _average(averaged: Network, network: Network, decay: float) -> None:
    with torch.no_grad():
        for kept, new in zip(averaged.parameters(), network.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)
