"""What a fleet of workloads has told of itself so far, carried forward bin by bin.

`Windows` works it out of one whole history; here each new bin adds to it, for all workloads at once, and what is slow
(usual moves at full hours, ridges at midnight) is brought in when it has been made. Until then that of the hour or day
before holds, and afterwards everything is as if it had been made in time. Bins are numbered since the epoch.
Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np

from forecaster.behind import Across, Block, find, raw
from forecaster.forecast import HORIZON, LEVELS
from forecaster.past import Past
from forecaster.ridge import SEEN_DAYS, Fit, design, fitted, moves_by
from forecaster.series import DAY, EPOCH, BoolArray, FloatArray, IntArray, Series
from forecaster.steps import check_step
from forecaster.tally import OF_RIDGE, OF_VALUES, WEEK_HOURS, Tally, terms_of_ridge, terms_of_values
from forecaster.usual import GAPS, SPANS_DAYS, usual_across
from forecaster.windows import DAYS, RULE_STEPS, Itself

Read = Callable[[int, int], tuple[FloatArray, BoolArray]]
"""Held values and whether they were measured, of bins first..stop-1 of all workloads: [stop - first, W] each."""

_NEVER = np.iinfo(np.int64).max // 2
_HOURS_AT_ONCE = 3
_AT_RULE_STEPS = np.array(RULE_STEPS) - 1


class Standing:
    """Of W workloads with bins of one step, as of the bin that was added last."""

    def __init__(self, columns: int, step: timedelta, next_bin: int) -> None:
        check_step("a fleet", step)
        self.step = step
        self.day = DAY // step
        self.hour = self.day // 24
        self.next = next_bin
        self.first: IntArray = np.full(columns, _NEVER)
        """[W], each workload's first measured bin."""
        self.ridge_made: IntArray = np.full(columns, -_NEVER)
        """[W], the midnight as of which each workload's ridge was made."""
        self.usual_made = -_NEVER
        """The full hour as of which the usual moves were made."""
        self._earliest = np.full(columns, np.nan)
        self._day_total = np.zeros(columns)
        self._tally = Tally(columns, self.hour)
        self._fit, self._fitted = Fit.none(columns), np.zeros(columns, dtype=bool)
        self._ridge = np.zeros((columns, HORIZON))
        self._foretold = np.full((HORIZON, len(RULE_STEPS), columns), np.nan)
        self._usual = np.zeros((columns, len(SPANS_DAYS), len(GAPS), len(LEVELS)))
        self._enough = np.zeros((columns, len(SPANS_DAYS)), dtype=bool)

    @property
    def hour_began(self) -> int:
        """The bin that began with the last full hour at or before the end of the newest bin."""
        return self.next - self.next % self.hour

    @property
    def day_began(self) -> int:
        """Likewise with the last midnight (UTC)."""
        return self.next - self.next % self.day

    @property
    def measured(self) -> IntArray:
        """The workloads of which something was measured."""
        return np.flatnonzero(self.first < self.next)

    def add(self, at: int, blocks: Sequence[Block]) -> None:
        """Counts bin `at`, the one after the last; `blocks` are what `windows.reads` names, as seen from there."""
        self.next = at + 1
        values = raw(blocks, 0, 1)[0]
        new = (self.first == _NEVER) & ~np.isnan(values)
        self.first[new], self._earliest[new] = at, values[new]
        self._follow_the_day(blocks)
        levels = np.stack([find(blocks, -step, 1 - step)[0][0] for step in RULE_STEPS])
        foretold = np.stack([self._foretold[(at - step) % HORIZON, s] for s, step in enumerate(RULE_STEPS)])
        of_values = terms_of_values(lambda back: raw(blocks, -back, 1 - back), self.day)
        of_ridge = terms_of_ridge(values[None], levels[None], foretold[None])
        self._tally.add(at, np.concatenate([of_values, of_ridge], axis=1)[0])
        made = self._fit.moves(design(self.behind(blocks)))
        self._ridge = np.where(self._fitted[:, None], made, 0.0)
        self._foretold[at % HORIZON] = np.where(self._fitted, made[:, _AT_RULE_STEPS].T, np.nan)

    def _follow_the_day(self, blocks: Sequence[Block]) -> None:
        newest, oldest = (find(blocks, back, back + 1)[0][0] - self._earliest for back in (0, -self.day))
        self._day_total += np.nan_to_num(newest) - np.nan_to_num(oldest)

    def behind(self, blocks: Sequence[Block]) -> Across:
        """What lies behind the newest bin of all workloads; of no use for those of which nothing was measured."""
        age = np.where(self.first < self.next, self.next - 1 - self.first, _NEVER)
        mean = self._day_total / np.minimum(self.day, age + 1) + self._earliest
        return Across(self.step, self.next - 1, age, self._earliest, blocks, {self.day: mean})

    def itself(self) -> Itself:
        """What all workloads tell of themselves at the newest bin."""
        summary = self._tally.summary()
        return Itself(
            ridge=self._ridge,
            fitted=self._fitted,
            usual=self._usual,
            enough=self._enough,
            success=summary.success,
            sizes=summary.sizes,
            moves=summary.moves,
            measured=summary.measured,
        )

    def usual_move(self) -> FloatArray:
        """[W], how far each load moved over a horizon, on average over a day up to the last full hour."""
        return self._tally.usual_move()

    def begin(self, columns: IntArray, start: int, read: Read) -> None:
        """Counts some workloads anew, from the values from bin `start` to the newest; they have no ridge yet."""
        self.first[columns], self._earliest[columns] = _NEVER, np.nan
        self.ridge_made[columns], self._fitted[columns], self._ridge[columns] = -_NEVER, False, 0.0
        self._foretold[..., columns] = np.nan
        self.usual_made = -_NEVER
        measured = np.zeros(len(columns))
        for first in range(start, self.next, self.day):
            held, known = read(first, min(first + self.day, self.next))
            measured += known[: max(self.hour_began - first, 0), columns].sum(axis=0)
            self._find_the_earliest(columns, first, held[:, columns])
        held, _ = read(self.next - self.day, self.next)
        self._day_total[columns] = np.nan_to_num(held[:, columns] - self._earliest[columns]).sum(axis=0)
        self._tally.begin(columns, measured)
        for first in range(self.hour_began - WEEK_HOURS * self.hour, self.next, _HOURS_AT_ONCE * self.hour):
            stop = min(first + _HOURS_AT_ONCE * self.hour, self.next)
            self._tally.rewrite(columns, first, self._terms(columns, first, stop, read), OF_VALUES)

    def _find_the_earliest(self, columns: IntArray, first: int, held: FloatArray) -> None:
        there = ~np.isnan(held)
        new = np.flatnonzero(there.any(axis=0) & (self.first[columns] == _NEVER))
        place = np.argmax(there[:, new], axis=0)
        self.first[columns[new]], self._earliest[columns[new]] = first + place, held[place, new]

    def _terms(self, columns: IntArray, first: int, stop: int, read: Read) -> FloatArray:
        """[bins, terms, columns] of the bins first..stop-1."""
        values = []
        for days in range(max(DAYS) + 1):
            held, known = read(first - HORIZON - days * self.day, stop - days * self.day)
            values.append(np.where(known, held, np.nan)[:, columns])

        def ago(back: int) -> FloatArray:
            days, bins = divmod(back, self.day)
            return values[days][HORIZON - bins : len(values[days]) - bins]

        return terms_of_values(ago, self.day)

    def learn_usual(self, read: Read) -> None:
        """Makes the usual moves of all workloads as of the last full hour."""
        top = self.hour_began

        def values(first: int, stop: int) -> FloatArray:
            held, known = read(top + first, top + stop)
            return np.where(known, held, np.nan)

        self._usual, self._enough = usual_across(values, self.day, self.hour)
        self.usual_made = top

    @property
    def ridge_reads(self) -> int:
        """The bin from which `learn_ridge` wants to know a workload's values, to the newest."""
        return self.day_began - (SEEN_DAYS + 3) * self.day

    def learn_ridge(self, column: int, held: FloatArray, known: BoolArray) -> None:
        """Makes a workload's ridge as of the last midnight, from its values since `ridge_reads`.

        What it would have foretold since that midnight counts as if it had; if it is the workload's first ridge here,
        so does what those of the days before would have foretold for a day.
        """
        start = self.ridge_reads
        values = np.where(known, held, np.nan)
        values[0] = held[0]  # what was held there came from before
        past = Past(Series(EPOCH + start * self.step, self.step, values))
        midnight, fits = self.day_began - start, dict[int, Fit | None]()
        since = self.hour_began - self.day - start
        if self.ridge_made[column] == self.day_began - self.day:
            fits[midnight - self.day] = self._fit.of_one(column) if self._fitted[column] else None
            since = midnight

        def fit_of(at: int) -> Fit | None:
            if at not in fits:
                fits[at] = fitted(past, at)
            return fits[at]

        self._take(column, past, fit_of, since)
        self._put(column, fit_of(midnight))
        self.ridge_made[column] = self.day_began

    def _put(self, column: int, fit: Fit | None) -> None:
        self._fit.put(column, Fit.none(1).of_one(0) if fit is None else fit)
        self._fitted[column] = fit is not None

    def _take(self, column: int, past: Past, fit_of: Callable[[int], Fit | None], since: int) -> None:
        """Counts what the fit of each midnight foretold of the bins from `since` on."""
        newest = len(past.series) - 1
        origins = np.arange(since - HORIZON, newest + 1)
        made, there = np.full((len(origins), HORIZON), np.nan), origins >= past.first
        moves, known = moves_by(fit_of, past, origins[there])
        made[there] = np.where(known[:, None], moves, np.nan)
        targets = np.arange(since, newest + 1)
        then = [targets - step for step in RULE_STEPS]
        terms = terms_of_ridge(
            past.series.values[targets][:, None],
            np.stack([past.at(k) for k in then], axis=1)[..., None],
            np.stack([made[k - origins[0], s - 1] for s, k in zip(RULE_STEPS, then, strict=True)], axis=1)[..., None],
        )
        self._tally.rewrite(np.array([column]), since + self.ridge_reads, terms, OF_RIDGE)
        latest = np.arange(HORIZON)
        self._foretold[(self.next - 1 - latest) % HORIZON, :, column] = made[-1 - latest][:, _AT_RULE_STEPS]
        self._ridge[column] = np.nan_to_num(made[-1])
