"""Is the network worth more than the simple rules to this workload, just now? A verdict for each origin.

The network and the rules are scored side by side, by the pinball loss of what they said at past origins on the grid of
the clock. A target counts as soon as it is over, and three spans of time are asked:

    the last day          says which rule: the one that has lost least, each hour of a schedule weighed once
    the last four hours   say whether that rule is served: it has lost less than SWITCH of the network's loss
    the last hour         overrules both where something has broken: another has lost less than ESCAPE of it

Hours are half-lives: what lies so far back counts half as much.

    measured so far                                 ruling
    nothing in the last HORIZON bins                Abstain: not even the last measured bin's forecast reaches the next;
                                                    whose numbers are shown is ruled on all the same
    less than an hour, or too few errors in a row   Abstain: no rule knows how wrong it may be
    nothing but zeros                               Abstain: a workload that has not begun
    less than SCORED_HOURS of scored hours          Baseline: the rule that has lost least
    more                                            Accept, or Baseline where a rule does better

A verdict follows from the history alone, up to its origin and no further back than SPAN (the counts of the first rows
apart): not from when a process started, nor from what else was asked. Pure: numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from forecaster.baselines import has_errors
from forecaster.conformal import STRIDE
from forecaster.evaluate.losses import pinball
from forecaster.forecast import HORIZON, LEVELS
from forecaster.past import Past, running
from forecaster.series import DAY, FloatArray, IntArray, Series
from forecaster.targets import targets
from forecaster.usual import FEWEST
from forecaster.verdict import Ruling, Verdict

RULES = ("last-value", "level-plus-yesterday", "same-time-last-week", "offset-rule", "ridge")
"""What the network is compared with, by their names in BASELINES; of equals the first is served."""
HALF_LIVES = (timedelta(hours=1), timedelta(hours=4))
SWITCH = 0.95
"""A rule must lose less than this share of the network's loss, or every tie would be a change of mind."""
ESCAPE = 0.6
"""In an hour chance alone makes one rule look better than another by a third; nearly by half it hardly does."""
SCORED_HOURS = 48
SPAN = 3 * DAY
"""What is looked back on: the hours that a verdict needs, and a day of gaps between them."""
_HOUR = timedelta(hours=1)
_UPPER = LEVELS.index(0.95)
_NETWORK = 0
_LAST_VALUE = 1 + RULES.index("last-value")
_EQUAL = 1 + 1e-9
"""Sums of the same losses in another unit differ by so little; that must not decide between equals."""


def grid(series: Series, origins: IntArray) -> IntArray:
    """The past origins that the verdicts on `origins` rest on: every STRIDE-th bin that has a forecast."""
    marks = np.zeros(len(series) + 1)
    span = SPAN // series.step
    np.add.at(marks, np.maximum(origins - span - HORIZON, 0), 1.0)
    np.add.at(marks, origins + 1, -1.0)
    wanted = (np.cumsum(marks)[:-1] > 0) & has_errors(series)
    every = Past(series).every(STRIDE, 0, len(series))
    return every[wanted[every]]


def outcomes(series: Series, origins: IntArray, said: FloatArray) -> FloatArray:
    """[origins, HORIZON, candidates + 1], what became of quantiles `said` [origins, candidates, HORIZON, levels].

    The pinball losses, each the mean over the levels; then 1 where the target lay at or below the network's 0.95
    quantile, else 0. NaN where a target was not measured, or lies after the series.
    """
    truth = targets(series.values, origins)
    losses = pinball(truth[:, None], said).mean(axis=3)
    covered = np.where(np.isnan(truth), np.nan, truth <= said[:, 0, :, _UPPER])
    return np.concatenate([losses.transpose(0, 2, 1), covered[..., None]], axis=2)


@dataclass(frozen=True, eq=False)
class Record:
    """What became of past forecasts, by the bin of the target.

    lost     [bins, candidates], sums of pinball losses, the network's first and then the RULES'
    scored   [bins], how many forecasts of that bin there were to score, of each candidate
    covered  [bins], how many of the network's had the target at or below their 0.95 quantile
    """

    lost: FloatArray
    scored: FloatArray
    covered: FloatArray

    @staticmethod
    def of(bins: int, origins: IntArray, became: FloatArray) -> Record:
        """From the outcomes [origins, HORIZON, candidates + 1] of distinct origins in a series of so many bins."""
        sums, scored = np.zeros((bins + HORIZON, became.shape[2])), np.zeros(bins + HORIZON)
        for step in range(1, HORIZON + 1):
            outcome = became[:, step - 1]
            sums[origins + step] += np.nan_to_num(outcome)
            scored[origins + step] += ~np.isnan(outcome[:, -1])
        return Record(sums[:bins, :-1], scored[:bins], sums[:bins, -1])


class Gate:
    """The verdicts on one series, from the record of its candidates."""

    def __init__(self, series: Series, record: Record, network: str) -> None:
        """`network` is the name of the candidate that the rules are to replace."""
        self._series, self._record, self._network = series, record, network
        self._enough = has_errors(series)
        self._measured = running(series.known.astype(np.float64))
        self._above_zero = running((np.nan_to_num(series.values) != 0).astype(np.float64))
        ages = np.arange(SPAN // series.step)[::-1]
        fading = [0.5 ** (ages / (half_life / series.step)) for half_life in HALF_LIVES]
        self._weights = np.stack([*fading, ages < series.bins_per_day])

    def verdict(self, origin: int) -> Verdict:
        """The ruling on what is known at the end of bin `origin`."""
        if objection := self._nothing_to_go_on(origin):
            shown = self._ruled(origin).model if self._enough[origin] else self._network
            return Verdict(Ruling.ABSTAIN, shown, objection)
        return self._ruled(origin)

    def _ruled(self, origin: int) -> Verdict:
        """The ruling where there is something to go on."""
        hour, hours, day = self._recent(origin)
        best = _best(hour, day)
        scored = self._hours(origin)
        reason = _objection(hour, hours, best, scored)
        return Verdict(
            ruling=Ruling.BASELINE if reason else Ruling.ACCEPT,
            model=RULES[best - 1] if reason else self._network,
            reason=reason,
            best=RULES[best - 1],
            skill=_share(hours[_NETWORK], hours[_LAST_VALUE]),
            against=_share(hours[_NETWORK], hours[best]),
            coverage=self._coverage(origin),
            hours=scored,
        )

    def _nothing_to_go_on(self, origin: int) -> str:
        """Why nothing may be said at all; empty where something may."""
        series, measured = self._series, self._measured[origin + 1]
        if measured == self._measured[max(origin + 1 - HORIZON, 0)]:
            return (
                f"nothing was measured in the last {HORIZON} bins, up to {series.time(origin + 1):%Y-%m-%d %H:%M} UTC"
            )
        if measured * series.step < _HOUR or not self._enough[origin]:
            minutes = measured * series.step / timedelta(minutes=1)
            return f"{minutes:g} minutes measured so far; expected an hour, and {HORIZON + FEWEST} bins without a gap"
        if not self._above_zero[origin + 1]:
            return "nothing but zeros was measured so far"
        return ""

    def _recent(self, origin: int) -> FloatArray:
        """[spans, candidates], the losses known by the end of `origin`: of the last hour, four hours, and day."""
        lost = self._record.lost[self._span(origin)]
        recent: FloatArray = self._weights[:, self._weights.shape[1] - len(lost) :] @ lost
        return recent

    def _span(self, origin: int) -> slice:
        return slice(max(origin + 1 - self._weights.shape[1], 0), origin + 1)

    def _hours(self, origin: int) -> int:
        """Hours of the span in which forecasts were scored."""
        return int((self._record.scored[self._span(origin)] > 0).sum() * self._series.step // _HOUR)

    def _coverage(self, origin: int) -> float | None:
        day = slice(max(origin + 1 - self._series.bins_per_day, 0), origin + 1)
        return _share(self._record.covered[day].sum(), self._record.scored[day].sum())


def _best(hour: FloatArray, day: FloatArray) -> int:
    """The candidate that is the best of the rules, by the losses [candidates] of the last hour and of the last day."""
    long, short = _least_of_the_rules(day), _least_of_the_rules(hour)
    return short if hour[short] < ESCAPE * hour[long] else long


def _least_of_the_rules(lost: FloatArray) -> int:
    rules = lost[1:]
    return 1 + int(np.argmax(rules <= rules.min() * _EQUAL))


def _objection(hour: FloatArray, hours: FloatArray, best: int, scored: int) -> str:
    """What speaks for the best of the rules and against the network; empty where nothing does."""
    if scored < SCORED_HOURS:
        return f"{scored} hours of forecasts scored so far; expected {SCORED_HOURS}"
    if hours[best] < SWITCH * hours[_NETWORK]:
        return f"it loses {hours[best] / hours[_NETWORK]:.2f} of what the network loses"
    if hour[best] < ESCAPE * hour[_NETWORK]:
        return f"in the last hour it lost {hour[best] / hour[_NETWORK]:.2f} of what the network lost"
    return ""


def _share(part: float, whole: float) -> float | None:
    """To four digits, which is more than it means: the order of a sum must not show."""
    return round(float(part) / float(whole), 4) if whole > 0 else None
