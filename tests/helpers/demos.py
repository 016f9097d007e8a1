"""Small demos: scenarios of a few minutes, moments and runs made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from controller.domain import Decision, Policy
from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.pilot import Pilot, Tick
from controller.simulation.replay import Record, Run, hpa_for
from forecaster.forecast import Forecast
from forecaster.series import DAY, Kind, Series
from foresail.demo.live import Moment
from foresail.demo.scenario import CAPACITY, CHATTER, CONNECTIONS, MESSAGES, Scenario, Segment, policy
from tests.helpers.builders import MINUTE, at

POD_START = timedelta(seconds=30)
RISE_AND_FALL = [30.0] * 2 + [45.0, 60.0, 75.0, 80.0, 80.0] + [25.0] * 11
"""Clients in each minute: the pods double, and the last of them are ended with clients on them."""


def a_policy() -> Policy:
    return policy(POD_START)


def a_scenario(levels: Sequence[float], segments: Sequence[Segment] = (), seed: int = 0) -> Scenario:
    """So many clients in each minute, after a day like the first of them."""
    ahead = np.array(levels, dtype=np.float64)
    before = np.full(DAY // MINUTE, ahead[0])
    live = (_connections(ahead), _messages(ahead))
    history = (_connections(before, at() - DAY), _messages(before, at() - DAY))
    load = load_from_series(live, TICK, timedelta(minutes=25), seed)
    return Scenario("a few minutes", history, load, a_policy(), tuple(segments))


def a_load(levels: Sequence[float]) -> Load:
    """So many clients at each tick, and nobody who leaves for another."""
    return load_from_series(
        [Series(at(), TICK, np.array(levels, dtype=np.float64), Kind.STOCK, CONNECTIONS)], TICK, DAY, 0
    )


def a_run(levels: Sequence[float], ready: Sequence[int], *, refused: int = 0, broken: int = 0) -> Run:
    """A run by hand: clients and ready pods at each tick; as many pods are asked for as are ready."""
    idle = Decision(at(), 2, 2, None, None, None, True, ())
    records = tuple(Record(pods, pods, 0, pods, pods, 0.0, 0, 0, refused, broken, 0, idle) for pods in ready)
    return Run(a_load(levels), {CONNECTIONS: CAPACITY}, ready[0], records)


def a_tick(forecasts: Sequence[Forecast] = (), now: datetime | None = None, connections: float = 30.0) -> Tick:
    """One tick of two pods."""
    moment, rules = now or at(), a_policy()
    seen = {CONNECTIONS: connections, MESSAGES: connections * CHATTER}
    return Pilot(rules, hpa_for(rules), 2, moment).tick(moment, seen, 2, 2, (), forecasts)


def a_moment(
    forecasts: Sequence[Forecast] = (), now: datetime | None = None, connections: float = 30.0, ready: int = 2
) -> Moment:
    """What there is to see after one tick, with three pods of which `ready` take traffic."""
    offered = {CONNECTIONS: connections, MESSAGES: connections * CHATTER}
    moment = now or at()
    return Moment(moment, offered, ready, 3, int(connections), a_tick(forecasts, moment, connections), 60.0)


def _connections(levels: np.ndarray, start: datetime | None = None) -> Series:
    return Series(start or at(), MINUTE, levels, Kind.STOCK, CONNECTIONS)


def _messages(levels: np.ndarray, start: datetime | None = None) -> Series:
    return Series(start or at(), MINUTE, levels * CHATTER, Kind.FLOW, MESSAGES)
