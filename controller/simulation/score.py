"""What a run cost and what it spared, in the figures that every arm is compared by. Ticks of unknown load count not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np

from controller.simulation.replay import Run
from forecaster.series import EPOCH, BoolArray, FloatArray, IntArray

_MINUTE = timedelta(minutes=1)
# A load of exactly n capacities is carried by n pods, although the product may come out a little below it.
_DUST = 1e-9


@dataclass(frozen=True)
class Score:
    """The figures of one run, or of a part of it.

    overload_minutes        time in which some signal's offered load exceeded ready pods x capacity
    hot_connection_minutes  connections above the capacity of their own pod, summed over pods and time
    pod_minutes             every pod, ready or not, from its creation until it no longer holds its place
    longest_shortage_s      the longest overload without a break
    connections_opened      taken by a pod, reconnects included; `refused` counts every attempt that was turned away
    connections_broken      open on a pod that was ended
    rescales                changes of the replicas asked for; to begin anew after a gap is none
    connections_moved       sent away from a pod that had too many
    reconnect_peak          the most connections in one minute that were opened by clients who had lost theirs or had
                            been turned away
    scored_minutes          time that these figures are of
    """

    overload_minutes: float
    hot_connection_minutes: float
    pod_minutes: float
    longest_shortage_s: float
    connections_opened: int
    connections_refused: int
    connections_broken: int
    rescales: int
    connections_moved: int
    reconnect_peak: int
    scored_minutes: float

    @property
    def pod_hours(self) -> float:
        return self.pod_minutes / 60

    def to_dict(self) -> dict[str, float | int]:
        """The figures by name, ready for JSON."""
        return asdict(self)


def score(run: Run) -> Score:
    """The figures of a run, over the ticks whose load is known."""
    return _score(run, run.load.known)


def score_by_day(run: Run) -> dict[date, Score]:
    """The figures of each day (UTC) of which something is known. All but the longest and the peak add up to the run's.

    A minute of reconnects counts for the day in which it ends.
    """
    days = _days(run)
    return {
        (EPOCH + timedelta(days=int(day))).date(): _score(run, run.load.known & (days == day))
        for day in np.unique(days[run.load.known])
    }


def overloaded(run: Run) -> BoolArray:
    """[ticks], whether the offered load of some signal exceeds what the ready pods carry."""
    ready = run.columns["ready"]
    short = np.zeros(len(ready), dtype=np.bool_)
    for name, capacity in run.capacities.items():
        short |= run.load.signals[name] > ready * capacity * (1 + _DUST)
    return short


def _score(run: Run, counted: BoolArray) -> Score:
    tick = run.load.tick
    sums = {name: float(column[counted].sum()) for name, column in run.columns.items()}
    short = overloaded(run) & counted
    return Score(
        overload_minutes=int(short.sum()) * (tick / _MINUTE),
        hot_connection_minutes=sums["hot"] * (tick / _MINUTE),
        pod_minutes=(sums["pods"] + sums["ending"]) * (tick / _MINUTE),
        longest_shortage_s=_longest_run(short) * tick.total_seconds(),
        connections_opened=int(sums["opened"]),
        connections_refused=int(sums["refused"]),
        connections_broken=int(sums["broken"]),
        rescales=int(np.count_nonzero(_changes(run)[counted])),
        connections_moved=int(sums["moved"]),
        reconnect_peak=round(float(_reconnects(run)[counted].max(initial=0))),
        scored_minutes=int(counted.sum()) * (tick / _MINUTE),
    )


def _changes(run: Run) -> FloatArray:
    """[ticks], by how much more or less is asked for than at the tick before."""
    changes = np.diff(run.columns["desired"], prepend=run.replicas)
    changes[list(run.load.beginnings[1:])] = 0
    return changes


def _reconnects(run: Run) -> FloatArray:
    """[ticks], connections a minute that were opened by clients who came back, over the minute that ends with each."""
    back = np.where(run.load.known, run.columns["back"], 0.0)
    ticks = max(1, round(_MINUTE / run.load.tick))
    sums = np.cumsum(np.concatenate([np.zeros(ticks), back]))
    per_minute: FloatArray = (sums[ticks:] - sums[:-ticks]) * (_MINUTE / (ticks * run.load.tick))
    return per_minute


def _days(run: Run) -> IntArray:
    """[ticks], the day of each since the epoch."""
    load = run.load
    since = np.arange(len(load)) * load.tick.total_seconds() + (load.start - EPOCH).total_seconds()
    return (since // timedelta(days=1).total_seconds()).astype(np.int64)


def _longest_run(flags: BoolArray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return int((edges[1::2] - edges[::2]).max(initial=0))
