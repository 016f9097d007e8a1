"""Trains the network: read it top to bottom. Real and made-up series, pinball loss, one cosine, averaged weights.

Every series is used only up to its own cut; what comes after it is for measuring. A step draws a few series, a few
origins of each, and a random window for the peak head. Seeds are fixed; a run on the same machine repeats itself.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor, nn

from forecaster.forecast import HORIZON, LEVELS
from forecaster.network import Network, NetworkConfig
from forecaster.series import FloatArray, IntArray, Series
from forecaster.windows import CONTEXT, Inputs, Windows


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Two cores make about 700 steps a minute."""

    steps: int = 16_000
    series_per_step: int = 16
    origins_per_series: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    seed: int = 0
    real_share: float = 0.5
    """Share of the drawn series that are real; the rest is made up."""
    metric_weight: float = 0.75
    """1 weighs every bin by its absolute error, as the score does, so that peaks rule; 0 weighs all moments alike."""
    calendar_dropout: float = 0.25
    """Share of the drawn series that hide their clock: a workload's hours need not be those of the traces."""
    level_weights: tuple[float, ...] = (1, 1, 1, 1, 1, 1.5, 2, 2)
    """The upper levels are what capacity is bought for."""
    average: float = 0.999
    """Decay of the running mean of the weights, which is what is kept in the end."""


@dataclass(frozen=True, eq=False)
class Source:
    """One series to learn from: its windows, the origins that may be drawn, how large its usual error is."""

    windows: Windows
    stop: int
    usual_error: float
    real: bool

    @staticmethod
    def of(series: Series, share: float, real: bool) -> Source:
        """`share` of the series, counted from its start, may be seen; the targets lie in it too."""
        stop = int(share * len(series))
        seen = series.values[:stop]
        moves = np.abs(seen[HORIZON:] - seen[:-HORIZON])
        usual = float(np.nanmean(moves)) if np.isfinite(moves).any() else 1.0
        return Source(Windows(series.part(0, stop)), stop, max(usual, 1e-9), real)

    def draw(self, rng: np.random.Generator, count: int) -> IntArray:
        """[count] origins with a full context before and all targets after them, inside the cut."""
        first = CONTEXT + int(np.argmax(self.windows.series.known))
        return rng.integers(first, self.stop - HORIZON, size=count)


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step learns from: the inputs, the targets with their mask, windows, peaks and weights."""

    inputs: Inputs
    targets: Tensor
    windows: Tensor
    peaks: Tensor
    weights: Tensor


def train(
    sources: Sequence[Source],
    config: TrainConfig,
    network_config: NetworkConfig,
    on_step: Callable[[int, float], None] | None = None,
) -> Network:
    """A trained network, in evaluation mode, with the averaged weights. `on_step(step, loss)` is told of each step."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = Network(network_config)
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _schedule(step / config.steps)
        loss = batch_loss(network, draw_batch(sources, config, rng), config)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        _average(averaged, network, min(config.average, (step + 1) / (step + 10)))
        if on_step is not None:
            on_step(step + 1, float(loss.detach()))
    averaged.eval()
    return averaged


def batch_loss(network: Network, batch: Batch, config: TrainConfig) -> Tensor:
    """Pinball loss of all steps plus half of that of the peak, weighted by level and by moment.

    The weights depend only on what was known at the origin: weights that looked at the target would bend the quantiles.
    """
    x = batch.inputs
    quantiles, peak = network(
        torch.from_numpy(x.sequence), torch.from_numpy(x.features), torch.from_numpy(x.increments), batch.windows
    )
    levels = torch.tensor(LEVELS)
    by_level = torch.tensor(config.level_weights)
    steps = _pinball(batch.targets.unsqueeze(2) - quantiles, levels) * by_level
    peaks = _pinball(batch.peaks.unsqueeze(1) - peak, levels) * by_level
    return (steps.mean(dim=(1, 2)) * batch.weights).mean() + 0.5 * (peaks.mean(dim=1) * batch.weights).mean()


def draw_batch(sources: Sequence[Source], config: TrainConfig, rng: np.random.Generator) -> Batch:
    """Origins of a few series, with a random peak window each; series are drawn alike, whatever their length."""
    real = np.array([s.real for s in sources])
    share = config.real_share if real.any() and not real.all() else 1.0 if real.all() else 0.0
    odds = np.where(real, share / max(real.sum(), 1), (1 - share) / max((~real).sum(), 1))
    parts, targets, weights = [], [], []
    for pick in rng.choice(len(sources), config.series_per_step, p=odds):
        source = sources[pick]
        origins = source.draw(rng, config.origins_per_series)
        inputs = source.windows.inputs(origins)
        if rng.random() < config.calendar_dropout:
            inputs.features[:, -8:] = 0.0
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


def describe(config: TrainConfig, network_config: NetworkConfig) -> dict[str, object]:
    """Everything that a run depended on beside its data, for the model card."""
    return {"train": asdict(config), "network": asdict(network_config)}


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
