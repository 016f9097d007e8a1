"""Histories of signals that are kept up to date: weeks once, then with every read only what is new.

One query serves every policy that asks it of the same server. What goes wrong has a name and leaves the history as it
is: it grows old, which the planner sees, and never turns to zero.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from controller.domain import Reading
from forecaster.errors import BadHistory, BadSource, ForecasterError, QueryRefused, SourceUnavailable
from forecaster.prometheus import PrometheusReader, PrometheusSource, Query
from forecaster.range_query import Span, is_raw_counter, settled
from forecaster.remembered import DAYS_BEHIND
from forecaster.series import FloatArray, Kind, Series

HISTORY = timedelta(days=DAYS_BEHIND + 5)
"""What a forecast looks back on, the three days of forecasts that the gate does, and the days begun. To what remembers
forecasts a shorter history, which moves on with the clock, would be another one every minute, and all be made anew."""
AGAIN = timedelta(minutes=10)
"""Read again with each read, for what arrives late; what is this old stays as it was read."""
_FEWEST = timedelta(hours=1)


class Problem(enum.StrEnum):
    """Why there is nothing new."""

    UNAVAILABLE = "PrometheusUnavailable"
    REFUSED = "QueryRefused"
    BAD_SOURCE = "BadSource"
    BAD_SERIES = "BadSeries"
    EMPTY = "NoData"
    STALE = "StaleData"


class SignalKey(NamedTuple):
    """One query of one server."""

    url: str
    query: str
    kind: Kind


@dataclass(frozen=True, eq=False)
class Fed:
    """What is known of one signal.

    series   up to the newest bin that is over, gaps and all; None before the first answer with a value
    problem  why the newest is older than it should be, and `text` in words; None where all is well, or not read yet
    """

    series: Series | None = None
    problem: Problem | None = None
    text: str = ""

    def reading(self, signal: str) -> Reading | None:
        """The newest measured bin."""
        if self.series is None:
            return None
        newest = int(np.flatnonzero(self.series.known)[-1])
        return Reading(signal, float(self.series.values[newest]), self.series.time(newest + 1))


class Feed:
    """All signals of all policies; for one thread at a time, because a read waits for the servers."""

    def __init__(
        self,
        source: Callable[[str], PrometheusSource],
        step: timedelta = timedelta(minutes=1),
        history: timedelta = HISTORY,
        stale_after: timedelta = timedelta(minutes=5),
        beginning: timedelta = timedelta.max,
        going_on: timedelta = timedelta.max,
    ) -> None:
        """`source` says how a server at a URL is asked.

        A read takes `beginning` for whole histories and then begins no further one, and `going_on` for what is new of
        those that are known: whose turn has not come by then keeps what it has until the next read, where it is among
        the first. With hundreds of signals nobody would be served for minutes, or for seconds at the end of each bin.
        """
        self._source = source
        self._step = step
        self._history = history
        self._stale_after = stale_after
        self._beginning, self._going_on = beginning, going_on
        self._readers: dict[str, PrometheusReader] = {}
        self._series: dict[SignalKey, Series] = {}
        self._checked: set[SignalKey] = set()
        self._complete: dict[SignalKey, datetime] = {}
        self._asked: dict[SignalKey, int] = {}
        self._trouble: dict[SignalKey, tuple[Problem, str]] = {}
        """What was wrong with those that were asked last, until they are asked again."""
        self._reads = 0
        self._spent = self._spent_on = 0.0

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]:
        """What is known of each at `now`. A server that does not answer is asked once and not once for each signal.

        One that does is asked for the first signal in turn, and for the others only where a bin has ended since.
        """
        for gone in (self._series.keys() | self._complete.keys() | self._asked.keys()) - set(keys):
            for known in (self._series, self._complete, self._asked, self._trouble):
                known.pop(gone, None)
            self._checked.discard(gone)
        away: dict[str, ForecasterError | None] = {}
        self._reads, self._spent, self._spent_on = self._reads + 1, 0.0, 0.0
        found = {key: self._one(key, now, away) for key in self._in_turn(keys)}
        for key, fed in found.items():
            if self._asked.get(key) == self._reads:
                self._trouble.pop(key, None)
                if fed.problem is not None:
                    self._trouble[key] = fed.problem, fed.text
        for url in self._readers.keys() - {key.url for key in keys}:
            self._readers.pop(url).close()
        return found

    def _in_turn(self, keys: Collection[SignalKey]) -> list[SignalKey]:
        """First who was asked longest ago, and a read later whose own query had no answer then: one that is always too
        slow must not keep others from being asked, nor say in every other read that their server is away."""

        def turn(key: SignalKey) -> tuple[int, bool, SignalKey]:
            late = self._trouble.get(key, (None, ""))[0] is Problem.UNAVAILABLE
            return self._asked.get(key, 0) + late, late, key

        return sorted(keys, key=turn)

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    def _one(self, key: SignalKey, now: datetime, away: dict[str, ForecasterError | None]) -> Fed:
        """`away` is what is known of each server in this read: None where it has answered."""
        before, end = self._series.get(key), settled(now, self._history, self._step).last
        try:
            if (problem := away.get(key.url)) is not None:
                raise problem
            if before is not None and key.url in away and self._complete.get(key) == end:
                return self._judged(key, before, now)
            spent, room = (self._spent, self._beginning) if before is None else (self._spent_on, self._going_on)
            if spent > room.total_seconds():
                if key in self._trouble:
                    return Fed(before, *self._trouble[key])
                return Fed() if before is None else self._judged(key, before, now)
            self._complete.pop(key, None)
            self._asked[key] = self._reads
            series = self._read(key, now)
            away[key.url], self._complete[key] = None, end
        except SourceUnavailable as error:
            away[key.url] = error
            return Fed(before, Problem.UNAVAILABLE, str(error))
        except QueryRefused as error:
            return Fed(before, Problem.REFUSED, str(error))
        except BadSource as error:
            return Fed(before, Problem.BAD_SOURCE, str(error))
        except BadHistory as error:
            self._checked.discard(key)
            return Fed(before, Problem.BAD_SERIES, str(error))
        return self._judged(key, series, now)

    def _judged(self, key: SignalKey, series: Series, now: datetime) -> Fed:
        known = np.flatnonzero(series.known)
        if not len(known):
            return Fed(None, Problem.EMPTY, f"{key.query!r} gives nothing; check the names of its metrics and labels")
        if key.kind is Kind.FLOW and is_raw_counter(series):
            return Fed(
                None, Problem.BAD_SERIES, f"{key.query!r} is a counter; ask for its rate, for example rate(…[1m])"
            )
        self._series[key] = series
        age = now - series.time(int(known[-1]) + 1)
        if age > self._stale_after:
            minutes = age / timedelta(minutes=1)
            return Fed(series, Problem.STALE, f"{key.query!r} gave nothing for {minutes:.1f} min; is it still scraped?")
        return Fed(series)

    def _read(self, key: SignalKey, now: datetime) -> Series:
        reader = self._readers.get(key.url) or self._readers.setdefault(
            key.url, PrometheusReader(self._source(key.url))
        )
        query, before = Query(key.query, key.kind, "signal"), self._series.get(key)
        whole = settled(now, self._history, self._step)
        if before is None or whole.start >= before.time(len(before)):
            return self._whole(key, reader, query, whole)
        since = max(whole.start, before.time(len(before)) - AGAIN)
        bins = (whole.last - since) // self._step
        if bins < 1:
            return before
        began = time.monotonic()
        try:
            return joined(before, reader.read(query, Span(since, self._step, bins)), whole)
        finally:
            self._spent_on += time.monotonic() - began

    def _whole(self, key: SignalKey, reader: PrometheusReader, query: Query, whole: Span) -> Series:
        began = time.monotonic()
        try:
            if key not in self._checked:
                reader.check_shape(query, whole)
                self._checked.add(key)
            return reader.read(query, whole)
        finally:
            self._spent += time.monotonic() - began


def joined(before: Series, new: Series, whole: Span) -> Series:
    """The span of a history and what was read after it, which counts where both know of a bin.

    Where only the older one does, it stays: a server that was emptied has not unmade what it said.
    """
    values: FloatArray = np.full(whole.bins, np.nan)
    for part in (before, new):
        first = (part.start - whole.start) // whole.step
        low, high = max(0, first), min(whole.bins, first + len(part))
        if low < high:
            given = part.values[low - first : high - first]
            values[low:high] = np.where(np.isnan(given), values[low:high], given)
    return replace(new, start=whole.start, values=values)
