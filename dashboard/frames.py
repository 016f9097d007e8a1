"""Turns a run's ledger entries into the frames that the charts and tables draw. Pure; decides nothing.

Times are aware and in UTC. What is not known is missing (NaN), never zero. `at` of a bin is its middle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from controller.adapters.ledger import Entry
from controller.decision.capacity import pods_for
from controller.domain import Policy, Signal
from forecaster.forecast import HORIZON, Forecast
from forecaster.series import Kind

LOWER, MIDDLE, UPPER = 0.05, 0.5, 0.95
BAND = ["at", "lower", "median", "upper"]


def unit(signal: Signal) -> str:
    """What one unit of the signal's load is called: a stock by its name, a flow per second."""
    return signal.name if signal.kind is Kind.STOCK else f"{signal.name}/s"


def load_of(entry: Entry, signal: str) -> float | None:
    """The load that was offered at the entry's moment; where the entry does not hold it, the newest reading."""
    loads = entry.view.get("load") if entry.view else None
    seen = loads.get(signal) if isinstance(loads, Mapping) else None
    if seen is not None:
        return float(seen)
    return next((reading.value for reading in entry.observed.readings if reading.signal == signal), None)


def needed(policy: Policy, entry: Entry) -> int | None:
    """Pods that carry the load of that moment; None where no signal's load is known."""
    loads = ((signal, load_of(entry, signal.name)) for signal in policy.signals)
    return max((pods_for(load, signal) for signal, load in loads if load is not None), default=None)


def hpa_alone(entry: Entry) -> int | None:
    """What the HPA would hold had it never seen a floor; None where nobody could tell."""
    alone = entry.view.get("hpa_alone") if entry.view else None
    return int(alone) if isinstance(alone, int | float) else entry.observed.hpa_wish


def loads(signal: Signal, entries: Sequence[Entry]) -> pd.DataFrame:
    """[at, load, capacity, short]: the signal's load, and what the ready pods carry of it."""
    values = [load_of(entry, signal.name) for entry in entries]
    ready = [entry.observed.ready for entry in entries]
    short = [v is not None and pods_for(v, signal) > r for v, r in zip(values, ready, strict=True)]
    return pd.DataFrame(
        {
            "at": _times(entry.now for entry in entries),
            "load": pd.Series(values, dtype="float64"),
            "capacity": pd.Series(ready, dtype="float64") * signal.capacity_per_pod,
            "short": pd.Series(short, dtype="bool"),
        }
    )


def pods(policy: Policy, entries: Sequence[Entry]) -> pd.DataFrame:
    """[at, needed, wanted, floor, ready, alone]: pods over time."""
    return pd.DataFrame(
        {
            "at": _times(entry.now for entry in entries),
            "needed": pd.Series([needed(policy, entry) for entry in entries], dtype="float64"),
            "wanted": pd.Series([entry.decision.wanted for entry in entries], dtype="float64"),
            "floor": pd.Series([entry.decision.floor for entry in entries], dtype="float64"),
            "ready": pd.Series([entry.observed.ready for entry in entries], dtype="float64"),
            "alone": pd.Series([hpa_alone(entry) for entry in entries], dtype="float64"),
        }
    )


def stretches(at: pd.Series[pd.Timestamp], marked: pd.Series[bool]) -> pd.DataFrame:
    """[start, end] of each run of marked moments; it ends with the next moment, or with the last one."""
    if not marked.any():
        return pd.DataFrame({"start": _times(()), "end": _times(())})
    group = (marked != marked.shift()).cumsum()[marked]
    until = at.shift(-1).fillna(at.iloc[-1])
    return pd.DataFrame(
        {"start": at[marked].groupby(group).first(), "end": until[marked].groupby(group).last()}
    ).reset_index(drop=True)


def forecasts_of(entries: Iterable[Entry], signal: str) -> list[Forecast]:
    """The signal's forecasts in the order in which they came into use, one per origin."""
    found = {
        forecast.origin: forecast for entry in entries for forecast in entry.forecasts if forecast.signal == signal
    }
    return list(found.values())


def steps_ahead(ahead: timedelta, step: timedelta) -> int:
    """The step of the horizon that ends `ahead` after the last known bin; at least the first, at most the last."""
    return min(max(ahead // step, 1), HORIZON)


def predicted(forecasts: Sequence[Forecast], ahead: timedelta) -> pd.DataFrame:
    """[at, lower, median, upper]: of each bin what was said of it `ahead` before, by the forecast of that time."""
    return _band((forecast, steps_ahead(ahead, forecast.step)) for forecast in forecasts)


def coming(forecast: Forecast) -> pd.DataFrame:
    """[at, lower, median, upper]: all that one forecast says, from its origin on."""
    return _band((forecast, horizon) for horizon in range(1, len(forecast.quantiles) + 1))


def quantiles(forecast: Forecast) -> pd.DataFrame:
    """One row per step, named by the start of its bin in UTC, and the window's peak as the last; a column per level."""
    starts = (forecast.origin + horizon * forecast.step for horizon in range(1, len(forecast.quantiles) + 1))
    first, end = forecast.window.first, forecast.window.last + 1
    peak = f"peak {forecast.origin + first * forecast.step:%H:%M} - {forecast.origin + end * forecast.step:%H:%M}"
    return pd.DataFrame(
        [*forecast.quantiles, forecast.peak],
        index=pd.Index([*(f"{start:%H:%M}" for start in starts), peak], name="bin from (UTC)"),
        columns=[f"{level:g}" for level in forecast.levels],
    )


@dataclass(frozen=True)
class Skill:
    """How good the forecasts of one step have been, over those whose moment has come.

    count     forecasts that could be compared
    covered   share of loads that were at or below the upper quantile, which promises 0.95
    error     mean absolute error of the median, in the unit of the signal
    held      the same of the last value known at the origin
    """

    count: int
    covered: float
    error: float
    held: float


def skill(entries: Sequence[Entry], signal: str, ahead: timedelta) -> Skill | None:
    """What became of the forecasts made `ahead` of their bins; None before the first can be compared."""
    read = {r.at: r.value for entry in entries for r in entry.observed.readings if r.signal == signal}
    rows = []
    for forecast in forecasts_of(entries, signal):
        horizon = steps_ahead(ahead, forecast.step)
        actual = read.get(forecast.origin + (horizon + 1) * forecast.step)
        last = read.get(forecast.origin + forecast.step)
        if actual is None or last is None:
            continue
        upper, median = forecast.step_at(horizon, UPPER), forecast.step_at(horizon, MIDDLE)
        rows.append((actual <= upper, abs(actual - median), abs(actual - last)))
    if not rows:
        return None
    covered, error, held = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Skill(len(rows), covered, error, held)


def decisions(entries: Sequence[Entry], every: bool) -> list[Entry]:
    """Newest first; only those that moved the floor unless `every` is asked for."""
    return [entry for entry in reversed(entries) if every or entry.decision.floor != entry.decision.previous]


def sentences(entries: Sequence[Entry]) -> pd.DataFrame:
    """[time, floor, decision]: one row per decision."""
    rows = [(clock(e.now), f"{e.decision.previous} → {e.decision.floor}", e.decision.summary()) for e in entries]
    return pd.DataFrame(rows, columns=["time (UTC)", "floor", "decision"])


def reasons(entries: Sequence[Entry]) -> pd.DataFrame:
    """[time, rule, before, after, because]: one row per rule that had a say."""
    rows = [(clock(e.now), r.rule, r.before, r.after, r.because) for e in entries for r in e.decision.reasons]
    return pd.DataFrame(rows, columns=["time (UTC)", "rule", "before", "after", "because"])


def clock(at: datetime) -> str:
    """A moment as the page writes it."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _band(points: Iterable[tuple[Forecast, int]]) -> pd.DataFrame:
    rows = [
        (
            forecast.origin + (horizon + 0.5) * forecast.step,
            *(forecast.step_at(horizon, level) for level in (LOWER, MIDDLE, UPPER)),
        )
        for forecast, horizon in points
    ]
    frame = pd.DataFrame(rows, columns=BAND)
    return frame.assign(at=_times(frame["at"]))


def _times(values: Iterable[datetime]) -> pd.Series[pd.Timestamp]:
    return pd.Series(pd.to_datetime(list(values), utc=True), dtype="datetime64[ms, UTC]")
