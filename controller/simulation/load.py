"""What the users do, tick by tick, whatever the scaler answers: offered signals, and connections opened and closed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from forecaster.errors import BadHistory
from forecaster.forecast import HORIZON
from forecaster.series import BoolArray, FloatArray, IntArray, Kind, Series, held

TICK = timedelta(seconds=15)
MOST_CONNECTIONS = 10**9 - 1


class Gap(NamedTuple):
    """Ticks `first` to `stop` - 1, in which the load was not measured for longer than a forecast reaches."""

    first: int
    stop: int


@dataclass(frozen=True, eq=False)
class Load:
    """The offered load on a grid of ticks; each value holds from its tick to the next.

    signals  name -> [ticks], in the unit of the signal: the level of a stock, the rate of a flow
    stock    the signal whose level is whole connections, None where there is none
    opens    [ticks], connections that users open at each tick; level[k] = level[k - 1] + opens[k] - closes[k]
    closes   [ticks], connections that users close at each tick, before any opens
    known    [ticks], whether the load was measured; other ticks are played and not scored
    gaps     stretches so long without a measurement that nobody could know what follows; after each, a replay begins
             anew
    """

    start: datetime
    tick: timedelta
    signals: Mapping[str, FloatArray]
    stock: str | None
    opens: IntArray
    closes: IntArray
    known: BoolArray
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.tick <= timedelta(0):
            raise ValueError(
                f"a load from {self.start} in ticks of {self.tick}; give the start in UTC, the tick above 0"
            )
        lengths = {len(row) for row in (self.opens, self.closes, self.known, *self.signals.values())}
        if not self.signals or len(lengths) != 1 or lengths == {0}:
            raise ValueError(
                f"a load of {len(self.signals)} signals with rows of {sorted(lengths)} ticks; they must agree"
            )
        if self.stock is None:
            return
        level = self.signals[self.stock]
        if not (np.diff(level) == (self.opens - self.closes)[1:]).all() or self.initial < 0:
            raise ValueError(f"{self.stock}: the level does not follow from the opens and closes")

    def __len__(self) -> int:
        return len(self.known)

    def time(self, tick: int) -> datetime:
        """When tick number `tick` happens."""
        return self.start + tick * self.tick

    @property
    def beginnings(self) -> tuple[int, ...]:
        """The ticks at which a replay begins: the first, and the first after each gap."""
        return (0, *(gap.stop for gap in self.gaps if gap.stop < len(self)))

    @property
    def initial(self) -> int:
        """Connections that are open before the first tick."""
        return self.open_before(0)

    def open_before(self, tick: int) -> int:
        """Connections that are open before a tick."""
        if self.stock is None:
            return 0
        return int(self.signals[self.stock][tick] - self.opens[tick] + self.closes[tick])


def load_from_series(series: Sequence[Series], tick: timedelta, session: timedelta, seed: int) -> Load:
    """The time that all series share, each bin held over its ticks.

    A missing bin holds the value before it and is marked unknown. What is missing for longer than a forecast reaches is
    a gap; its last tick takes the value after it, so that a change that nobody saw happens within the gap. At most one
    series may be a stock: its level is rounded to whole connections, and beside the level's change, a part
    tick / session of the connections closes and is opened anew at each tick. Raises BadHistory where the series cannot
    be one load.
    """
    start, stop = max((s.start for s in series), default=None), min((s.end for s in series), default=None)
    if start is None or stop is None or start >= stop:
        raise BadHistory(f"{_names(series)}: no time is covered by all; give series that overlap")
    stocks = [s for s in series if s.kind is Kind.STOCK]
    if len(stocks) > 1:
        raise BadHistory(f"{_names(stocks)}: several stocks; connections can only be of one")
    rows = {s.name: _on_ticks(s, tick, start, stop) for s in series}
    if len(rows) != len(series):
        raise BadHistory(f"{_names(series)}: a name is given twice; each signal needs its own")
    known = np.logical_and.reduce([~np.isnan(row) for row in rows.values()])
    gaps = _gaps(known, HORIZON * max(s.step for s in series) // tick)
    signals = {s.name: _filled(s, rows[s.name], gaps) for s in series}
    opens = closes = np.zeros(len(known), dtype=np.int64)
    stock = stocks[0].name if stocks else None
    if stock is not None:
        signals[stock] = np.rint(signals[stock])
        opens, closes = _turnover(signals[stock].astype(np.int64), tick / session, seed)
    return Load(start, tick, signals, stock, opens, closes, known, gaps)


def _on_ticks(series: Series, tick: timedelta, start: datetime, stop: datetime) -> FloatArray:
    """[ticks], NaN where nothing was measured."""
    if series.step % tick:
        raise BadHistory(f"{series.name}: bins of {series.step} are not whole ticks of {tick}; take coarser bins")
    row = np.repeat(series.values, series.step // tick)
    return row[(start - series.start) // tick : (stop - series.start) // tick]


def _gaps(known: BoolArray, longest: int) -> tuple[Gap, ...]:
    """The stretches of more than `longest` ticks that are not known."""
    edges = np.flatnonzero(np.diff(~known, prepend=False, append=False))
    stretches = (Gap(int(first), int(stop)) for first, stop in edges.reshape(-1, 2))
    return tuple(gap for gap in stretches if gap.stop - gap.first > longest)


def _filled(series: Series, row: FloatArray, gaps: Sequence[Gap]) -> FloatArray:
    """[ticks], each missing value that before it; before the first and at the last tick of a gap that after it."""
    known = row[~np.isnan(row)]
    if not len(known):
        raise BadHistory(f"{series.name}: nothing was measured in the time that all series cover")
    most = MOST_CONNECTIONS if series.kind is Kind.STOCK else math.inf
    if known.min() < 0 or known.max() > most:
        raise BadHistory(f"{series.name}: values from {known.min():g} to {known.max():g}; allowed are 0 to {most:g}")
    ends = [gap.stop - 1 for gap in gaps if gap.stop < len(row) and np.isnan(row[gap.stop - 1])]
    row[ends] = row[[end + 1 for end in ends]]
    filled = held(row)
    return np.where(np.isnan(filled), known[0], filled)


def _turnover(level: IntArray, part: float, seed: int) -> tuple[IntArray, IntArray]:
    """Opens and closes per tick: the level's change, and a part of the level that leaves and is replaced."""
    change = np.diff(level, prepend=level[:1])
    before = level - change
    chance = np.random.default_rng(seed).random(len(level))
    churn = np.floor(before * part + chance).astype(np.int64)
    churn = np.minimum(churn, np.minimum(before, level))
    churn[0] = 0
    return churn + np.maximum(change, 0), churn + np.maximum(-change, 0)


def _names(series: Sequence[Series]) -> str:
    return ", ".join(s.name for s in series) or "no series"
