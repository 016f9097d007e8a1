"""What a run cost and what it spared, in the figures that every arm is compared by. Ticks of unknown load count not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np

from controller.simulation.replay import Run
from forecaster.series import BoolArray

_MINUTE = timedelta(minutes=1)
# A load of exactly n capacities is carried by n pods, although the product may come out a little below it.
_DUST = 1e-9


@dataclass(frozen=True)
class Score:
    """The figures of one run.

    overload_minutes        time in which some signal's offered load exceeded ready pods x capacity
    hot_connection_minutes  connections above the capacity of their own pod, summed over pods and time
    pod_minutes             every pod that existed, ready or not, from its creation to its end
    longest_shortage_s      the longest overload without a break
    connections_opened      taken by a pod, reconnects included; `refused` counts every attempt that was turned away
    connections_broken      open on a pod that was ended
    rescales                changes of the replicas asked for
    """

    overload_minutes: float
    hot_connection_minutes: float
    pod_minutes: float
    longest_shortage_s: float
    connections_opened: int
    connections_refused: int
    connections_broken: int
    rescales: int

    def to_dict(self) -> dict[str, float | int]:
        """The figures by name, ready for JSON."""
        return asdict(self)


def score(run: Run) -> Score:
    """The figures of a run, over the ticks whose load is known."""
    known, tick = run.load.known, run.load.tick
    records = [record for record, counts in zip(run.records, known, strict=True) if counts]
    short = overloaded(run) & known
    changes = np.diff([record.desired for record in run.records], prepend=run.replicas)
    return Score(
        overload_minutes=int(short.sum()) * (tick / _MINUTE),
        hot_connection_minutes=sum(record.hot for record in records) * (tick / _MINUTE),
        pod_minutes=sum(record.pods for record in records) * (tick / _MINUTE),
        longest_shortage_s=_longest_run(short) * tick.total_seconds(),
        connections_opened=sum(record.opened for record in records),
        connections_refused=sum(record.refused for record in records),
        connections_broken=sum(record.broken for record in records),
        rescales=int(np.count_nonzero(changes[known])),
    )


def overloaded(run: Run) -> BoolArray:
    """[ticks], whether the offered load of some signal exceeds what the ready pods carry."""
    ready = np.array([record.ready for record in run.records])
    short = np.zeros(len(ready), dtype=np.bool_)
    for name, capacity in run.capacities.items():
        short |= run.load.signals[name] > ready * capacity * (1 + _DUST)
    return short


def _longest_run(flags: BoolArray) -> int:
    """Length of the longest run of True."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return int((edges[1::2] - edges[::2]).max(initial=0))
