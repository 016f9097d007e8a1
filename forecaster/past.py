"""A series prepared once, so that what is asked of its past at any origin is a few look-ups. Pure: numpy only."""

from __future__ import annotations

import math

import numpy as np

from forecaster.errors import NoForecast
from forecaster.series import EPOCH, FloatArray, IntArray, Series, held


class Past:
    """Values, gaps and running sums of a series. A missing bin holds the value before it."""

    def __init__(self, series: Series) -> None:
        self.series = series
        self.day = series.bins_per_day
        self.hour = max(self.day // 24, 1)
        """Bins of an hour; the whole ones where a step does not divide it."""
        self.known = series.known
        self.first = int(np.argmax(self.known)) if self.known.any() else len(series)
        self._before = int((series.start - EPOCH) // series.step)
        self.phase = self._before % self.day
        """Bins from midnight (UTC) to the first bin."""
        self._held = held(series.values)
        self.present = running(self.known.astype(np.float64))
        self.sizes = running(np.where(self.known, np.abs(series.values), 0.0))
        # Sums of what lies near zero keep their digits.
        self._earliest = float(self._held[self.first]) if self.first < len(series) else 0.0
        self._from_earliest: FloatArray | None = None

    def check(self, origins: IntArray) -> None:
        """Raises NoForecast where an origin lies outside the series, or nothing was measured up to it."""
        if not len(origins):
            return
        first, last = int(origins.min()), int(origins.max())
        name, time = self.series.name, self.series.time
        if self.first == len(self.series):
            raise NoForecast(f"{name}: none of its {len(self.series)} bins was measured; give a history with values")
        if last >= len(self.series):
            raise NoForecast(f"{name}: an origin at {time(last)}; the series ends at {self.series.end}")
        if first < self.first:
            start = time(self.first)
            raise NoForecast(
                f"{name}: nothing measured at or before {time(first)}; the first known bin starts at {start}"
            )

    def at(self, index: IntArray) -> FloatArray:
        """Held values; before the first measured bin its value, which is what a flat past looks like."""
        return self._held[np.clip(index, self.first, len(self._held) - 1)]

    def mean(self, origins: IntArray, back: int) -> FloatArray:
        """[B], mean of the held values of the last `back` bins, of those since the first measured one."""
        if self._from_earliest is None:
            self._from_earliest = running(self.at(np.arange(len(self.series))) - self._earliest)
        first = np.maximum(origins + 1 - back, self.first)
        total: FloatArray = self._from_earliest[origins + 1] - self._from_earliest[first]
        return total / (origins + 1 - first) + self._earliest

    def every(self, stride: int, first: int, stop: int) -> IntArray:
        """Those of the bins first..stop-1 by whose end a multiple of `stride` has gone by since the epoch.

        The same ones wherever the history starts.
        """
        return np.arange(first - (first + 1 + self._before) % -stride, stop, stride)

    def is_known(self, index: IntArray) -> FloatArray:
        inside = index >= 0
        return np.where(inside, self.known[np.maximum(index, 0)], False).astype(np.float64)

    def last_hour(self, origins: IntArray) -> IntArray:
        """[B], the bin before which the clock's last full hour ended; all before it was known at the origin.

        Of a step that does not divide an hour, the last bin that had ended by then.
        """
        since_midnight = (origins + 1 + self.phase) % self.day
        full_hours = since_midnight * 24 // self.day
        bins: IntArray = np.maximum(origins + 1 - since_midnight + full_hours * self.day // 24, 0)
        return bins

    def midnight(self, origins: IntArray) -> IntArray:
        """[B], the bin that began with the last midnight (UTC) at or before the origin's end; may be negative."""
        bins: IntArray = origins + 1 - (origins + 1 + self.phase) % self.day
        return bins

    def move(self, gap: int) -> FloatArray:
        """[bins], how far the load had come in so many steps when each bin was over; NaN where one end is missing."""
        moves = np.full(len(self.series), np.nan)
        moves[gap:] = self.series.values[gap:] - self.series.values[:-gap]
        return moves


def running(values: FloatArray) -> FloatArray:
    """[bins + 1], sums of everything before each bin."""
    return np.concatenate([[0.0], np.cumsum(values)])


def mean_before(sums: FloatArray, counts: FloatArray, ends: IntArray, back: int) -> FloatArray:
    """[B], the mean over the `back` bins before each of `ends`, of those that count; 0 where none does."""
    first = np.maximum(ends - back, 0)
    mean: FloatArray = (sums[ends] - sums[first]) / np.maximum(counts[ends] - counts[first], 1.0)
    return mean


def out_of_step(stride: int, hour: int) -> int:
    """The least stride from this one on that shares no factor with an hour of so many bins; at least 1.

    In step with the hour, what is drawn would see a periodic job always or never.
    """
    stride = max(stride, 1)
    while math.gcd(stride, hour) > 1:
        stride += 1
    return stride
