"""What a workload usually does: quantiles of its own moves, as they were known at the last full hour.

A bursty function and a smooth database need other quantiles around the same median, and two hours of context do not
tell how wild a workload can be. Recomputed at each full hour of the clock, so that thousands of workloads share the
work over time and a forecast depends on its history alone. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from forecaster.forecast import HORIZON, LEVELS
from forecaster.past import Past, out_of_step
from forecaster.series import BoolArray, FloatArray, IntArray

Float32Array = NDArray[np.float32]

SPANS_DAYS = (1, 7)
GAPS = (1, 3, 7, 15)
"""Steps over which moves are taken; the horizons between them are interpolated."""
_MOST_SAMPLES = 1440
FEWEST = 20
"""Samples that quantiles are taken of; from fewer nothing follows about 0.95."""
_ROWS = 64
_BETWEEN = np.stack([np.interp(np.arange(1, HORIZON + 1), GAPS, row) for row in np.eye(len(GAPS))], axis=1)


class Usual:
    """The quantiles of one series' moves at every hour that was asked for."""

    def __init__(self, past: Past) -> None:
        self._past = past
        count = len(past.series) // past.hour + 2
        self._rows = np.zeros((count, len(SPANS_DAYS), len(GAPS), len(LEVELS)))
        self._enough = np.zeros((count, len(SPANS_DAYS)), dtype=bool)
        self._made = np.zeros(count, dtype=bool)
        self._moves = [past.move(gap).astype(np.float32) for gap in GAPS]  # half the bytes sort twice as fast

    def at(self, origins: IntArray) -> tuple[FloatArray, BoolArray]:
        """Quantiles of moves [B, spans, GAPS, levels] in the series' unit; [B, spans], were there enough to take them?

        Zero where a gap had too few; the flag is that of the longest gap.
        """
        tops = self._past.last_hour(origins)
        rows = -(-tops // self._past.hour)
        missing, first = np.unique(rows[~self._made[rows]], return_index=True)
        ends = tops[~self._made[rows]][first]
        for part in range(0, len(missing), _ROWS):
            self._make(missing[part : part + _ROWS], ends[part : part + _ROWS])
        return self._rows[rows], self._enough[rows]

    def _make(self, rows: IntArray, ends: IntArray) -> None:
        for s, days in enumerate(SPANS_DAYS):
            bins = ends[:, None] - 1 - drawn_bins(days * self._past.day, self._past.hour)
            inside = bins >= 0
            for g, moves in enumerate(self._moves):
                drawn = np.where(inside, moves[np.maximum(bins, 0)], np.float32(np.nan))
                self._rows[rows, s, g], self._enough[rows, s] = quantiles_of_rows(drawn)
        self._made[rows] = True


def usual_across(raw: Callable[[int, int], FloatArray], day: int, hour: int) -> tuple[FloatArray, BoolArray]:
    """As `Usual.at`, for W workloads at one full hour.

    raw(first, stop) gives the values [stop - first, W] of bins counted from that hour on, negative before it; NaN
    where one was not measured.
    """
    made, enough = [], []
    for days in SPANS_DAYS:
        bins = -1 - drawn_bins(days * day, hour)
        quantiles, flags = zip(*(quantiles_of_rows(moves) for moves in _drawn_moves(raw, bins, day)), strict=True)
        made.append(np.stack(quantiles, axis=1))
        enough.append(flags[-1])
    return np.stack(made, axis=1), np.stack(enough, axis=1)


def _drawn_moves(raw: Callable[[int, int], FloatArray], bins: IntArray, day: int) -> Iterator[np.ndarray]:
    """For each gap, moves [W, bins] in single precision; a day is read at a time."""
    drawn: list[list[np.ndarray]] = [[] for _ in GAPS]
    for part in np.split(bins, np.flatnonzero(np.diff(bins // day)) + 1):
        first = int(part[-1]) - max(GAPS)
        values = raw(first, int(part[0]) + 1)
        for moves, gap in zip(drawn, GAPS, strict=True):
            moves.append((values[part - first] - values[part - first - gap]).astype(np.float32))
    return (np.ascontiguousarray(np.concatenate(moves).T) for moves in drawn)


def over_the_horizon(quantiles: FloatArray) -> FloatArray:
    """[B, spans, HORIZON, levels], from those at GAPS."""
    at_steps: FloatArray = np.einsum("bsgl,hg->bshl", quantiles, _BETWEEN)
    return at_steps


def drawn_bins(span: int, hour: int) -> IntArray:
    """[drawn], how many bins before the last of `span` bins those lie that are drawn from it, the latest first."""
    return np.arange(0, span, out_of_step(span // _MOST_SAMPLES, hour))


def quantiles_of_rows(samples: Float32Array) -> tuple[FloatArray, BoolArray]:
    """([rows, levels], [rows]) of samples [rows, n], by linear interpolation between the order statistics.

    NaN does not count. A row with fewer than FEWEST gives zeros, and False.
    """
    ordered = np.sort(samples, axis=1)
    known = (~np.isnan(ordered)).sum(axis=1)
    enough = known >= FEWEST
    place = np.maximum(known - 1, 0)[:, None] * np.array(LEVELS)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(known - 1, 0)[:, None])
    below, above = (np.take_along_axis(ordered, k, axis=1).astype(np.float64) for k in (low, high))
    made = below + (above - below) * (place - low)
    return np.where(enough[:, None], made, 0.0), enough
