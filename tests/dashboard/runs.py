"""Ledgers for the dashboard's tests: an hour in the simulated world, decided by the real planner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

from controller.adapters.ledger import Entry, LedgerWriter
from controller.domain import Mode, Policy
from controller.simulation.feed import feed_from
from controller.simulation.metric_lag import MetricLag
from controller.simulation.pilot import Pilot, Tick
from controller.simulation.replay import first_replicas, hpa_for
from controller.simulation.world import World, WorldSettings
from tests.helpers.builders import CONNECTIONS, MESSAGES, a_policy
from tests.helpers.worlds import START, LastSlope, a_load, connections, messages, wave

MINUTES = 60
POLICY = a_policy(signals=(CONNECTIONS, MESSAGES), lead_time=timedelta(minutes=3))


@cache
def an_hour(mode: Mode = Mode.ACTIVE) -> tuple[Entry, ...]:
    """240 decisions over a wave of 60 to 300 connections, on pods that take three minutes to start."""
    policy = replace(POLICY, mode=mode)
    levels = wave(MINUTES, period=40)
    series = (connections(levels), messages([2 * level for level in levels]))
    load = a_load(*series)
    settings = WorldSettings(pod_start=timedelta(minutes=3))
    feed = feed_from(LastSlope(), series, policy, settings.metric_lag, START)
    spec = hpa_for(policy)
    first = {name: float(row[0]) for name, row in load.signals.items()}
    world = World(load, CONNECTIONS.capacity_per_pod, settings, first_replicas(spec, first))
    pilot = Pilot(policy, spec, first_replicas(spec, first), START)
    lag = MetricLag(load, settings)
    entries = []
    for k in range(len(load)):
        measured = world.advance(k)
        seen = lag.seen(k, measured.connections)
        tick = pilot.tick(load.time(k), seen, world.pods, measured.ready, *feed.at(load.time(k)))
        world.scale(tick.desired, tick.now)
        entries.append(_entry(tick, {name: float(row[k]) for name, row in load.signals.items()}))
    return tuple(entries)


def _entry(tick: Tick, load: dict[str, float]) -> Entry:
    return Entry(
        now=tick.now,
        observed=tick.observed,
        forecasts=tick.forecasts,
        memory=tick.memory,
        view={"load": load, "hpa_alone": tick.hpa_alone},
        decision=tick.decision,
    )


def later(entry: Entry, by: timedelta) -> Entry:
    """The same moment some time later, with what was known and said of it."""
    known = tuple(replace(forecast, origin=forecast.origin + by) for forecast in entry.forecasts)
    readings = tuple(replace(reading, at=reading.at + by) for reading in entry.observed.readings)
    observed, decision = replace(entry.observed, readings=readings), replace(entry.decision, at=entry.decision.at + by)
    return replace(entry, now=entry.now + by, observed=observed, forecasts=known, decision=decision)


def bare(entry: Entry) -> Entry:
    """The entry as a controller writes it that measures nothing beside what it decides on."""
    return replace(entry, view=None)


def blind(entry: Entry) -> Entry:
    """An entry of a moment at which nothing was known."""
    observed = replace(entry.observed, hpa_wish=None, readings=())
    return replace(entry, view=None, observed=observed, forecasts=(), decision=replace(entry.decision, wanted=None))


def write(path: Path, entries: Iterable[Entry], policy: Policy = POLICY) -> Path:
    """Writes entries to a ledger, or adds them to it."""
    with LedgerWriter(path, policy) as ledger:
        for entry in entries:
            ledger.append(entry)
    return path
