"""Small loads, and a forecaster that is good enough to act on, for the tests of the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from controller.simulation.load import TICK, Load, load_from_series
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts
from forecaster.series import Kind, Series, held

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SESSION = timedelta(minutes=20)


def connections(levels: Sequence[float], *, start: datetime = START, step: timedelta = MINUTE) -> Series:
    """A stock named "connections"; NaN is a gap."""
    return Series(start, step, np.array(levels, dtype=np.float64), Kind.STOCK, "connections")


def messages(rates: Sequence[float], *, start: datetime = START, step: timedelta = MINUTE) -> Series:
    """A flow named "messages"; NaN is a gap."""
    return Series(start, step, np.array(rates, dtype=np.float64), Kind.FLOW, "messages")


def a_load(*series: Series, seed: int = 0) -> Load:
    return load_from_series(series, TICK, SESSION, seed)


def wave(minutes: int, *, low: float = 60, high: float = 300, period: int = 120) -> list[float]:
    """A wave of connections, one value per minute."""
    phase = np.arange(minutes) * 2 * np.pi / period
    return [float(x) for x in low + (high - low) * (1 - np.cos(phase)) / 2]


class LastSlope:
    """Goes on as the last ten bins did. Uses the past alone; good enough to make a planner act."""

    @property
    def name(self) -> str:
        return "last-slope"

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        return [self._of(ask) for ask in asks]

    def _of(self, ask: Ask) -> Forecasts:
        values = held(ask.series.values)
        now = values[ask.origins]
        slope = (now - values[np.maximum(ask.origins - 10, 0)]) / 10
        steps = np.maximum(now[:, None] + np.nan_to_num(slope)[:, None] * np.arange(1, HORIZON + 1), 0)
        peak = steps[:, ask.window.first - 1 : ask.window.last].max(axis=1)
        return Forecasts(
            ask.origins,
            LEVELS,
            np.repeat(steps[:, :, None], len(LEVELS), axis=2),
            np.repeat(peak[:, None], len(LEVELS), axis=1),
            ask.window,
            self.name,
        )
