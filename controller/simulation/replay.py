"""A load through an HPA with Foresail at its side, tick by tick: the production planner on simulated pods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from controller.domain import Decision, Policy, Signal
from controller.errors import BadPolicy
from controller.simulation.feed import ForecastFeed
from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import HpaSpec, MetricSpec, Scale, Source, milli
from controller.simulation.load import Load
from controller.simulation.metric_lag import MetricLag
from controller.simulation.pilot import Pilot, check_external, external_metrics
from controller.simulation.world import World, WorldSettings
from forecaster.series import FloatArray, Kind

_COARSEST = 50
"""Milli-units of a target below which rounding changes it by more than one part in a hundred."""


class Record(NamedTuple):
    """What happened at one tick, in a replay or in the live demo.

    ready      pods that take traffic; measured, as are the connections, before the tick's scaling
    pods       pods that exist and were not told to end, ready or not, after it
    ending     pods that were told to end and still hold their place
    desired    replicas that the scaler asks for from the tick on
    hpa_alone  replicas that the HPA would ask for had it never seen a floor
    hot        connections above the capacity of the pod that they are on
    opened     connections that a pod took, `back` of them of clients that had lost their pod or were turned away
    refused    connections that were turned away; `broken` lost their pod, `moved` were sent away from a full one
    decision   None where no planner decides
    """

    ready: int
    pods: int
    ending: int
    desired: int
    hpa_alone: int
    hot: float
    opened: int
    back: int
    refused: int
    broken: int
    moved: int
    decision: Decision | None


@dataclass(frozen=True, eq=False)
class Run:
    """A load, and what happened under it: one record per tick.

    capacities  signal -> what one ready pod carries of it
    replicas    asked for before the first tick
    """

    load: Load
    capacities: Mapping[str, float]
    replicas: int
    records: tuple[Record, ...]

    @cached_property
    def columns(self) -> Mapping[str, FloatArray]:
        """[ticks] for each figure of the records, by its name."""
        names = [name for name in Record._fields if name != "decision"]
        rows = np.array([record[:-1] for record in self.records], dtype=np.float64).reshape(-1, len(names))
        return dict(zip(names, rows.T, strict=True))


class Asked(NamedTuple):
    """What a scaler asks for at a tick."""

    desired: int
    hpa_alone: int
    decision: Decision | None = None


class Scaler(Protocol):
    """Anything that says how many replicas there should be."""

    def begin(self, totals: Mapping[str, float], now: datetime, /) -> int:
        """The replicas to begin with at `now`, at rest under these totals. Called again after each gap of the load."""
        ...

    def tick(self, now: datetime, seen: Mapping[str, float], replicas: int, ready: int, /) -> Asked:
        """What is asked for from `now` on.

        seen      the total of each signal as the metrics show it now
        replicas  asked for until now, of which `ready` take traffic
        """
        ...


class HpaAlone:
    """The HPA with nobody at its side."""

    def __init__(self, hpa_spec: HpaSpec) -> None:
        """Raises BadPolicy where the HPA has a metric other than an External one."""
        check_external(hpa_spec)
        self._spec = hpa_spec
        self._state = State()

    def begin(self, totals: Mapping[str, float], _now: datetime, /) -> int:
        """The replicas at which it is at rest; nothing is remembered."""
        self._state = State()
        return first_replicas(self._spec, totals)

    def tick(self, now: datetime, seen: Mapping[str, float], replicas: int, _ready: int, /) -> Asked:
        """One sync."""
        metrics = external_metrics(self._spec.metrics, seen)
        sync = step(self._spec, self._state, Scale(replicas, replicas), metrics, now)
        self._state = sync.state
        return Asked(sync.replicas, sync.replicas)


class _Planned:
    """The HPA with Foresail at its side."""

    def __init__(self, pilot: Pilot, hpa_spec: HpaSpec, forecasts: ForecastFeed) -> None:
        self._pilot = pilot
        self._spec = hpa_spec
        self._forecasts = forecasts

    def begin(self, totals: Mapping[str, float], now: datetime, /) -> int:
        replicas = first_replicas(self._spec, totals)
        self._pilot.restart(replicas, now)
        return replicas

    def tick(self, now: datetime, seen: Mapping[str, float], replicas: int, ready: int, /) -> Asked:
        tick = self._pilot.tick(now, seen, replicas, ready, *self._forecasts.at(now))
        return Asked(tick.desired, tick.hpa_alone, tick.decision)


def replay(
    load: Load, policy: Policy, hpa_spec: HpaSpec, settings: WorldSettings, forecasts: ForecastFeed | None
) -> Run:
    """The run of a load through the HPA with the planner at its side; without `forecasts` through the HPA alone.

    A planner whose feed never has a forecast leaves the HPA as it is. At the start, and after each gap of the load, the
    HPA is at rest under the first load and all its pods are ready. Raises BadPolicy where the policy, the HPA and the
    load do not speak of the same signals.
    """
    _check(load, policy, hpa_spec)
    capacities = {signal.name: signal.capacity_per_pod for signal in policy.signals}
    if forecasts is None:
        return play(load, capacities, settings, HpaAlone(hpa_spec))
    pilot = Pilot(policy, hpa_spec, hpa_spec.min_replicas, load.start)
    return play(load, capacities, settings, _Planned(pilot, hpa_spec, forecasts))


def play(load: Load, capacities: Mapping[str, float], settings: WorldSettings, scaler: Scaler) -> Run:
    """The run of a load under any scaler. `capacities` are of the signals that count for overload."""
    lag = MetricLag(load, settings)
    capacity = capacities[load.stock] if load.stock else 0.0
    ticks = range(len(load))
    records: list[Record] = []
    first: int | None = None
    for begin, stop in pairwise((*load.beginnings, len(load))):
        totals = {name: float(row[begin]) for name, row in load.signals.items()}
        replicas = scaler.begin(totals, load.time(begin))
        first = replicas if first is None else first
        world = World(load, capacity, settings, replicas, begin)
        records += [_tick(world, scaler, lag, tick, load.time(tick)) for tick in ticks[begin:stop]]
    return Run(load, capacities, first or 0, tuple(records))


def _tick(world: World, scaler: Scaler, lag: MetricLag, tick: int, now: datetime) -> Record:
    measured = world.advance(tick)
    seen = lag.seen(tick, measured.connections)
    asked = scaler.tick(now, seen, world.pods, measured.ready)
    broken = world.scale(asked.desired, now)
    return Record(
        measured.ready, world.pods, world.ending, asked.desired, asked.hpa_alone, measured.hot, measured.opened,
        measured.back, measured.refused, broken, measured.moved, asked.decision,
    )  # fmt: skip


def hpa_for(policy: Policy, target: float = 0.7) -> HpaSpec:
    """The HPA of a careful user: each signal at `target` of its capacity on average, default behaviour."""
    metrics = tuple([MetricSpec(one.name, Source.EXTERNAL, _target_of(one, target)) for one in policy.signals])
    return HpaSpec(policy.bounds.min_replicas, policy.bounds.max_replicas, metrics)


def _target_of(signal: Signal, target: float) -> int:
    rounded = milli(target * signal.capacity_per_pod)
    if rounded < _COARSEST:
        raise BadPolicy(
            f"{signal.name}: {signal.capacity_per_pod:g} per pod; the HPA counts in thousandths, so its target of"
            f" {target:g} of that would be rounded by more than 1 %: measure the signal in a smaller unit"
        )
    return rounded


def first_replicas(hpa_spec: HpaSpec, totals: Mapping[str, float]) -> int:
    """The replicas at which the HPA is at rest under a constant load, come from below."""
    needs = [math.ceil(milli(totals[metric.name]) / metric.target) for metric in hpa_spec.metrics]
    return min(max(*needs, hpa_spec.min_replicas), hpa_spec.max_replicas)


def _check(load: Load, policy: Policy, hpa_spec: HpaSpec) -> None:
    asked = {signal.name for signal in policy.signals} | {metric.name for metric in hpa_spec.metrics}
    absent = asked - load.signals.keys()
    if absent:
        raise BadPolicy(
            f"signals: {', '.join(sorted(absent))} not in the load, which has {', '.join(sorted(load.signals))};"
            " give a history for each signal"
        )
    stocks = {signal.name for signal in policy.signals if signal.kind is Kind.STOCK}
    if stocks != ({load.stock} if load.stock else set()):
        raise BadPolicy(
            f"signals: the policy's stocks are {', '.join(sorted(stocks)) or 'none'}, the load's is"
            f" {load.stock or 'none'}; a replay takes one stock at most, the same in both"
        )
