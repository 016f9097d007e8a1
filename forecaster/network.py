"""The network: one LSTM over the last two hours, one head for all steps and quantiles, one for the peak of a window.

It starts as what it must not be worse than: the last level plus a little of what followed at this time on other days,
with narrow quantiles around it. Everything that it learns is a correction to that. Works in units of `Windows.inputs`:
relative to the last value, divided by the scale.

This file and `train.py`, `export.py` are the only ones that import torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from forecaster.forecast import HORIZON, LEVELS
from forecaster.windows import CHANNELS, CONTEXT, FEATURES, LAGS


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes. `fold` steps of the context enter the LSTM as one, side by side: a third of the time, nothing lost."""

    hidden: int = 96
    fold: int = 3
    wide: int = 192
    narrow: int = 128
    peak: int = 64


class Network(nn.Module):
    """(sequence, features, increments, window) -> (quantiles [B, HORIZON, levels], peak [B, levels]); both ascend."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(LEVELS)
        self.recurrent = nn.LSTM(CHANNELS * config.fold, config.hidden, batch_first=True)
        self.body = nn.Sequential(
            nn.Linear(config.hidden + FEATURES, config.wide),
            nn.SiLU(),
            nn.Linear(config.wide, config.narrow),
            nn.SiLU(),
        )
        self.gate = nn.Linear(config.narrow, len(LAGS) * HORIZON)
        self.correction = nn.Linear(config.narrow, HORIZON * levels)
        self.peak = nn.Sequential(
            nn.Linear(config.narrow + HORIZON + levels, config.peak), nn.SiLU(), nn.Linear(config.peak, levels)
        )
        self._start_as_the_best_simple_rule()

    def _start_as_the_best_simple_rule(self) -> None:
        """Corrections at zero, gates nearly shut, quantiles a little apart so that the gradient can tell them apart."""
        last = self.peak[-1]
        assert isinstance(last, nn.Linear)
        for layer in (self.gate, self.correction, last):
            nn.init.zeros_(layer.weight)
        nn.init.constant_(self.gate.bias, -2.0)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            self.correction.bias.copy_(torch.linspace(-0.1, 0.1, len(LEVELS)).repeat(HORIZON))

    def forward(self, sequence: Tensor, features: Tensor, increments: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
        """window [B, HORIZON]: 1 at the steps whose peak is asked for, 0 elsewhere; at least one step."""
        fold = self.config.fold
        folded = sequence.reshape(-1, CONTEXT // fold, CHANNELS * fold)  # [B, CONTEXT/fold, CHANNELS*fold]
        _, (state, _) = self.recurrent(folded)
        seen = self.body(torch.cat([state[0], features], dim=1))  # [B, narrow]
        gates = 1.5 * torch.sigmoid(self.gate(seen)).reshape(-1, len(LAGS), HORIZON)
        level = (gates * increments).sum(dim=1)  # [B, HORIZON]
        spread = torch.sinh(self.correction(seen).reshape(-1, HORIZON, len(LEVELS)).clamp(-6.0, 6.0))
        quantiles = torch.sort(level.unsqueeze(2) + spread, dim=2).values
        # The quantile of a maximum is at least the largest quantile of its parts; the head learns the rest.
        highest = (quantiles - 1e4 * (1.0 - window).unsqueeze(2)).amax(dim=1)  # [B, levels]
        above = self.peak(torch.cat([seen, window, torch.asinh(highest)], dim=1))
        peak = torch.sort(highest + torch.sinh(above.clamp(-6.0, 6.0)), dim=1).values
        return quantiles, peak
