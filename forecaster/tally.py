"""What many workloads tell of themselves, summed up bin by bin: sizes, moves, and how rules and ridges did.

What `windows`, `success` and `past` take from running sums over one long series is kept here as sums over full hours
and a ring of the latest bins, so that a tick costs one row and no digits are lost between long sums. Sums are kept in
single precision: each is of one hour or less, and what is divided is a week of them. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecaster.forecast import HORIZON
from forecaster.series import FloatArray, IntArray
from forecaster.success import log_ratio, move_error, rule_error
from forecaster.windows import CONTEXT, RULE_STEPS, RULES, SPREAD_STEPS

Raw = Callable[[int], FloatArray]
"""[bins, W], the values so many bins before each of some bins; NaN where one was not measured."""

WEEK_HOURS = 7 * 24
_SIZES = slice(0, 2)
_KNOWN = 1
_MOVES = slice(2, 2 + 2 * len(SPREAD_STEPS))
_RULES = slice(_MOVES.stop, _MOVES.stop + 2 * len(RULES) * len(RULE_STEPS))
_WHOLE_MOVE = _MOVES.start + 2 * SPREAD_STEPS.index(HORIZON)
OF_VALUES = slice(0, _RULES.stop)
"""Terms that follow from the values alone."""
OF_RIDGE = slice(_RULES.stop, _RULES.stop + 2 * len(RULE_STEPS))
TERMS = OF_RIDGE.stop


def terms_of_values(raw: Raw, day: int) -> FloatArray:
    """[bins, terms, W]: size and whether it is known; likewise each move; each rule's error and what it was about."""
    values = raw(0)
    terms = [np.nan_to_num(np.abs(values)), ~np.isnan(values)]
    for gap in SPREAD_STEPS:
        move = np.abs(values - raw(gap))
        terms += [np.nan_to_num(move), ~np.isnan(move)]
    for days in RULES:
        for step in RULE_STEPS:
            thens = (raw(d * day) - raw(d * day + step) for d in days)
            terms += rule_error(values - raw(step), thens)
    return np.stack(terms, axis=1)


def terms_of_ridge(values: FloatArray, levels: FloatArray, foretold: FloatArray) -> FloatArray:
    """[bins, terms, W]: errors of what the ridge foretold of each bin, and the moves that they are of.

    values [bins, W], NaN where a bin was not measured; levels and foretold [bins, RULE_STEPS, W]: what was held when
    it was foretold, and how far it would move; NaN where there was no fit
    """
    terms: list[FloatArray] = []
    for s in range(len(RULE_STEPS)):
        terms += move_error(values - levels[:, s], foretold[:, s], ~np.isnan(foretold[:, s]))
    return np.stack(terms, axis=1)


class Tally:
    """The sums of W workloads up to the newest bin. Bins are numbered since the epoch."""

    def __init__(self, columns: int, hour: int) -> None:
        self._hour = hour
        self._top = 0
        self._recent = np.zeros((CONTEXT, TERMS, columns), dtype=np.float32)
        self._hours = np.zeros((WEEK_HOURS, TERMS, columns), dtype=np.float32)
        self._open = np.zeros((TERMS, columns))
        self._day = np.zeros((TERMS, columns))
        self._week = np.zeros((TERMS, columns))
        self._measured = np.zeros(columns)

    def add(self, at: int, terms: FloatArray) -> None:
        """Counts bin `at`, the one after the last, with its terms [TERMS, W]."""
        self._recent[at % CONTEXT] = terms
        self._open += terms
        self._top = (at + 1) // self._hour
        if (at + 1) % self._hour == 0:
            self._measured += self._open[_KNOWN]
            self._hours[at // self._hour % WEEK_HOURS] = self._open
            self._open[:] = 0.0
            self._sum_up(np.arange(self._open.shape[1]), np.arange(TERMS))

    def begin(self, columns: IntArray, measured: FloatArray) -> None:
        """Forgets some workloads, of which `measured` bins were known up to the last full hour."""
        for sums in (self._recent, self._hours, self._open, self._day, self._week):
            sums[..., columns] = 0.0
        self._measured[columns] = measured

    def rewrite(self, columns: IntArray, first: int, terms: FloatArray, part: slice) -> None:
        """Counts a stretch of bins anew, from the start of an hour to the end of one or to the newest bin.

        terms [bins, part, columns]; the last stretch that is told of must reach to the newest bin.
        """
        self._top = (first + len(terms)) // self._hour
        whole = len(terms) // self._hour * self._hour
        hours = terms[:whole].reshape(-1, self._hour, *terms.shape[1:]).sum(axis=1)
        places = (first // self._hour + np.arange(len(hours))) % WEEK_HOURS
        parts = np.arange(TERMS)[part]
        self._hours[np.ix_(places, parts, columns)] = hours
        self._open[np.ix_(parts, columns)] = terms[whole:].sum(axis=0)
        newest = np.arange(max(len(terms) - CONTEXT, 0), len(terms))
        self._recent[np.ix_((first + newest) % CONTEXT, parts, columns)] = terms[newest]
        self._sum_up(columns, parts)

    def _sum_up(self, columns: IntArray, parts: IntArray) -> None:
        """The sums over the day and the week up to the last full hour."""
        for sums, count in ((self._day, 24), (self._week, WEEK_HOURS)):
            places = (self._top - 1 - np.arange(count)) % WEEK_HOURS
            sums[np.ix_(parts, columns)] = self._hours[np.ix_(places, parts, columns)].sum(axis=0, dtype=np.float64)

    def usual_move(self) -> FloatArray:
        """[W], mean size of a move over a whole horizon, over the day up to the last full hour."""
        return _mean(*self._day[_WHOLE_MOVE : _WHOLE_MOVE + 2])

    def summary(self) -> Summary:
        """What follows from the sums as of the newest bin."""
        recent = self._recent.sum(axis=0, dtype=np.float64)
        spans = (recent, self._day, self._week)
        sizes = [_mean(*span[_SIZES]) for span in spans[1:]]
        moves = [[_mean(*span[k : k + 2]) for span in spans] for k in _pairs(_MOVES)]
        week, day = self._week + self._open, self._day + self._open
        so_far = (week, self._week, self._week)
        rules = [_ratio(k, *pair) for k in _pairs(_RULES) for pair in zip(spans, so_far, strict=True)]
        ridge = [_ratio(k, *pair) for k in _pairs(OF_RIDGE) for pair in ((recent, day), (self._day, self._day))]
        return Summary(
            sizes=np.stack(sizes, axis=1),
            moves=np.stack([np.stack(row, axis=1) for row in moves], axis=1),
            success=np.stack(rules + ridge, axis=1),
            measured=self._measured,
        )


@dataclass(frozen=True, eq=False)
class Summary:
    """As in `windows.Itself`, of W workloads at the newest bin."""

    sizes: FloatArray
    moves: FloatArray
    success: FloatArray
    measured: FloatArray


def _pairs(part: slice) -> range:
    return range(part.start, part.stop, 2)


def _mean(total: FloatArray, count: FloatArray) -> FloatArray:
    mean: FloatArray = total / np.maximum(count, 1.0)
    return mean


def _ratio(error: int, sums: FloatArray, so_far: FloatArray) -> FloatArray:
    return log_ratio(sums[error], sums[error + 1], so_far[error + 1])
