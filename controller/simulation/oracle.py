"""A forecaster that reads the future. It shows in a replay what the best forecast could be worth, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts
from forecaster.series import held


class Perfect:
    """USES THE FUTURE: every quantile is what really came; a gap, and what follows the end, holds the value before."""

    @property
    def name(self) -> str:
        return "perfect"

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """One answer per ask. Raises NoForecast where nothing was measured at or before an origin."""
        return [_truth(ask) for ask in asks]


def _truth(ask: Ask) -> Forecasts:
    values = held(ask.series.values)
    if np.isnan(values[ask.origins]).any():
        raise NoForecast(f"{ask.series.name}: no measured bin at or before an origin; start later")
    steps = np.minimum(ask.origins[:, None] + np.arange(1, HORIZON + 1), len(values) - 1)
    future = values[steps]
    peak = future[:, ask.window.first - 1 : ask.window.last].max(axis=1)
    return Forecasts(
        origins=ask.origins,
        levels=LEVELS,
        quantiles=np.repeat(future[:, :, None], len(LEVELS), axis=2),
        peak=np.repeat(peak[:, None], len(LEVELS), axis=1),
        window=ask.window,
        model="perfect",
    )
