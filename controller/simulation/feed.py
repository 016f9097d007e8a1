"""What the planner knows at a moment of a replay: forecasts made ahead of it, handed out only when they were due.

A forecast depends on the history and not on what the scaler does, so that all of them can be made in one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np

from controller.decision.capacity import planning_window
from controller.domain import Policy, Reading
from forecaster.errors import NoForecast
from forecaster.forecast import Ask, Forecast, Forecaster, Forecasts
from forecaster.series import EPOCH, Series


class Knowledge(NamedTuple):
    """The newest reading and forecast of each signal that has one."""

    readings: tuple[Reading, ...] = ()
    forecasts: tuple[Forecast, ...] = ()


class ForecastFeed(Protocol):
    """Anything that tells a replay what the planner knows."""

    def at(self, now: datetime) -> Knowledge:
        """What is known at `now`."""
        ...


class Channel:
    """One signal's history with the forecasts from its bins."""

    def __init__(self, series: Series, forecasts: Forecasts) -> None:
        """`forecasts` are of `series`, their origins ascending."""
        self.series = series
        self._forecasts = forecasts
        self._newest_known = np.maximum.accumulate(np.where(series.known, np.arange(len(series)), -1))

    def reading(self, origin: int) -> tuple[Reading, ...]:
        """The newest measured bin up to `origin`; none before the first."""
        newest = int(self._newest_known[origin]) if origin >= 0 else -1
        if newest < 0:
            return ()
        value = float(self.series.values[newest])
        return (Reading(self.series.name, value, self.series.time(newest + 1)),)

    def forecast(self, origin: int) -> tuple[Forecast, ...]:
        """The newest forecast from a bin up to `origin`; none before the first."""
        row = int(np.searchsorted(self._forecasts.origins, origin, side="right")) - 1
        return (self._forecasts.at(row, self.series),) if row >= 0 else ()


class PrecomputedFeed:
    """Forecasts of several signals; a bin is known `metric_lag` after its end. Without channels: the HPA alone."""

    def __init__(self, channels: Sequence[Channel], metric_lag: timedelta) -> None:
        self._channels = tuple(channels)
        self._lag = metric_lag
        self._knowledge = Knowledge()
        self._since = self._until = EPOCH

    def at(self, now: datetime) -> Knowledge:
        """What is known at `now`; the same value until the next bin of any signal is known."""
        if not self._since <= now < self._until:
            pairs = [(channel, channel.series.origin(now - self._lag)) for channel in self._channels]
            self._knowledge = Knowledge(
                tuple(reading for channel, origin in pairs for reading in channel.reading(origin)),
                tuple(forecast for channel, origin in pairs for forecast in channel.forecast(origin)),
            )
            steps = [one.series.time(one.series.index(now - self._lag) + 1) + self._lag for one in self._channels]
            self._since, self._until = now, min(steps, default=now)
        return self._knowledge


def feed_from(
    forecaster: Forecaster, series: Sequence[Series], policy: Policy, metric_lag: timedelta, since: datetime
) -> PrecomputedFeed:
    """A feed for a replay that begins at `since`: a forecast from every bin that can be the newest one then or later.

    Raises NoForecast where a series has no measured bin.
    """
    asks = []
    for one in series:
        if not one.known.any():
            raise NoForecast(f"{one.name}: no bin was measured, so nothing can be forecast; give a longer history")
        first = max(int(np.argmax(one.known)), min(one.index(since - metric_lag) - 1, len(one) - 1))
        window = planning_window(policy, one.step, metric_lag)
        asks.append(Ask(one, np.arange(first, len(one)), window))
    answers = forecaster.forecast(asks)
    return PrecomputedFeed([Channel(ask.series, answer) for ask, answer in zip(asks, answers, strict=True)], metric_lag)
