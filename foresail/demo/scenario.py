"""What the demo plays: eight days of history, some hours of live load, and the policy of the workload that carries it.

The made-up service is of the demo's own kind, not of the kind that the model was trained on: a mild daily wave, a show
every evening at eight that most of the audience joins within minutes, and, while the demo runs, one flash crowd that
nothing announces. A real trace takes its place with `from_trace`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from controller.domain import Bounds, Mode, Policy, Signal
from controller.simulation.load import TICK, Load, load_from_series
from forecaster.series import DAY, FloatArray, Kind, Series
from foresail.errors import UsageError

CONNECTIONS, MESSAGES = "connections", "messages"
CAPACITY = 20
"""Connections that one process of the demo is sized for; small, so that a few hundred clients make many pods."""
MESSAGES_PER_POD = 2.0
"""Messages a second of the demo's clock that one process is sized for."""
CHATTER = 1 / 30
"""Messages a second and client in quiet times: one every half minute."""
BOUNDS = Bounds(2, 40)
CLIENTS = 240
FEWEST_CLIENTS, MOST_CLIENTS = CAPACITY, round(0.7 * BOUNDS.max_replicas * CAPACITY)
"""With more, an HPA that aims at 70 % of each pod would stand at its maximum, and so would every other arm."""
HISTORY = 8 * DAY
_SHOW = timedelta(hours=20)
_MINUTE = timedelta(minutes=1)
_SESSION = timedelta(minutes=25)
_FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
_SHORTEST, _LONGEST = timedelta(minutes=60), timedelta(hours=24)
_RISE_AT, _FLASH_AT = 0.30, 0.72
"""Where in the run the show begins and the flash crowd comes, as shares of it."""


@dataclass(frozen=True)
class Segment:
    """A part of the run that the report looks at by itself."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True, eq=False)
class Scenario:
    """What is played. `history` ends where `load` starts; both have the signals of the policy, by name."""

    title: str
    history: tuple[Series, ...]
    load: Load
    policy: Policy
    segments: tuple[Segment, ...]


def policy(pod_start: timedelta) -> Policy:
    """The workload's policy: default settings, acting, with the lead time that the demo's pods have."""
    return Policy(
        name="demo-gateway",
        signals=(Signal(CONNECTIONS, Kind.STOCK, CAPACITY), Signal(MESSAGES, Kind.FLOW, MESSAGES_PER_POD)),
        bounds=BOUNDS,
        mode=Mode.ACTIVE,
        lead_time=pod_start,
    )


def made_up(seed: int, length: timedelta, pod_start: timedelta) -> Scenario:
    """The demo's own service; the same seed gives the same clients at the same moments."""
    _check_length(length)
    rng = np.random.default_rng(seed)
    days = HISTORY // DAY
    start = _whole_minute(_FIRST_DAY + days * DAY + _SHOW - _RISE_AT * length)
    flash = start + (_FLASH_AT + rng.uniform(-0.02, 0.02)) * length
    ticks = (HISTORY + length) // TICK
    clock = np.arange(ticks) * TICK.total_seconds() / 60 + (start - HISTORY - _FIRST_DAY) / _MINUTE
    audience = _wave(clock) + _shows(rng, clock) + _crowd(clock - (flash - _FIRST_DAY) / _MINUTE)
    level = np.rint(audience * (1 + 0.012 * _slow_noise(rng, ticks, 40)))
    rate = level * CHATTER * np.exp(0.15 * _slow_noise(rng, ticks, 24))
    series = _both(start - HISTORY, TICK, level, rate)
    segments = (
        Segment("recurring rise", _near(start, length, _RISE_AT, -15), _near(start, length, _RISE_AT, 30)),
        Segment("flash crowd", flash - 5 * _MINUTE, min(flash + 40 * _MINUTE, start + length)),
    )
    return Scenario(
        "evening show and flash crowd, made up",
        *_split(series, start, length, _MINUTE, seed),
        policy(pod_start),
        segments,
    )


def from_trace(trace: Series, clients: int, length: timedelta, pod_start: timedelta, seed: int) -> Scenario:
    """The stretch of a trace's last 30 % whose load changes most, scaled to `clients` at its highest.

    A trace of connections gives the clients' number; one of requests is taken for it. Bins are held, never smoothed:
    interpolation would show the future.
    """
    _check_length(length)
    if trace.step % TICK:
        raise UsageError(
            f"{trace.name}: bins of {trace.step} are not whole ticks of {TICK}; resample the file to whole minutes"
        )
    start = _liveliest(trace, length)
    first, stop = trace.index(start), trace.index(start + length - TICK) + 1
    live = trace.values[first:stop]
    scale = clients / float(np.nanmax(live))
    begin = max(trace.start, start - 28 * DAY)
    seen = trace.part(trace.index(begin), stop)
    per_bin = seen.step // TICK
    level = np.rint(np.repeat(seen.values * scale, per_bin))
    rng = np.random.default_rng(seed)
    rate = level * CHATTER * np.exp(0.15 * _slow_noise(rng, len(level), 24))
    series = _both(seen.start, TICK, level, rate)
    title = f"{trace.name} from {start:%Y-%m-%d %H:%M} UTC, 1 client for {1 / scale:,.3g}"
    return Scenario(title, *_split(series, start, length, trace.step, seed), policy(pod_start), ())


def _split(
    series: tuple[Series, Series], start: datetime, length: timedelta, step: timedelta, seed: int
) -> tuple[tuple[Series, ...], Load]:
    """The history in bins of at least a minute, and the live load in ticks."""
    at = series[0].index(start)
    live = tuple(s.part(at, at + length // TICK) for s in series)
    history = tuple(s.part(0, at).coarser(max(step, _MINUTE)) for s in series)
    return history, load_from_series(live, TICK, _SESSION, seed)


def _both(start: datetime, step: timedelta, level: FloatArray, rate: FloatArray) -> tuple[Series, Series]:
    return Series(start, step, level, Kind.STOCK, CONNECTIONS), Series(start, step, rate, Kind.FLOW, MESSAGES)


def _wave(minute: FloatArray) -> FloatArray:
    """A quiet night, a flat day: 45 to 85 clients."""
    hour = (minute / 60) % 24
    return np.asarray(65 + 20 * np.sin(2 * np.pi * (hour - 10) / 24))


def _shows(rng: np.random.Generator, minute: FloatArray) -> FloatArray:
    """Every evening at eight, give or take a minute: most of the audience within five minutes, gone after two hours."""
    total = np.zeros(len(minute))
    for day in range(int(minute[0] // 1440), int(minute[-1] // 1440) + 1):
        since = minute - day * 1440 - _SHOW / _MINUTE - rng.normal(0, 0.6)
        rise, height = rng.uniform(4.5, 6.0), rng.normal(135, 8)
        total += height * _smooth(since / rise) * (1 - _smooth((since - 120) / 20))
    return total


def _crowd(since: FloatArray) -> FloatArray:
    """110 clients more within six minutes of moment 0, of whom half have left twenty minutes later."""
    return np.asarray(110 * _smooth(since / 6) * np.exp(-np.maximum(since - 6, 0) * np.log(2) / 20))


def _smooth(x: FloatArray) -> FloatArray:
    """From 0 to 1 while x goes from 0 to 1, without a corner."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))


def _slow_noise(rng: np.random.Generator, count: int, ticks: int) -> FloatArray:
    """[count], unit variance, with a memory of about so many ticks."""
    kernel = np.hanning(2 * ticks + 1)
    return np.convolve(rng.normal(size=count + 2 * ticks), kernel / np.sqrt((kernel**2).sum()), mode="valid")


def _liveliest(trace: Series, length: timedelta) -> datetime:
    """Start of the stretch with the widest range, in the last 30 % and with three days of history before it."""
    bins = -(-length // trace.step)
    earliest = max(int(0.7 * len(trace)), 3 * trace.bins_per_day)
    starts = range(earliest, len(trace) - bins, max(1, bins // 8))
    best, widest = -1, 0.0
    for first in starts:
        part = trace.values[first : first + bins]
        if np.isnan(part).any():
            continue
        width = float(part.max() - part.min())
        if width > widest:
            best, widest = first, width
    if best < 0:
        raise UsageError(
            f"{trace.name}: no {length} without a gap or a change in its last 30 % after three days of history; "
            "choose a longer trace or fewer --minutes"
        )
    return trace.time(best)


def _near(start: datetime, length: timedelta, share: float, minutes: float) -> datetime:
    return start + share * length + minutes * _MINUTE


def _whole_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _check_length(length: timedelta) -> None:
    if not _SHORTEST <= length <= _LONGEST:
        raise UsageError(
            f"the run would last {length} of its own clock; expected {_SHORTEST} to {_LONGEST}: "
            "that is --minutes times --speed"
        )
