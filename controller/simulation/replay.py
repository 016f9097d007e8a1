"""A load through an HPA with Foresail at its side, tick by tick: the production planner on simulated pods."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from controller.domain import Decision, Policy
from controller.errors import BadPolicy
from controller.simulation.feed import ForecastFeed
from controller.simulation.hpa_spec import HpaSpec, MetricSpec, Source, milli
from controller.simulation.load import Load
from controller.simulation.pilot import Pilot, Tick
from controller.simulation.world import Measured, World, WorldSettings
from forecaster.series import Kind

_COARSEST = 50
"""Milli-units of a target below which rounding changes it by more than one part in a hundred."""


class Record(NamedTuple):
    """What happened at one tick, in a replay or in the live demo.

    ready      pods that take traffic; measured, as are the connections, before the tick's scaling
    pods       pods that exist, ready or not, after it
    desired    replicas that the HPA asks for from the tick on
    hpa_alone  replicas that it would ask for had it never seen a floor
    hot        connections above the capacity of the pod that they are on
    opened     connections that a pod took; `refused` were turned away, `broken` lost their pod
    """

    ready: int
    pods: int
    desired: int
    hpa_alone: int
    hot: float
    opened: int
    refused: int
    broken: int
    decision: Decision


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


def replay(load: Load, policy: Policy, hpa_spec: HpaSpec, settings: WorldSettings, forecasts: ForecastFeed) -> Run:
    """The run of a load; with a feed that never has a forecast it is the HPA alone.

    At the start the HPA is at rest under the first load and all its pods are ready. Raises BadPolicy where the policy,
    the HPA and the load do not speak of the same signals.
    """
    _check(load, policy, hpa_spec)
    capacities = {signal.name: signal.capacity_per_pod for signal in policy.signals}
    flows = {name: row.tolist() for name, row in load.signals.items() if name != load.stock}
    before = {name: float(row[0]) for name, row in load.signals.items()}
    replicas = first_replicas(hpa_spec, before)
    world = World(load, capacities[load.stock] if load.stock else 0.0, settings, replicas)
    pilot = Pilot(policy, hpa_spec, replicas, load.start)
    lag = -(-settings.metric_lag // load.tick)
    seen = deque([before] * lag, maxlen=lag + 1)
    records = []
    for k in range(len(load)):
        now = load.time(k)
        measured = world.advance(k)
        totals = {name: row[k] if measured.ready else 0.0 for name, row in flows.items()}
        if load.stock is not None:
            totals[load.stock] = float(measured.connections)
        seen.append(totals)
        readings, known = forecasts.at(now)
        tick = pilot.tick(now, seen[0], world.pods, measured.ready, readings, known)
        broken = world.scale(tick.desired, now)
        records.append(_record(measured, world.pods, tick, broken))
    return Run(load, capacities, replicas, tuple(records))


def _record(measured: Measured, pods: int, tick: Tick, broken: int) -> Record:
    return Record(
        ready=measured.ready,
        pods=pods,
        desired=tick.desired,
        hpa_alone=tick.hpa_alone,
        hot=measured.hot,
        opened=measured.opened,
        refused=measured.refused,
        broken=broken,
        decision=tick.decision,
    )


def hpa_for(policy: Policy, target: float = 0.7) -> HpaSpec:
    """The HPA of a careful user: each signal at `target` of its capacity on average, default behaviour."""
    metrics = tuple(
        MetricSpec(signal.name, Source.EXTERNAL, milli(target * signal.capacity_per_pod)) for signal in policy.signals
    )
    for signal, metric in zip(policy.signals, metrics, strict=True):
        if metric.target < _COARSEST:
            raise BadPolicy(
                f"{signal.name}: {signal.capacity_per_pod:g} per pod; the HPA counts in thousandths, so its target of"
                f" {target:g} of that would be rounded by more than 1 %: measure the signal in a smaller unit"
            )
    return HpaSpec(policy.bounds.min_replicas, policy.bounds.max_replicas, metrics)


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
