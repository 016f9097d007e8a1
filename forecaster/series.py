"""A history on a regular grid, in which a missing bin is missing and never zero.

A row's timestamp is the start of its bin; its value is the bin's mean (stock) or rate (flow); a bin is known when it
is over. Grids are aligned with the Unix epoch, so that two signals of one step share their bins.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import BadHistory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(enum.StrEnum):
    """What a signal measures: a level that stays until it changes, or events per unit of time."""

    STOCK = "Stock"
    FLOW = "Flow"


@dataclass(frozen=True, eq=False)
class Series:
    """One signal on a regular grid.

    start   start of the first bin, aware and in UTC
    step    width of a bin; a day is a whole number of steps
    values  [bins], NaN where nothing was measured
    """

    start: datetime
    step: timedelta
    values: FloatArray
    kind: Kind = Kind.FLOW
    name: str = "value"

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None:
            raise BadHistory(f"{self.name}: the start {self.start} has no time zone; give it in UTC")
        if self.step <= timedelta(0) or DAY % self.step:
            raise BadHistory(
                f"{self.name}: a step of {self.step} does not divide a day; use for example 1 min or 5 min"
            )
        if self.values.ndim != 1:
            raise BadHistory(f"{self.name}: values of shape {self.values.shape}; expected one dimension, [bins]")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> datetime:
        """End of the last bin, which is when the whole series is known."""
        return self.time(len(self))

    @property
    def bins_per_day(self) -> int:
        return DAY // self.step

    @property
    def known(self) -> BoolArray:
        """[bins], whether a bin was measured."""
        return ~np.isnan(self.values)

    def time(self, index: int) -> datetime:
        """Start of bin `index`, which may lie outside the series."""
        return self.start + index * self.step

    def index(self, at: datetime) -> int:
        """Bin that contains `at`; may lie outside the series."""
        return (at - self.start) // self.step

    def origin(self, now: datetime) -> int:
        """The last bin that is over at `now`, at most the last of the series; -1 where none is."""
        return min(self.index(now) - 1, len(self) - 1)

    def part(self, first: int, stop: int) -> Series:
        """Bins first..stop-1 as a series of their own."""
        return replace(self, start=self.time(first), values=self.values[first:stop])

    def scaled(self, factor: float) -> Series:
        return replace(self, values=self.values * factor)

    def coarser(self, step: timedelta) -> Series:
        """The same signal with wider bins, each the mean of those of its parts that are known.

        A bin of which less than half was measured is missing. The last, unfinished bin is left out.
        """
        if step == self.step:
            return self
        if step < self.step or step % self.step:
            raise BadHistory(f"{self.name}: cannot turn bins of {self.step} into bins of {step}; take a multiple")
        group = step // self.step
        lead = ((self.start - EPOCH) % step) // self.step
        padded = np.concatenate([np.full(lead, np.nan), self.values])
        blocks = padded[: len(padded) // group * group].reshape(-1, group)
        counts = (~np.isnan(blocks)).sum(axis=1)
        sums = np.nansum(blocks, axis=1)
        values = np.where(2 * counts >= group, sums / np.maximum(counts, 1), np.nan)
        return replace(self, start=self.start - lead * self.step, step=step, values=values)


def held(values: FloatArray) -> FloatArray:
    """[bins], each missing value replaced by the last one known before it; NaN only before the first."""
    known = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
