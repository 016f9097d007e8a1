"""How old the metrics are that an HPA sees: a scrape now and then, a rate over its window, and the way to the reader.

A level is of the moment of its scrape. A rate is of the time before it: the ticks that were over by then, of which the
newest is the one before the scrape's. The HPA's own sync comes on top: it reads once a tick and acts until the next.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from controller.simulation.load import Load
from controller.simulation.world import WorldSettings
from forecaster.series import FloatArray, IntArray


class MetricLag:
    """The total of each signal as the metrics API gives it, tick by tick. A gap of the load is not looked across."""

    def __init__(self, load: Load, settings: WorldSettings) -> None:
        beginnings = np.array(load.beginnings)
        ticks = np.arange(len(load))
        first = beginnings[np.searchsorted(beginnings, ticks, side="right") - 1]
        shown = _scrapes(ticks, load, settings)
        window = max(1, settings.rate_window // load.tick)
        self._stock = load.stock
        self._shown: list[int] = np.where(shown < first, -1, shown).tolist()
        over = np.maximum(shown - 1, first)
        self._at_rest = np.zeros(0) if load.stock is None else load.signals[load.stock][first]
        self._levels: list[int] = []
        self._flows: dict[str, list[float]] = {
            name: _means(row, window, first)[over].tolist() for name, row in load.signals.items() if name != load.stock
        }

    def seen(self, tick: int, connections: int) -> Mapping[str, float]:
        """What is shown at a tick, the next one after that of the last call, at which so many are connected.

        Before there is anything to see, it is what the world was at rest under.
        """
        seen = {name: row[tick] for name, row in self._flows.items()}
        if self._stock is not None:
            self._levels.append(connections)
            shown = self._shown[tick]
            seen[self._stock] = float(self._levels[shown] if shown >= 0 else self._at_rest[tick])
        return seen


def _scrapes(ticks: IntArray, load: Load, settings: WorldSettings) -> IntArray:
    """[ticks], the tick of the newest scrape that can be read at each; negative where that was before the load."""
    lag = -(-settings.metric_lag // load.tick)
    apart = max(1, -(-settings.scrape_interval // load.tick))
    return (ticks - lag) // apart * apart


def _means(row: FloatArray, window: int, first: IntArray) -> FloatArray:
    """[ticks], the mean over the window that ends with each tick, no further back than `first`."""
    if window == 1:
        return row
    sums = np.concatenate([[0.0], np.cumsum(row)])
    ends = np.arange(1, len(row) + 1)
    begins = np.maximum(ends - window, first)
    means: FloatArray = (sums[ends] - sums[begins]) / (ends - begins)
    return means
