"""The demo's memory of what was scraped: bins that close as their ticks pass, appended to the history. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from controller.domain import Reading
from forecaster.series import Series


class Recorder:
    """Histories that grow. A bin's value is the mean of its ticks; a tick belongs to the bin that it starts in."""

    def __init__(self, history: Sequence[Series], tick: timedelta) -> None:
        self._series = {s.name: s for s in history}
        self._tick = tick
        self._open: dict[str, list[float]] = {s.name: [] for s in history}

    def record(self, values: Mapping[str, float]) -> bool:
        """Takes the values of the next tick; whether a bin of any signal is now over."""
        closed = False
        for name, series in self._series.items():
            ticks = self._open[name]
            ticks.append(values[name])
            if len(ticks) == series.step // self._tick:
                self._series[name] = replace(series, values=np.append(series.values, np.mean(ticks)))
                ticks.clear()
                closed = True
        return closed

    @property
    def series(self) -> tuple[Series, ...]:
        """The histories with every bin that is over."""
        return tuple(self._series.values())

    def readings(self, now: datetime, lag: timedelta) -> tuple[Reading, ...]:
        """The newest measured bin of each signal that is known at `now`; none where there is no such bin."""
        result = []
        for series in self._series.values():
            measured = np.flatnonzero(series.known[: series.origin(now - lag) + 1])
            if len(measured):
                newest = int(measured[-1])
                result.append(Reading(series.name, float(series.values[newest]), series.time(newest + 1)))
        return tuple(result)
