"""Turns a history and an origin into what the network sees. One implementation, for training and for serving.

Everything is relative to the last known value and divided by a scale that is known at the origin, so that a workload
a hundred times larger gives the same inputs. Nothing after an origin is read. A missing bin holds the value before it
and is marked as missing; a lag whose window was hardly measured counts as not there.

What changes slowly (how much it usually moves, what its own ridge has learned, which rules were right of late) is taken
as of the last full hour or midnight. Works in steps, not in minutes: any step from 15 seconds to five minutes that
divides an hour. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from forecaster.behind import Along, Behind
from forecaster.forecast import HORIZON, LEVELS
from forecaster.lags import BEFORE, Now, context_ago, day_to_day, grouped, lags
from forecaster.past import Past, mean_before, running
from forecaster.ridge import Fits, Ridge
from forecaster.series import DAY, BoolArray, FloatArray, IntArray, Series
from forecaster.steps import check_step
from forecaster.success import Success
from forecaster.targets import targets
from forecaster.usual import GAPS, SPANS_DAYS, Usual, over_the_horizon

Float32Array = NDArray[np.float32]

CONTEXT = 120
"""Steps before the origin that the recurrent part reads."""
AFTER = 15
"""A lag's window reaches this many steps beyond the horizon after the same moment then."""
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
        check_step(series.name, series.step)
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
        return inputs_of(Along(self._past, origins), self._known_of_itself(origins))

    def targets(self, origins: IntArray) -> FloatArray:
        """[B, HORIZON], what came after each origin in the series' own unit; NaN where it is missing or not over."""
        return targets(self.series.values, origins)

    def _known_of_itself(self, origins: IntArray) -> Itself:
        past, top = self._past, self._past.last_hour(origins)
        days = (past.day, 7 * past.day)
        spans = ((origins + 1, CONTEXT), *((top, back) for back in days))
        ridge, fitted = self._ridge.moves(origins)
        usual, enough = self._usual.at(origins)
        moves = [[mean_before(*sums, ends, back) for ends, back in spans] for sums in self._moves]
        return Itself(
            ridge=ridge,
            fitted=fitted,
            usual=usual,
            enough=enough,
            success=self._success.at(origins, CONTEXT),
            sizes=np.stack([mean_before(past.sizes, past.present, top, back) for back in days], axis=1),
            moves=np.stack([np.stack(row, axis=1) for row in moves], axis=1),
            measured=past.present[top],
        )


@dataclass(frozen=True, eq=False)
class Itself:
    """What B workloads tell of themselves beside their windows, in their own units.

    ridge [B, HORIZON], fitted [B]      the moves that the workload's own ridge expects, and whether it has a fit
    usual [B, spans, GAPS, levels], enough [B, spans]     quantiles of its own moves, and whether there are enough
    success [B, ratios]                 how well rules and ridge did
    sizes [B, 2]                        mean size over the last day and week, up to the last full hour
    moves [B, SPREAD_STEPS, 3]          mean size of a move over the context, and over the day and week as above
    measured [B]                        bins that were measured up to the last full hour
    """

    ridge: FloatArray
    fitted: BoolArray
    usual: FloatArray
    enough: BoolArray
    success: FloatArray
    sizes: FloatArray
    moves: FloatArray
    measured: FloatArray

    def of(self, rows: slice | IntArray) -> Itself:
        """Some of the workloads."""
        return Itself(**{f.name: getattr(self, f.name)[rows] for f in fields(Itself)})


def inputs_of(behind: Behind, itself: Itself) -> Inputs:
    """What the network sees of B origins, from what lies behind them and what is known of their workloads."""
    day = DAY // behind.step
    hour = max(day // 24, 1)
    context, measured = behind.held(1 - CONTEXT, 1), behind.known(1 - CONTEXT, 1)
    now = Now(context[:, -1], _scale(context, itself.sizes))
    relative = (context - now.last[:, None]) / now.scale[:, None]
    days, hours = ([[k * bins for k in lag] for lag in groups] for groups, bins in ((LAGS, day), (HOURS, hour)))
    single = lags(behind, now, sorted({lag for group in days for lag in group}), AFTER)
    lagged = grouped(single, days)
    hourly = grouped(lags(behind, now, sorted({lag for group in hours for lag in group}), 0), hours)
    highest, lowest, deviation = day_to_day([single[d * day] for d in DAYS])
    ridge = np.clip(itself.ridge / now.scale[:, None], -_FAR, _FAR)
    level = _recent_levels(relative)
    usual = itself.usual / now.scale[:, None, None, None]
    features = [
        np.arcsinh(lagged.flat()),
        np.arcsinh(hourly.flat()),
        np.arcsinh(np.concatenate([highest, lowest, deviation], axis=1)),
        np.arcsinh(np.concatenate([ridge, itself.fitted[:, None], level], axis=1)),
        np.arcsinh(10 * usual.reshape(len(usual), len(SPANS_DAYS) * len(GAPS) * len(LEVELS))) / 3,
        itself.enough.astype(np.float64),
        itself.success,
        _spreads(behind, now, itself, relative, measured),
        _calendar(behind),
    ]
    ahead = slice(BEFORE, BEFORE + HORIZON)
    candidates = [
        lagged.windows[:, :, ahead],
        hourly.windows[:, :, ahead],
        ridge[:, None, :],
        np.repeat(level[:, :, None], HORIZON, axis=2),
    ]
    ago = context_ago(behind, now, [days[0], days[2], days[4]], CONTEXT)
    sequence = [np.arcsinh(relative), *(np.arcsinh(steps) for steps in ago), measured]
    return Inputs(
        sequence=np.stack(sequence, axis=2).astype(np.float32),
        features=np.concatenate(features, axis=1).astype(np.float32),
        increments=np.concatenate(candidates, axis=1).astype(np.float32),
        usual=np.concatenate(
            [over_the_horizon(usual), (deviation[..., None] * _NORMAL)[:, None]], axis=1, dtype=np.float32
        ),
        last=now.last,
        scale=now.scale,
    )


def reads(step: timedelta) -> list[tuple[int, int]]:
    """Which offsets from an origin `inputs_of`, the ridge's design and the rules read: (first, stop), apart."""
    day = DAY // step
    hour = max(day // 24, 1)
    spans = [(1 - CONTEXT, 1)]
    spans += [(1 - BEFORE - h * hour, HORIZON + 1 - h * hour) for lag in HOURS for h in lag]
    spans += [(1 - BEFORE - d * day, HORIZON + AFTER + 1 - d * day) for lag in LAGS for d in lag]
    spans += [(1 - CONTEXT - d * day, 1 - d * day) for d in DAYS]
    apart: list[tuple[int, int]] = []
    for first, stop in sorted((first, min(stop, 1)) for first, stop in spans):
        if apart and first <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(stop, apart[-1][1])
        else:
            apart.append((first, stop))
    return apart


def _scale(context: FloatArray, sizes: FloatArray) -> FloatArray:
    """[B], how large this load is around now; a quiet stretch does not make a workload infinitely small."""
    day, week = sizes.T
    scale = np.maximum.reduce([np.abs(context).mean(axis=1), context.std(axis=1), 0.1 * day, 0.03 * week])
    usable: FloatArray = np.where(scale > _TINY, scale, 1.0)
    return usable


def _spreads(behind: Behind, now: Now, itself: Itself, relative: FloatArray, measured: FloatArray) -> FloatArray:
    """[B, 21]: how far this load moves in 1, 5 and 15 steps, lately and usually; recent means; age of the value."""
    moves = np.log(itself.moves.reshape(len(relative), len(SPREAD_STEPS) * 3) / now.scale[:, None] + 1e-3)
    columns = [relative[:, -k:].mean(axis=1) for k in (5, 15, 60)]
    columns += [relative.max(axis=1), relative.min(axis=1), relative.std(axis=1)]
    columns += list(((itself.sizes - now.last[:, None]) / now.scale[:, None]).T)
    columns.append(np.minimum(itself.measured / (DAY // behind.step), 28.0) / 28.0)
    columns += [1.0 - measured[:, -1], measured.mean(axis=1)]
    columns.append(np.full(len(relative), np.log(behind.step / timedelta(minutes=1))))
    spreads: FloatArray = np.arcsinh(np.concatenate([moves, np.stack(columns, axis=1)], axis=1))
    return spreads


def _calendar(behind: Behind) -> FloatArray:
    """[B, CALENDAR]: sine and cosine of the time of day, of half a day and of the hour, at the end."""
    seconds = (behind.clock + 1) * behind.step.total_seconds() % DAY.total_seconds()
    angles = [2 * np.pi * seconds / period for period in (86400.0, 43200.0, 3600.0)]
    return np.stack([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)


def _recent_levels(relative: FloatArray) -> FloatArray:
    """[B, 3], the median and the means of the last LEVEL_STEPS: where a load returns to whose last value was noise."""
    median, short, long = LEVEL_STEPS
    return np.stack(
        [np.median(relative[:, -median:], axis=1), *(relative[:, -k:].mean(axis=1) for k in (short, long))], axis=1
    )
