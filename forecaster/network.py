"""The network: one LSTM over the last two hours, one head for all steps and quantiles, one for the peak of a window.

It starts as what it must not be worse than: the last level plus a little of every candidate move, with this workload's
own usual spread around it. Everything that it learns is whom to trust, and a correction to that.
Works in units of `Windows.inputs`: relative to the last value, divided by the scale.

This file and `train.py`, `export.py` are the only ones that import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from forecaster.forecast import HORIZON, LEVELS
from forecaster.windows import (
    CANDIDATE_PARTS,
    CANDIDATES,
    CHANNEL_PARTS,
    CHANNELS,
    CONTEXT,
    FEATURE_PARTS,
    FEATURES,
    SPREAD_PARTS,
    SPREADS,
)


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes. `fold` steps of the context enter the LSTM as one, side by side: a quarter of the time at equal error."""

    hidden: int = 96
    fold: int = 10
    wide: int = 192
    narrow: int = 128
    peak: int = 64
    dropout: float = 0.1
    blind: tuple[str, ...] = ()
    """Parts of the input that it does not see, by their names in `windows`: to measure what each is worth."""


class Network(nn.Module):
    """(sequence, features, increments, usual, window) -> (quantiles [B, HORIZON, levels], peak [B, levels])."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(LEVELS)
        self.recurrent = nn.LSTM(CHANNELS * config.fold, config.hidden, batch_first=True)
        self.body = nn.Sequential(
            nn.Linear(config.hidden + FEATURES, config.wide),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.wide, config.narrow),
            nn.SiLU(),
        )
        self.gate = nn.Linear(config.narrow, CANDIDATES * HORIZON)
        self.spread = nn.Linear(config.narrow, SPREADS * (HORIZON + levels))
        self.correction = nn.Linear(config.narrow, HORIZON * levels)
        self.peak = nn.Sequential(
            nn.Linear(config.narrow + HORIZON + levels, config.peak), nn.SiLU(), nn.Linear(config.peak, levels)
        )
        if unknown := set(config.blind) - {*CHANNEL_PARTS, *FEATURE_PARTS, *CANDIDATE_PARTS, *SPREAD_PARTS}:
            raise ValueError(
                f"blind to {', '.join(sorted(unknown))}; expected parts of the input, as `windows` names them"
            )
        for name, size, parts in (
            ("channels", CHANNELS, CHANNEL_PARTS),
            ("features", FEATURES, FEATURE_PARTS),
            ("candidates", CANDIDATES, CANDIDATE_PARTS),
            ("spreads", SPREADS, SPREAD_PARTS),
        ):
            self.register_buffer(f"sees_{name}", _sees(size, parts, config.blind), persistent=False)
        self._start_as_the_best_simple_rule()

    def _start_as_the_best_simple_rule(self) -> None:
        """Corrections at zero, gates nearly shut, quantiles a little apart so that the gradient can tell them apart."""
        last = self.peak[-1]
        assert isinstance(last, nn.Linear)
        for layer in (self.gate, self.spread, self.correction, last):
            nn.init.zeros_(layer.weight)
        nn.init.constant_(self.gate.bias, -2.0)
        nn.init.zeros_(last.bias)
        # A product of two shares for each spread: together one time their mean.
        nn.init.constant_(self.spread.bias, SPREADS**-0.5)
        with torch.no_grad():
            self.correction.bias.copy_(torch.linspace(-0.01, 0.01, len(LEVELS)).repeat(HORIZON))

    def forward(
        self, sequence: Tensor, features: Tensor, increments: Tensor, usual: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor]:
        """window [B, HORIZON]: 1 at the steps whose peak is asked for, 0 elsewhere; at least one step."""
        fold = self.config.fold
        if self.config.blind:
            sequence, features = sequence * self.sees_channels, features * self.sees_features
            increments = increments * self.sees_candidates.unsqueeze(1)
            usual = usual * self.sees_spreads.reshape(-1, 1, 1)
        folded = sequence.reshape(-1, CONTEXT // fold, CHANNELS * fold)  # [B, CONTEXT/fold, CHANNELS*fold]
        _, (state, _) = self.recurrent(folded)
        seen = self.body(torch.cat([state[0], features], dim=1))  # [B, narrow]
        gates = 1.5 * torch.sigmoid(self.gate(seen)).reshape(-1, CANDIDATES, HORIZON)
        level = (gates * increments).sum(dim=1)  # [B, HORIZON]
        correction = torch.sinh(self.correction(seen).reshape(-1, HORIZON, len(LEVELS)).clamp(-6.0, 6.0))
        quantiles = torch.sort(level.unsqueeze(2) + self._own_spread(seen, usual) + correction, dim=2).values
        # The quantile of a maximum is at least the largest quantile of its parts; the head learns the rest.
        highest = (quantiles - 1e4 * (1.0 - window).unsqueeze(2)).amax(dim=1)  # [B, levels]
        above = self.peak(torch.cat([seen, window, torch.asinh(highest)], dim=1))
        peak = torch.sort(highest + torch.sinh(above.clamp(-6.0, 6.0)), dim=1).values
        return quantiles, peak

    def _own_spread(self, seen: Tensor, usual: Tensor) -> Tensor:
        """[B, HORIZON, levels]: each spread of `usual` times a share per step and one per level."""
        by_step, by_level = self.spread(seen).split([SPREADS * HORIZON, SPREADS * len(LEVELS)], dim=1)
        by_step = by_step.reshape(-1, SPREADS, HORIZON, 1)
        by_level = by_level.reshape(-1, SPREADS, 1, len(LEVELS))
        return (by_step * by_level * usual).sum(dim=1)


def _sees(size: int, parts: Mapping[str, slice], blind: tuple[str, ...]) -> Tensor:
    """[size], 0 at the parts that are hidden, 1 elsewhere."""
    sees = torch.ones(size)
    for name in blind:
        sees[parts.get(name, slice(0))] = 0.0
    return sees
