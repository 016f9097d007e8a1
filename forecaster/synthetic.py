"""Made-up traffic to train on beside real traces: seeded, and consistent with what could have been known.

A schedule repeats, so it can be foreseen from the third time on; a flash crowd starts without a sign but goes on
after its onset; an outage cannot be foreseen, the reconnect wave after it can; noise stays noise. A socket service
gives two signals of one crowd: connections (a stock: arrivals that stay for a while) and messages (a flow).

Not for measuring: what is made here is for training only. Pure: numpy only.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np

from forecaster.series import FloatArray, Kind, Series

_MINUTE = timedelta(minutes=1)
_DAY = 1440
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS_OF = {"daily": range(7), "workdays": range(5), "weekend": range(5, 7)}


def training_set(seed: int, count: int, days: int = 30) -> list[Series]:
    """About `count` one-minute series: two thirds from socket services (both channels), the rest other workloads."""
    made: list[Series] = []
    number = 0
    while len(made) < count:
        rng = np.random.default_rng((seed, number))
        made += service(rng, days, f"service-{number}") if number % 2 == 0 else [workload(rng, days, f"load-{number}")]
        number += 1
    return made[:count]


def service(rng: np.random.Generator, days: int, name: str) -> list[Series]:
    """A socket service: its connections (stock) and the messages that its clients send a minute (flow)."""
    n = days * _DAY
    start = _start(rng)
    arrivals = _cycles(rng, n, start) * np.exp(rng.uniform(0.0, 0.25) * _wander(rng, n, rng.uniform(60, 720)))
    arrivals += _schedules(rng, n, start, int(rng.integers(0, 6))) + _flash_crowds(rng, n, int(rng.integers(0, 5)))
    arrivals *= _steps(rng, n)
    connections = _through_sessions(rng, np.maximum(arrivals, 0.0))
    if rng.random() < 0.5:  # an audience that comes at a time and leaves together: a market, a match, a shift
        connections += connections.mean() * _schedules(rng, n, start, int(rng.integers(1, 4)))
    connections *= _outages(rng, n, int(rng.integers(0, 4)), wave=True)
    size = 10 ** rng.uniform(1.2, 4.5) / max(float(connections.mean()), 1e-9)
    level = connections * size * np.maximum(0.0, 1 + 10 ** rng.uniform(-3.2, -1.6) * rng.normal(size=n))
    chatter = _activity(rng, n, start)
    rate = level * chatter * 10 ** rng.uniform(-1.0, 0.7)
    counted = rng.poisson(np.minimum(rate * rng.gamma(20.0, 1 / 20.0, size=n), 1e9)).astype(np.float64)
    return [
        Series(start, _MINUTE, _with_gaps(rng, np.round(level)), Kind.STOCK, f"{name}-connections"),
        Series(start, _MINUTE, _with_gaps(rng, counted), Kind.FLOW, f"{name}-messages"),
    ]


def workload(rng: np.random.Generator, days: int, name: str) -> Series:
    """A request rate of some kind: a web log, a scheduled job, a bursty function, a spiky database."""
    n = days * _DAY
    start = _start(rng)
    rate = _cycles(rng, n, start) + _schedules(rng, n, start, int(rng.integers(0, 5)))
    rate += _pulses(rng, n) + _flash_crowds(rng, n, int(rng.integers(0, 8)))
    if rng.random() < 0.35:
        rate = rng.uniform(0.0, 1.0) * rate + _plateaus(rng, n)
    if rng.random() < 0.4:
        rate += _spikes(rng, n)
    rate *= _steps(rng, n) * _outages(rng, n, int(rng.integers(0, 4)), wave=rng.random() < 0.5)
    rate *= np.exp(rng.uniform(0.0, 0.3) * _wander(rng, n, rng.uniform(20, 720)))
    rate *= 10 ** rng.uniform(0.3, 4.5)
    fast = 10 ** rng.uniform(-2.3, -0.5)
    noisy = np.maximum(0.0, rate * (1 + fast * _coloured(rng, n, rng.uniform(0.0, 0.9))))
    values = rng.poisson(np.minimum(noisy, 1e9)).astype(np.float64) if rng.random() < 0.7 else noisy
    return Series(start, _MINUTE, _with_gaps(rng, values), Kind.FLOW, name)


def _start(rng: np.random.Generator) -> datetime:
    return _MONDAY + timedelta(days=int(rng.integers(364)))


def _cycles(rng: np.random.Generator, n: int, start: datetime) -> FloatArray:
    """A day with one or two humps, other days of the week at other heights, sometimes hardly anything at all."""
    if rng.random() < 0.2:
        return np.full(n, rng.uniform(0.02, 0.3))
    t = np.arange(n)
    day = np.ones(n)
    for order, depth in ((1, 0.8), (2, 0.4), (3, 0.15)):
        day += rng.uniform(0, depth) * np.sin(2 * np.pi * order * (t - rng.integers(_DAY)) / _DAY)
    weekday = (t // _DAY + start.weekday()) % 7
    heights = np.where(np.arange(7) >= 5, rng.uniform(0.3, 1.3), 1.0) * rng.normal(1.0, 0.04, size=7)
    between = np.convolve(np.repeat(heights[weekday[::_DAY]], _DAY), np.full(121, 1 / 121), mode="same")
    growth = np.exp(rng.normal(0, 0.004) * t / _DAY)
    return np.maximum(day, 0.03) * between * growth


def _schedules(rng: np.random.Generator, n: int, start: datetime, count: int) -> FloatArray:
    """Things that begin at the same minute: daily, on workdays, on some weekdays or weekly; now and then missed."""
    total = np.zeros(n)
    for _ in range(count):
        kind = rng.choice(["daily", "workdays", "weekend", "some", "weekly"], p=[0.35, 0.2, 0.05, 0.2, 0.2])
        days_of = (
            {int(d) for d in _DAYS_OF[kind]}
            if kind in _DAYS_OF
            else {int(d) for d in rng.choice(7, 1 if kind == "weekly" else int(rng.integers(2, 4)), replace=False)}
        )
        minute, jitter = int(rng.integers(_DAY)), float(rng.choice([0.0, 0.0, 0.5, 1.0, 2.5]))
        rise, hold = int(rng.integers(1, 25)), int(rng.choice([1, 5, 15, 45, 90, 200]))
        fade, abrupt = rng.uniform(2, 60), rng.random() < 0.35
        height, spread = 10 ** rng.uniform(-0.9, 0.7), float(rng.choice([0.03, 0.1, 0.25]))
        missed = float(rng.choice([0.0, 0.0, 0.04, 0.2]))
        shape = _event(rise, hold, fade, abrupt, bend=rng.uniform(0.6, 1.8))
        for day in range(n // _DAY):
            if (day + start.weekday()) % 7 in days_of and rng.random() >= missed:
                _add(
                    total,
                    day * _DAY + minute + round(rng.normal(0, jitter)),
                    height * max(0.1, rng.normal(1, spread)) * shape,
                )
    return total


def _flash_crowds(rng: np.random.Generator, n: int, count: int) -> FloatArray:
    """Crowds that nobody announced: a rise of minutes, then a slow fade. Big ones are rare."""
    total = np.zeros(n)
    for _ in range(count):
        shape = _event(
            int(rng.integers(2, 30)), int(rng.integers(0, 20)), rng.uniform(5, 180), False, rng.uniform(0.5, 2.0)
        )
        _add(total, int(rng.integers(n)), 10 ** rng.uniform(-0.5, 0.8) * shape)
    return total


def _event(rise: int, hold: int, fade: float, abrupt: bool, bend: float) -> FloatArray:
    """[minutes], from nothing up to 1, held, and gone again at once or little by little."""
    up = (np.arange(1, rise + 1) / rise) ** bend
    down = np.zeros(0) if abrupt else np.exp(-np.arange(int(6 * fade)) / fade)
    return np.concatenate([up, np.ones(hold), down])


def _add(total: FloatArray, at: int, shape: FloatArray) -> None:
    first, stop = max(at, 0), min(at + len(shape), len(total))
    if first < stop:
        total[first:stop] += shape[first - at : stop - at]


def _pulses(rng: np.random.Generator, n: int) -> FloatArray:
    """Cron jobs: a few minutes at the same minute of each hour, half-hour or quarter."""
    t = np.arange(n)
    total = np.zeros(n)
    for _ in range(rng.integers(0, 3)):
        period = int(rng.choice([60, 60, 30, 15, 360]))
        offset, width = int(rng.integers(period)), int(rng.integers(1, 6))
        total[(t - offset) % period < width] += 10 ** rng.uniform(-1.0, 0.2) * rng.uniform(0.8, 1.2)
    return total


def _plateaus(rng: np.random.Generator, n: int) -> FloatArray:
    """A load that switches between nothing and some levels, for minutes to hours, as bursty functions do."""
    levels = np.concatenate([[0.0], 10 ** rng.uniform(-0.6, 0.6, size=int(rng.integers(1, 4)))])
    mean_on = 10 ** rng.uniform(0.5, 2.3)
    lengths = np.maximum(1, rng.exponential(mean_on, size=int(3 * n / mean_on) + 10)).astype(int)
    picks = rng.choice(levels, size=len(lengths)) * rng.normal(1, 0.05, size=len(lengths))
    return np.resize(np.maximum(np.repeat(picks, lengths), 0.0), n)


def _spikes(rng: np.random.Generator, n: int) -> FloatArray:
    """Single minutes, or a few, that stand out and mean nothing."""
    total = np.zeros(n)
    at = np.flatnonzero(rng.random(n) < 10 ** rng.uniform(-3.5, -1.8))
    for k in at:
        _add(total, int(k), 10 ** rng.uniform(-0.7, 0.6) * np.ones(int(rng.choice([1, 1, 1, 2, 4]))))
    return total


def _steps(rng: np.random.Generator, n: int) -> FloatArray:
    """A factor: sometimes another level from one minute on, as after a migration."""
    factor = np.ones(n)
    if rng.random() < 0.35:
        factor[int(rng.integers(n)) :] *= rng.uniform(0.3, 3.0)
    return factor


def _outages(rng: np.random.Generator, n: int, count: int, wave: bool) -> FloatArray:
    """A factor: little or nothing for a while, then everybody at once where clients reconnect."""
    factor = np.ones(n)
    for _ in range(count):
        at, down = int(rng.integers(n)), int(10 ** rng.uniform(0.2, 2.2))
        factor[at : at + down] *= rng.uniform(0.0, 0.3)
        if wave:
            back = int(rng.integers(4, 25))
            surge = 1 + rng.uniform(0.0, 0.8) * np.exp(-np.arange(4 * back) / back)
            stop = min(n, at + down + len(surge))
            factor[min(n, at + down) : stop] *= surge[: max(0, stop - at - down)]
    return factor


def _activity(rng: np.random.Generator, n: int, start: datetime) -> FloatArray:
    """Messages per connection: a base, hours with more, bursts that something set off."""
    base = np.exp(rng.uniform(0.02, 0.3) * _wander(rng, n, rng.uniform(10, 240)))
    base *= 1 + rng.uniform(0, 0.5) * np.sin(2 * np.pi * (np.arange(n) - rng.integers(_DAY)) / _DAY)
    base += 0.5 * _schedules(rng, n, start, int(rng.integers(0, 3)))
    bursts = int(rng.choice([0, 10, 60, 200]) * n / (30 * _DAY))
    for at in rng.integers(n, size=bursts):
        _add(base, int(at), 10 ** rng.uniform(-0.3, 1.1) * np.exp(-np.arange(30) / rng.uniform(1, 8)))
    return np.maximum(base, 0.0)


def _through_sessions(rng: np.random.Generator, arrivals: FloatArray) -> FloatArray:
    """Who is connected: the arrivals convolved with the share that stays at least so long (log-normal)."""
    mean_min, shape = 10 ** rng.uniform(0.5, 2.6), rng.uniform(0.4, 1.3)
    ages = np.arange(1, 2 * _DAY, dtype=np.float64)
    location = math.log(mean_min) - shape**2 / 2
    z = (np.log(ages) - location) / (shape * math.sqrt(2))
    stays = np.concatenate([[1.0], 0.5 * (1 - np.array([math.erf(x) for x in z]))])
    past = np.concatenate([arrivals[: 2 * _DAY], arrivals])
    size = 1 << (len(past) + len(stays)).bit_length()
    level = np.fft.irfft(np.fft.rfft(past, size) * np.fft.rfft(stays / stays.sum(), size), size)
    return np.maximum(level[2 * _DAY : 2 * _DAY + len(arrivals)], 0.0)


def _wander(rng: np.random.Generator, n: int, minutes: float) -> FloatArray:
    """Unit-variance noise with a memory of so many minutes."""
    return _coloured(rng, n, 1 - 1 / minutes)


def _coloured(rng: np.random.Generator, n: int, rho: float) -> FloatArray:
    """First-order autoregressive noise of unit variance, by convolution with its impulse response."""
    length = min(n, max(2, int(6 / max(1 - rho, 1e-3))))
    response = math.sqrt(1 - rho**2) * rho ** np.arange(length)
    white = rng.normal(size=n + length)
    size = 1 << (n + 2 * length).bit_length()
    mixed = np.fft.irfft(np.fft.rfft(white, size) * np.fft.rfft(response, size), size)
    return np.asarray(mixed[length : length + n])


def _with_gaps(rng: np.random.Generator, values: FloatArray) -> FloatArray:
    """Some bins were never measured: single scrapes, a restart of the monitoring, once in a while a day."""
    holes = rng.integers(0, len(values), size=int(rng.choice([0, 0, 3, 20])))
    out = values.copy()
    for at in holes:
        out[at : at + int(10 ** rng.uniform(0, 2.5))] = np.nan
    return out
