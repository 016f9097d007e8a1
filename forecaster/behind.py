"""What lies behind an origin, read in one of two ways: along one series at many origins, or across many series at one.

Whatever the network is told is arithmetic on these few look-ups, so training, a backtest and a tick with thousands of
workloads share it. Offsets are bins from the origin: 0 is the last known bin, negative ones lie before it. Pure: numpy
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np

from forecaster.past import Past
from forecaster.series import EPOCH, BoolArray, FloatArray, IntArray


class Behind(Protocol):
    """What B origins look back on. Whoever asks for offsets after 0 gets what a lag had after it, never a future."""

    @property
    def step(self) -> timedelta: ...

    @property
    def age(self) -> IntArray:
        """[B], bins from the first measured one to the origin."""
        ...

    @property
    def clock(self) -> IntArray:
        """[B], bins from the epoch to the origin."""
        ...

    def held(self, first: int, stop: int) -> FloatArray:
        """[B, stop - first], values; a missing one is the one before it, and before the first measured one, that."""
        ...

    def known(self, first: int, stop: int) -> FloatArray:
        """[B, stop - first], 1 where a bin was measured, else 0."""
        ...

    def share(self, first: int, stop: int) -> FloatArray:
        """[B], which share of these bins was measured."""
        ...

    def means(self, backs: Sequence[int]) -> FloatArray:
        """[B, backs], means of the held values of the last so many bins, of those since the first measured one."""
        ...


class Along:
    """One series at many origins, none before its first measured bin."""

    def __init__(self, past: Past, origins: IntArray) -> None:
        self._past, self._origins = past, origins
        self.step = past.series.step
        self.age: IntArray = origins - past.first
        self.clock: IntArray = origins + (past.series.start - EPOCH) // past.series.step

    def held(self, first: int, stop: int) -> FloatArray:
        return self._past.at(self._origins[:, None] + np.arange(first, stop))

    def known(self, first: int, stop: int) -> FloatArray:
        return self._past.is_known(self._origins[:, None] + np.arange(first, stop))

    def share(self, first: int, stop: int) -> FloatArray:
        ends = np.clip([self._origins + first, self._origins + stop], 0, len(self._past.series))
        measured = self._past.present[ends]
        share: FloatArray = (measured[1] - measured[0]) / (stop - first)
        return share

    def means(self, backs: Sequence[int]) -> FloatArray:
        return np.stack([self._past.mean(self._origins, back) for back in backs], axis=1)


@dataclass(frozen=True, eq=False)
class Block:
    """Bins first..first + n - 1, as offsets from the origin, of B workloads; arrays [n, B], a row a bin.

    held is NaN before a workload's first measured bin.
    """

    first: int
    held: FloatArray
    known: BoolArray

    def rows(self, first: int, stop: int) -> slice | None:
        """Where these offsets lie; None where not all of them are here."""
        inside = self.first <= first and stop <= self.first + len(self.held)
        return slice(first - self.first, stop - self.first) if inside else None

    def of(self, columns: slice | IntArray) -> Block:
        """The same bins of some of the workloads."""
        return Block(self.first, self.held[:, columns], self.known[:, columns])


def find(blocks: Sequence[Block], first: int, stop: int) -> tuple[FloatArray, BoolArray]:
    """Held values and whether they were measured, [stop - first, B] each."""
    for block in blocks:
        if (rows := block.rows(first, stop)) is not None:
            return block.held[rows], block.known[rows]
    raise AssertionError(f"offsets {first}..{stop - 1} are in no block")


def raw(blocks: Sequence[Block], first: int, stop: int) -> FloatArray:
    """[stop - first, B], the values; NaN where one was not measured."""
    held, known = find(blocks, first, stop)
    return np.where(known, held, np.nan)


@dataclass(frozen=True, eq=False)
class Across:
    """Many workloads at one origin, each measured at least once; its blocks hold every offset that is asked for.

    What it gives are views of rows, turned, so that arithmetic on them runs along the memory.

    at          bins from the epoch to the origin
    age         [B]
    earliest    [B], the first measured value
    long_means  means that reach further back than a block, [B] for each number of bins
    """

    step: timedelta
    at: int
    age: IntArray
    earliest: FloatArray
    blocks: Sequence[Block]
    long_means: Mapping[int, FloatArray]

    @property
    def clock(self) -> IntArray:
        return np.full(len(self.age), self.at)

    def held(self, first: int, stop: int) -> FloatArray:
        held = find(self.blocks, first, stop)[0].T
        if len(self.age) and first < -int(self.age.min()):
            return np.where(np.isnan(held), self.earliest[:, None], held)
        return held

    def known(self, first: int, stop: int) -> FloatArray:
        return find(self.blocks, first, stop)[1].T.astype(np.float64)

    def share(self, first: int, stop: int) -> FloatArray:
        share: FloatArray = find(self.blocks, first, stop)[1].sum(axis=0) / (stop - first)
        return share

    def means(self, backs: Sequence[int]) -> FloatArray:
        near = [back for back in backs if back not in self.long_means]
        moves = self.held(1 - max(near), 1)[:, ::-1] - self.earliest[:, None]
        sums = np.cumsum(np.where(np.arange(max(near)) <= self.age[:, None], moves, 0.0), axis=1)
        made = {back: sums[:, back - 1] / np.minimum(back, self.age + 1) + self.earliest for back in near}
        made.update(self.long_means)
        return np.stack([made[back] for back in backs], axis=1)

    def of(self, columns: slice | IntArray) -> Across:
        """Some of the workloads."""
        means = {back: mean[columns] for back, mean in self.long_means.items()}
        blocks = [block.of(columns) for block in self.blocks]
        return Across(self.step, self.at, self.age[columns], self.earliest[columns], blocks, means)
