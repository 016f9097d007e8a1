"""Turns a history and an origin into what the network sees. One implementation, for training and for serving.

Everything is relative to the last known value and divided by a scale that is known at the origin, so that a workload
a hundred times larger gives the same inputs. Nothing after an origin is read. A missing bin holds the value before it
and is marked as missing; a lag whose window was hardly measured counts as not there.

What changes slowly (how much it usually moves, what its own ridge has learned, which rules were right of late) is taken
as of the last full hour or midnight. Works in steps, not in minutes: any step from 15 seconds to five minutes that
divides a day. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS
from forecaster.past import Past, mean_before, running
from forecaster.ridge import Fits, Ridge
from forecaster.series import EPOCH, FloatArray, IntArray, Series
from forecaster.success import Success
from forecaster.usual import GAPS, SPANS_DAYS, Usual, over_the_horizon

Float32Array = NDArray[np.float32]

CONTEXT = 120
"""Steps before the origin that the recurrent part reads."""
BEFORE, AFTER = 15, 15
"""A lag's window reaches this many steps before the same moment then, and beyond the horizon after it."""
LAGS = ((1,), (2,), (7,), (14,), (1, 2, 3, 4, 5, 6, 7), (7, 14, 21, 28))
"""Days ago. A lag of several days is their mean: the usual shape, with the noise averaged out."""
HOURS = ((1, 2, 3), tuple(range(1, 25)))
"""Hours ago, likewise: what cron starts at the same minute of each hour."""
DAYS = LAGS[4]
"""How much a move differs from day to day is measured over these."""
SPREAD_STEPS = (1, 5, 15)
RULES = ((1,), (7,), LAGS[4])
"""Lags whose success so far the network is told of, beside that of the workload's own ridge."""
RULE_STEPS = (3, 15)
LEVEL_STEPS = (15, 5, 15)
CHANNELS = 5
CALENDAR = 6
"""The last features; hidden in a share of the training. None tells the day of the week: what weekdays mean differs from
one workload to the next, and the lags of 7 and 14 days say it of this one."""
MIN_STEP, MAX_STEP = timedelta(seconds=15), timedelta(minutes=5)

_WINDOW = BEFORE + HORIZON + AFTER


def _one_after_another(sizes: Mapping[str, int]) -> dict[str, slice]:
    ends = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


FEATURE_PARTS = _one_after_another(
    {
        "lags": len(LAGS) * (_WINDOW + 2),
        "hours": len(HOURS) * (BEFORE + HORIZON + 2),
        "days": 3 * HORIZON,
        "ridge": HORIZON + 1,
        "levels": len(LEVEL_STEPS),
        "usual": len(SPANS_DAYS) * (len(GAPS) * len(LEVELS) + 1),
        "success": len(RULES) * len(RULE_STEPS) * 3 + len(RULE_STEPS) * 2,
        "spreads": 21,
        "calendar": CALENDAR,
    }
)
"""Where each part of the features lies."""
CANDIDATE_PARTS = _one_after_another({"lags": len(LAGS), "hours": len(HOURS), "ridge": 1, "levels": len(LEVEL_STEPS)})
"""Moves that something expects: each lag, each mean over hours, the ridge, and a return to the recent level."""
CHANNEL_PARTS = {"context": slice(0, 1), "lags": slice(1, 4), "gaps": slice(4, 5)}
SPREAD_PARTS = _one_after_another({"usual": len(SPANS_DAYS), "days": 1})
"""What a width may come from: the usual moves of each span, and how this minute differs from day to day."""
SPREADS = SPREAD_PARTS["days"].stop
FEATURES, CANDIDATES = FEATURE_PARTS["calendar"].stop, CANDIDATE_PARTS["levels"].stop
USUAL, SUCCESS = FEATURE_PARTS["usual"], FEATURE_PARTS["success"]
_NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_PRESENT_SHARE = 0.8
_TINY = 1e-9
_FAR = 30.0


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the network sees of B origins.

    sequence    [B, CONTEXT, CHANNELS]: the last steps, the same steps a day and a week ago, the usual day, measured?
    features    [B, FEATURES]: the windows of all lags, what is usual, whose rule was right, recent means, calendar
    increments  [B, CANDIDATES, HORIZON]: moves that may come, in today's scale; zero where a candidate has no opinion
    usual       [B, SPREADS, HORIZON, levels]: quantiles of this workload's own moves, in today's scale; the last as if
                what comes at this minute varied from day to day by a normal law
    last        [B], the last known value; scale [B], positive
    """

    sequence: Float32Array
    features: Float32Array
    increments: Float32Array
    usual: Float32Array
    last: FloatArray
    scale: FloatArray

    @staticmethod
    def concatenate(parts: Sequence[Inputs]) -> Inputs:
        return Inputs(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Inputs)})

    def rows(self, picked: IntArray) -> Inputs:
        return Inputs(**{f.name: getattr(self, f.name)[picked] for f in fields(Inputs)})


class Windows:
    """A series prepared once, so that the inputs of any of its origins are a few look-ups."""

    def __init__(self, series: Series, fits: Fits | None = None) -> None:
        if not MIN_STEP <= series.step <= MAX_STEP:
            raise NoForecast(
                f"{series.name}: a step of {series.step}; the network takes {MIN_STEP} to {MAX_STEP}: "
                "make a finer series coarser first, hold no coarser one up"
            )
        self.series = series
        self._past = Past(series)
        self._ridge = Ridge(self._past, fits)
        self._usual = Usual(self._past)
        self._success = Success(self._past, self._ridge, RULES, RULE_STEPS)
        self._moves = []
        for gap in SPREAD_STEPS:
            move = np.abs(self._past.move(gap))
            self._moves.append((running(np.nan_to_num(move)), running((~np.isnan(move)).astype(np.float64))))

    def prepare(self) -> None:
        """Does all the slow work at once, for whoever will ask for many origins in any order."""
        past = self._past
        if past.first < len(self.series):
            self._success.at(np.array([past.first, len(self.series) - 1]), CONTEXT)
            self._usual.at(np.arange(past.first, len(self.series), past.hour))

    def inputs(self, origins: IntArray) -> Inputs:
        """Inputs of each origin. Raises NoForecast where nothing was measured up to an origin."""
        self._past.check(origins)
        index = origins[:, None] + np.arange(1 - CONTEXT, 1)
        context, measured = self._past.at(index), self._past.is_known(index)
        now = _Now(origins, context[:, -1], self._scale(context, origins))
        relative = (context - now.last[:, None]) / now.scale[:, None]
        ago = [np.arcsinh(self._ago(now, days)) for days in ((1,), (7,), LAGS[4])]
        days = self._windows(now, [[d * self._past.day for d in lag] for lag in LAGS], AFTER)
        hours = self._windows(now, [[h * self._past.hour for h in lag] for lag in HOURS], 0)
        lagged = _grouped(days, [[d * self._past.day for d in lag] for lag in LAGS])
        hourly = _grouped(hours, [[h * self._past.hour for h in lag] for lag in HOURS])
        highest, lowest, deviation = _day_to_day([days[d * self._past.day] for d in DAYS])
        ridge, fitted = self._ridge.moves(origins)
        ridge = np.clip(ridge / now.scale[:, None], -_FAR, _FAR)
        level = _recent_levels(relative)
        moves, enough = self._usual.at(origins)
        moves = moves / now.scale[:, None, None, None]
        features = [
            np.arcsinh(lagged.flat()),
            np.arcsinh(hourly.flat()),
            np.arcsinh(np.concatenate([highest, lowest, deviation], axis=1)),
            np.arcsinh(np.concatenate([ridge, fitted[:, None], level], axis=1)),
            np.arcsinh(10 * moves.reshape(len(origins), len(SPANS_DAYS) * len(GAPS) * len(LEVELS))) / 3,
            enough.astype(np.float64),
            self._success.at(origins, CONTEXT),
            self._spreads(now, relative, measured),
            self._calendar(origins),
        ]
        ahead = slice(BEFORE, BEFORE + HORIZON)
        candidates = [
            lagged.windows[:, :, ahead],
            hourly.windows[:, :, ahead],
            ridge[:, None, :],
            np.repeat(level[:, :, None], HORIZON, axis=2),
        ]
        return Inputs(
            sequence=np.stack([np.arcsinh(relative), *ago, measured], axis=2).astype(np.float32),
            features=np.concatenate(features, axis=1).astype(np.float32),
            increments=np.concatenate(candidates, axis=1).astype(np.float32),
            usual=np.concatenate([over_the_horizon(moves), (deviation[..., None] * _NORMAL)[:, None]], axis=1).astype(
                np.float32
            ),
            last=now.last,
            scale=now.scale,
        )

    def targets(self, origins: IntArray) -> FloatArray:
        """[B, HORIZON], what came after each origin in the series' own unit; NaN where it is missing or not over."""
        index = origins[:, None] + np.arange(1, HORIZON + 1)
        inside = index < len(self.series)
        return np.where(inside, self.series.values[np.minimum(index, len(self.series) - 1)], np.nan)

    def _scale(self, context: FloatArray, origins: IntArray) -> FloatArray:
        """[B], how large this load is around now; a quiet stretch does not make a workload infinitely small."""
        past, top = self._past, self._past.last_hour(origins)
        day = mean_before(past.sizes, past.present, top, past.day)
        week = mean_before(past.sizes, past.present, top, 7 * past.day)
        scale = np.maximum.reduce([np.abs(context).mean(axis=1), context.std(axis=1), 0.1 * day, 0.03 * week])
        usable: FloatArray = np.where(scale > _TINY, scale, 1.0)
        return usable

    def _windows(self, now: _Now, groups: Sequence[Sequence[int]], after: int) -> dict[int, _Lag]:
        """What surrounded the same moment at each lag that is in a group, in bins."""
        offsets = np.arange(1 - BEFORE, HORIZON + after + 1)
        return {lag: self._one_lag(now, lag, offsets) for lag in {lag for group in groups for lag in group}}

    def _one_lag(self, now: _Now, lag: int, offsets: IntArray) -> _Lag:
        """The window at one lag: there if inside the history, over at the origin and measured nearly everywhere."""
        past = self._past
        first, stop = now.origins - lag + int(offsets[0]), now.origins - lag + int(offsets[-1]) + 1
        measured = past.present[np.clip([first, stop], 0, len(self.series))]
        share = (measured[1] - measured[0]) / len(offsets)
        over = lag >= int(offsets[-1])
        there = ((first >= past.first) & (share >= _PRESENT_SHARE) & over).astype(np.float64)
        base = past.at(now.origins - lag)
        window = past.at(now.origins[:, None] - lag + (offsets if over else np.minimum(offsets, 0)))
        window = (window - base[:, None]) / now.scale[:, None]
        return _Lag(window * there[:, None], (base - now.last) / now.scale * there, there)

    def _ago(self, now: _Now, days: Sequence[int]) -> FloatArray:
        """[B, CONTEXT], the context's steps so many days ago, in today's units; the mean over those days there."""
        total = np.zeros((len(now.origins), CONTEXT))
        counts = np.zeros(len(now.origins))
        for lag in (day * self._past.day for day in days):
            there = (now.origins - lag - CONTEXT >= self._past.first).astype(np.float64)
            steps = self._past.at(now.origins[:, None] - lag + np.arange(1 - CONTEXT, 1))
            total += (steps - now.last[:, None]) / now.scale[:, None] * there[:, None]
            counts += there
        return total / np.maximum(counts, 1.0)[:, None]

    def _spreads(self, now: _Now, relative: FloatArray, measured: FloatArray) -> FloatArray:
        """[B, 21]: how far this load moves in 1, 5 and 15 steps, lately and usually; recent means; age of the value."""
        past, top = self._past, self._past.last_hour(now.origins)
        spans = ((now.origins + 1, CONTEXT), (top, past.day), (top, 7 * past.day))
        columns = [
            np.log(mean_before(sums, counts, ends, back) / now.scale + 1e-3)
            for sums, counts in self._moves
            for ends, back in spans
        ]
        columns += [relative[:, -k:].mean(axis=1) for k in (5, 15, 60)]
        columns += [relative.max(axis=1), relative.min(axis=1), relative.std(axis=1)]
        columns += [(mean_before(past.sizes, past.present, e, b) - now.last) / now.scale for e, b in spans[1:]]
        columns.append(np.minimum(past.present[top] / past.day, 28.0) / 28.0)
        columns += [1.0 - measured[:, -1], measured.mean(axis=1)]
        columns.append(np.full(len(now.origins), np.log(self.series.step / timedelta(minutes=1))))
        spreads: FloatArray = np.arcsinh(np.stack(columns, axis=1))
        return spreads

    def _calendar(self, origins: IntArray) -> FloatArray:
        """[B, CALENDAR]: sine and cosine of the time of day, of half a day and of the hour, at the end."""
        step_s = self.series.step.total_seconds()
        seconds = ((self.series.start - EPOCH).total_seconds() + (origins + 1) * step_s) % 86400.0
        angles = [2 * np.pi * seconds / period for period in (86400.0, 43200.0, 3600.0)]
        return np.stack([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)


@dataclass(frozen=True, eq=False)
class _Now:
    """The origins, what was last known at each, and the scale that everything is divided by. [B] each."""

    origins: IntArray
    last: FloatArray
    scale: FloatArray


@dataclass(frozen=True, eq=False)
class _Lag:
    """window [B, offsets] less its level; level [B] less today's; there [B], 1 or 0. Zero where it is not there."""

    window: FloatArray
    level: FloatArray
    there: FloatArray


@dataclass(frozen=True, eq=False)
class _Lagged:
    """windows [B, lags, offsets] less their level; levels [B, lags] less today's; there [B, lags], which share is."""

    windows: FloatArray
    levels: FloatArray
    there: FloatArray

    def flat(self) -> FloatArray:
        parts = np.concatenate([self.windows, self.levels[..., None], self.there[..., None]], axis=2)
        return parts.reshape(len(parts), parts.shape[1] * parts.shape[2])


def _grouped(single: Mapping[int, _Lag], groups: Sequence[Sequence[int]]) -> _Lagged:
    """The mean of each group over those of its lags that are there."""
    windows, levels, flags = [], [], []
    for group in groups:
        there: FloatArray = np.sum([single[lag].there for lag in group], axis=0)
        counts = np.maximum(there, 1.0)
        windows.append(np.sum([single[lag].window for lag in group], axis=0) / counts[:, None])
        levels.append(np.sum([single[lag].level for lag in group], axis=0) / counts)
        flags.append(there / len(group))
    return _Lagged(np.stack(windows, axis=1), np.stack(levels, axis=1), np.stack(flags, axis=1))


def _day_to_day(days: Sequence[_Lag]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """([B, HORIZON] * 3), the highest and the lowest of what followed this minute on other days, and their deviation.

    Zero where fewer than two days are there. The deviation is of a sample: divided by one less than the days.
    """
    windows = np.stack([lag.window[:, BEFORE : BEFORE + HORIZON] for lag in days], axis=2)
    there = np.stack([lag.there for lag in days], axis=1)[:, None, :] > 0
    count = there.sum(axis=2)
    enough = count >= 2
    mean = np.where(there, windows, 0.0).sum(axis=2) / np.maximum(count, 1)
    squares = np.where(there, (windows - mean[..., None]) ** 2, 0.0).sum(axis=2)
    highest = np.where(enough, np.where(there, windows, -np.inf).max(axis=2, initial=-np.inf), 0.0)
    lowest = np.where(enough, np.where(there, windows, np.inf).min(axis=2, initial=np.inf), 0.0)
    return highest, lowest, np.where(enough, np.sqrt(squares / np.maximum(count - 1, 1)), 0.0)


def _recent_levels(relative: FloatArray) -> FloatArray:
    """[B, 3], the median and the means of the last LEVEL_STEPS: where a load returns to whose last value was noise."""
    median, short, long = LEVEL_STEPS
    return np.stack(
        [np.median(relative[:, -median:], axis=1), *(relative[:, -k:].mean(axis=1) for k in (short, long))], axis=1
    )
