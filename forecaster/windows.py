"""Turns a history and an origin into what the network sees. One implementation, for training and for serving.

Everything is relative to the last known value and divided by a scale that is known at the origin, so that a workload
a hundred times larger gives the same inputs. Nothing after an origin is read. A missing bin holds the value before it
and is marked as missing; a lag whose window was hardly measured counts as not there.

Works in steps, not in minutes: any step from a minute to five that divides a day. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON
from forecaster.series import EPOCH, FloatArray, IntArray, Series, held

Float32Array = NDArray[np.float32]

CONTEXT = 120
"""Steps before the origin that the recurrent part reads."""
BEFORE, AFTER = 15, 15
"""A lag's window reaches this many steps before the same moment then, and beyond the horizon after it."""
LAGS = ((1,), (2,), (7,), (14,), (1, 2, 3, 4, 5, 6, 7), (7, 14, 21, 28))
"""Days ago. A lag of several days is their mean: the usual shape, with the noise averaged out."""
SPREAD_STEPS = (1, 5, 15)
CHANNELS = 5
MIN_STEP, MAX_STEP = timedelta(minutes=1), timedelta(minutes=5)

_WINDOW = BEFORE + HORIZON + AFTER
_LAG_FEATURES = _WINDOW + 2
_OTHER_FEATURES = 21 + 8
FEATURES = len(LAGS) * _LAG_FEATURES + _OTHER_FEATURES
_PRESENT_SHARE = 0.8
_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the network sees of B origins.

    sequence    [B, CONTEXT, CHANNELS]: the last steps, the same steps a day and a week ago, the usual day, measured?
    features    [B, FEATURES]: the windows of all lags, spreads, recent means, calendar
    increments  [B, lags, HORIZON]: how the load went on then, in today's scale; zero where the lag is not there
    last        [B], the last known value; scale [B], positive
    """

    sequence: Float32Array
    features: Float32Array
    increments: Float32Array
    last: FloatArray
    scale: FloatArray

    @staticmethod
    def concatenate(parts: Sequence[Inputs]) -> Inputs:
        return Inputs(
            sequence=np.concatenate([p.sequence for p in parts]),
            features=np.concatenate([p.features for p in parts]),
            increments=np.concatenate([p.increments for p in parts]),
            last=np.concatenate([p.last for p in parts]),
            scale=np.concatenate([p.scale for p in parts]),
        )


class Windows:
    """A series prepared once, so that the inputs of any of its origins are a few look-ups."""

    def __init__(self, series: Series) -> None:
        if not MIN_STEP <= series.step <= MAX_STEP:
            raise NoForecast(
                f"{series.name}: a step of {series.step}; the network takes {MIN_STEP} to {MAX_STEP}: "
                "make a finer series coarser first, hold no coarser one up"
            )
        self.series = series
        self._held = held(series.values)
        known = series.known
        self._first = int(np.argmax(known)) if known.any() else len(series)
        self._day = series.bins_per_day
        self._present = _running(known.astype(np.float64))
        self._sum = _running(np.where(known, np.abs(series.values), 0.0))
        filled = np.where(known, series.values, 0.0)
        self._sum_of_increments, self._known_increments = [], []
        for gap in SPREAD_STEPS:
            both = known[gap:] & known[:-gap] if gap < len(series) else np.zeros(0, dtype=bool)
            size = np.where(both, np.abs(filled[gap:] - filled[:-gap]), 0.0) if gap < len(series) else np.zeros(0)
            pad = np.zeros(min(gap, len(series)))
            self._sum_of_increments.append(_running(np.concatenate([pad, size])))
            self._known_increments.append(_running(np.concatenate([pad, both.astype(np.float64)])))

    def inputs(self, origins: IntArray) -> Inputs:
        """Inputs of each origin. Raises NoForecast where nothing was measured up to an origin."""
        self._check(origins)
        context = self._at(origins[:, None] + np.arange(1 - CONTEXT, 1))
        last = context[:, -1]
        scale = self._scale(context, origins)
        relative = (context - last[:, None]) / scale[:, None]
        windows, levels, there = self._lagged(origins, last, scale)
        ago = [np.arcsinh(self._ago(origins, days, last, scale)) for days in ((1,), (7,), LAGS[4])]
        measured = self._is_known(origins[:, None] + np.arange(1 - CONTEXT, 1))
        sequence = np.stack([np.arcsinh(relative), *ago, measured], axis=2)
        lagged = np.concatenate([windows, levels[..., None], there[..., None]], axis=2)
        lagged = lagged.reshape(len(origins), len(LAGS) * _LAG_FEATURES)
        features = np.concatenate(
            [np.arcsinh(lagged), self._spreads(origins, relative, last, scale), self._calendar(origins)], axis=1
        )
        return Inputs(
            sequence=sequence.astype(np.float32),
            features=features.astype(np.float32),
            increments=windows[:, :, BEFORE : BEFORE + HORIZON].astype(np.float32),
            last=last,
            scale=scale,
        )

    def targets(self, origins: IntArray) -> FloatArray:
        """[B, HORIZON], what came after each origin in the series' own unit; NaN where it is missing or not over."""
        index = origins[:, None] + np.arange(1, HORIZON + 1)
        inside = index < len(self.series)
        return np.where(inside, self.series.values[np.minimum(index, len(self.series) - 1)], np.nan)

    def _check(self, origins: IntArray) -> None:
        if not len(origins):
            return
        first, last = int(origins.min()), int(origins.max())
        name, time = self.series.name, self.series.time
        if self._first == len(self.series):
            raise NoForecast(f"{name}: none of its {len(self.series)} bins was measured; give a history with values")
        if last >= len(self.series):
            raise NoForecast(f"{name}: an origin at {time(last)}; the series ends at {self.series.end}")
        if first < self._first:
            start = time(self._first)
            raise NoForecast(
                f"{name}: nothing measured at or before {time(first)}; the first known bin starts at {start}"
            )

    def _at(self, index: IntArray) -> FloatArray:
        """Held values; before the first measured bin its value, which is what a flat past looks like."""
        return self._held[np.clip(index, self._first, len(self._held) - 1)]

    def _is_known(self, index: IntArray) -> FloatArray:
        inside = index >= 0
        return np.where(inside, self.series.known[np.maximum(index, 0)], False).astype(np.float64)

    def _mean(self, running: FloatArray, counts: FloatArray, origins: IntArray, back: int) -> FloatArray:
        start = np.maximum(origins + 1 - back, 0)
        return (running[origins + 1] - running[start]) / np.maximum(counts[origins + 1] - counts[start], 1.0)

    def _scale(self, context: FloatArray, origins: IntArray) -> FloatArray:
        """[B], how large this load is around now; a quiet stretch does not make a workload infinitely small."""
        day = self._mean(self._sum, self._present, origins, self._day)
        week = self._mean(self._sum, self._present, origins, 7 * self._day)
        scale = np.maximum.reduce([np.abs(context).mean(axis=1), context.std(axis=1), 0.1 * day, 0.03 * week])
        return np.where(scale > _TINY, scale, 1.0)

    def _there(self, origins: IntArray, lag: int) -> FloatArray:
        """[B], 1 where the lag's window lies inside the history and was measured nearly everywhere."""
        first, stop = origins - lag - BEFORE + 1, origins - lag + HORIZON + AFTER + 1
        inside = first >= self._first
        share = (self._present[np.maximum(stop, 0)] - self._present[np.maximum(first, 0)]) / _WINDOW
        return (inside & (share >= _PRESENT_SHARE)).astype(np.float64)

    def _lagged(
        self, origins: IntArray, last: FloatArray, scale: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """[B, lags, _WINDOW], windows less their level; [B, lags], that level less today's; [B, lags], is it there?"""
        offsets = np.arange(1 - BEFORE, HORIZON + AFTER + 1)
        single: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}
        for days in sorted({d for lag in LAGS for d in lag}):
            lag = days * self._day
            there = self._there(origins, lag)
            base = self._at(origins - lag)
            window = (self._at(origins[:, None] - lag + offsets) - base[:, None]) / scale[:, None]
            single[days] = (window * there[:, None], (base - last) / scale * there, there)
        windows, levels, flags = [], [], []
        for lag_days in LAGS:
            counts = np.maximum(sum(single[d][2] for d in lag_days), 1.0)
            windows.append(sum(single[d][0] for d in lag_days) / counts[:, None])
            levels.append(sum(single[d][1] for d in lag_days) / counts)
            flags.append(sum(single[d][2] for d in lag_days) / len(lag_days))
        return np.stack(windows, axis=1), np.stack(levels, axis=1), np.stack(flags, axis=1)

    def _ago(self, origins: IntArray, days: Sequence[int], last: FloatArray, scale: FloatArray) -> FloatArray:
        """[B, CONTEXT], the context's steps so many days ago, in today's units; the mean over those days there."""
        total = np.zeros((len(origins), CONTEXT))
        counts = np.zeros(len(origins))
        for day in days:
            lag = day * self._day
            there = (origins - lag - CONTEXT >= self._first).astype(np.float64)
            steps = self._at(origins[:, None] - lag + np.arange(1 - CONTEXT, 1))
            total += (steps - last[:, None]) / scale[:, None] * there[:, None]
            counts += there
        return total / np.maximum(counts, 1.0)[:, None]

    def _spreads(self, origins: IntArray, relative: FloatArray, last: FloatArray, scale: FloatArray) -> FloatArray:
        """[B, 21]: how far this load moves in 1, 5 and 15 steps, lately and usually; recent means; age of the value."""
        columns: list[FloatArray] = []
        for running, counts in zip(self._sum_of_increments, self._known_increments, strict=True):
            columns += [
                np.log((self._mean(running, counts, origins, back) / scale) + 1e-3)
                for back in (CONTEXT, self._day, 7 * self._day)
            ]
        columns += [relative[:, -k:].mean(axis=1) for k in (5, 15, 60)]
        columns += [relative.max(axis=1), relative.min(axis=1), relative.std(axis=1)]
        columns += [
            (self._mean(self._sum, self._present, origins, back) - last) / scale for back in (self._day, 7 * self._day)
        ]
        columns.append(np.minimum(self._present[origins + 1] / self._day, 28.0) / 28.0)
        columns.append(1.0 - self._is_known(origins))
        columns.append(self._is_known(origins[:, None] + np.arange(1 - CONTEXT, 1)).mean(axis=1))
        columns.append(np.full(len(origins), np.log(self.series.step / MIN_STEP)))
        return np.arcsinh(np.stack(columns, axis=1))

    def _calendar(self, origins: IntArray) -> FloatArray:
        """[B, 8]: sine and cosine of the time of day, of half a day, of the hour and of the week, of the next step."""
        step_s = self.series.step.total_seconds()
        seconds = (self.series.start - EPOCH).total_seconds() + (origins + 1) * step_s
        angles = [2 * np.pi * seconds / period for period in (86400.0, 43200.0, 3600.0, 604800.0)]
        return np.stack([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)


def _running(values: FloatArray) -> FloatArray:
    """[bins + 1], sums of everything before each bin."""
    return np.concatenate([[0.0], np.cumsum(values)])
