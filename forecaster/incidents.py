"""What happened once, and is not to be expected again: forecasts that do not look back on it.

The season says what came at this minute on other days. After a release at noon that threw everyone out, it says for two
weeks that noon throws everyone out; that is right of the maintenance at the same minute every Sunday, and wrong of a
release. No history tells the two apart the first time. Whoever knows says so, and the bins of the incident count as not
measured: for lags, for what is usual, for the workload's own ridge, for calibration and gate.

They do so once the incident has left the context that the network reads. Until then it is what is going on, and the
clients that come back are to be seen. So a forecast depends on incidents that were over before it, and on no later one.
Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from forecaster.errors import BadHistory
from forecaster.forecast import Ask, Forecaster, Forecasts
from forecaster.series import FloatArray, IntArray, Series
from forecaster.windows import CONTEXT


@dataclass(frozen=True)
class Incident:
    """From `start` to `end` the load was what it will not be again; `reason` is for people. Raises BadHistory."""

    start: datetime
    end: datetime
    reason: str = ""

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise BadHistory(f"{self.start} to {self.end}: without a time zone; give them in UTC")
        if self.end <= self.start:
            raise BadHistory(f"{self.start.isoformat()} to {self.end.isoformat()}: ends before it starts; turn them")

    def touches(self, series: Series) -> bool:
        """Whether it takes any of the series' time."""
        return self.start < series.end and series.start < self.end


def without(series: Series, incidents: Sequence[Incident]) -> Series:
    """The series with gaps in the place of incidents: what is learned from."""
    return replace(series, values=_without(series, [_bins(series, incident) for incident in incidents]))


def behind(series: Series, incidents: Iterable[Incident]) -> tuple[Incident, ...]:
    """Those that a forecast from the newest bin does not look back on, in order: of no other one its history depends.

    `without` them the series is what `Unrepeated` shows from there.
    """
    found = {one for one in incidents if _behind_from(series, one) <= len(series) and one.end > series.start}
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.reason)))


class Unrepeated:
    """`inner` on histories without their incidents."""

    def __init__(self, inner: Forecaster, incidents: Sequence[Incident]) -> None:
        self.name = inner.name
        self._inner = inner
        self._incidents = sorted(incidents, key=lambda incident: incident.end)

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """As the inner forecaster's, each origin on the history as it is to be seen from there; raises as it does."""
        parts = [self._parts(ask) for ask in asks]
        made = iter(self._inner.forecast([part for of_one in parts for _, part in of_one]))
        return [
            _together(ask, [(places, next(made)) for places, _ in of_one])
            for ask, of_one in zip(asks, parts, strict=True)
        ]

    def _parts(self, ask: Ask) -> list[tuple[IntArray, Ask]]:
        """The ask in parts that have the same incidents behind them, and the places of each part's origins."""
        series = ask.series
        bins = [_bins(series, incident) for incident in self._incidents]
        since = np.array([_behind_from(series, incident) for incident in self._incidents], dtype=np.int64)
        past = np.searchsorted(since, ask.origins + 1, side="right")
        parts = []
        for count in np.unique(past) if len(past) else [0]:
            places = np.flatnonzero(past == count)
            seen = replace(series, values=_without(series, bins[:count]))
            parts.append((places, replace(ask, series=seen, origins=ask.origins[places])))
        return parts


def _bins(series: Series, incident: Incident) -> tuple[int, int]:
    """First and stop of the bins that an incident touches; they may lie outside the series."""
    return series.index(incident.start), -((series.start - incident.end) // series.step)


def _behind_from(series: Series, incident: Incident) -> int:
    """How many bins there must be for an incident to have left the context of the newest one."""
    return _bins(series, incident)[1] + CONTEXT


def _without(series: Series, bins: Sequence[tuple[int, int]]) -> FloatArray:
    """[bins], the values, where these were not measured."""
    values = series.values.copy()
    for first, stop in bins:
        values[max(first, 0) : max(stop, 0)] = np.nan
    return values


def _together(ask: Ask, parts: Sequence[tuple[IntArray, Forecasts]]) -> Forecasts:
    """One answer from those of the parts, each at its places."""
    _, first = parts[0]
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    verdicts = [verdict for _, made in parts for verdict in made.verdicts]
    return replace(
        first,
        origins=ask.origins,
        quantiles=np.concatenate([made.quantiles for _, made in parts])[order],
        peak=np.concatenate([made.peak for _, made in parts])[order],
        verdicts=tuple(verdicts[k] for k in order.tolist()) if verdicts else (),
    )
