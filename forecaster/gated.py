"""A forecaster that serves a simple rule where the rule has lately been worth more than its network, and says so.

The forecasts of the last days are made again where they are not remembered, by the network and by every rule, so that a
restart, a second replica and a backtest come to the same verdicts.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecaster.baselines import BASELINES
from forecaster.forecast import HORIZON, Ask, Forecaster, Forecasts
from forecaster.gate import RULES, Gate, Record, grid, outcomes
from forecaster.past import Past
from forecaster.remembered import Remembered, keys_of
from forecaster.series import FloatArray, IntArray, Series
from forecaster.verdict import Verdict

FOR_A_SIGNAL = 640
"""Origins of a signal that are remembered: every STRIDE-th of the span of a verdict, and some more."""


class Gated:
    """`inner` where it earns its place, else the best of RULES; every forecast carries its verdict."""

    def __init__(self, inner: Forecaster, remember: int = 20_000) -> None:
        """`remember` what became of so many origins' forecasts, a kilobyte each; FOR_A_SIGNAL serve a signal.

        And of a twentieth as many, whose targets are not over, what was said: six kilobytes each; 3 serve a signal.
        """
        self.name = inner.name
        self._inner = inner
        self._became = Remembered(remember)
        self._said = Remembered(remember // 20)

    def make_room(self, signals: int) -> None:
        """From now on it remembers what so many signals need; with less, each of them is worked out anew each time."""
        self._became.make_room(signals * FOR_A_SIGNAL)
        self._said.make_room(signals * FOR_A_SIGNAL // 20)

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """As the inner forecaster's, with a verdict on each origin; raises what that raises.

        Where a rule has too little past for a forecast, the verdict abstains, and the network's forecast is shown; else
        an abstention shows whose forecast it keeps from being served.
        """
        lessons = [_Lessons.of(ask, self._became, self._said) for ask in asks]
        wanted = [
            replace(ask, origins=np.union1d(ask.origins, lesson.open[lesson.unsaid]))
            for ask, lesson in zip(asks, lessons, strict=True)
        ]
        made = self._inner.forecast(wanted)
        answers = [self._one(*parts) for parts in zip(asks, lessons, made, strict=True)]
        self._became.trim()
        self._said.trim()
        return answers

    def _one(self, ask: Ask, lesson: _Lessons, inner: Forecasts) -> Forecasts:
        fresh = _said(ask.series, lesson.open[lesson.unsaid], inner)
        said = self._said.with_new(lesson.said_keys, lesson.unsaid, fresh)
        became = outcomes(ask.series, lesson.open, said)
        settled = len(lesson.unsettled)
        over = self._became.with_new(lesson.became_keys, lesson.unsettled, became[:settled])
        record = Record.of(len(ask.series), lesson.origins, np.concatenate([over, became[settled:]]))
        gate = Gate(ask.series, record, self.name)
        return _served(ask, inner, [gate.verdict(origin) for origin in ask.origins.tolist()])


@dataclass(frozen=True, eq=False)
class _Lessons:
    """Which past forecasts the verdicts on one ask rest on, and which of them must be looked at.

    origins    all of them, ascending; those whose targets all lie in the series have `became_keys`, in their order
    unsettled  which of those are not remembered
    open       the origins of the unsettled, then those whose targets are still to come; `said_keys` are theirs
    unsaid     which of the open ones' forecasts are not remembered
    """

    origins: IntArray
    became_keys: Sequence[Hashable]
    unsettled: IntArray
    open: IntArray
    said_keys: Sequence[Hashable]
    unsaid: IntArray

    @staticmethod
    def of(ask: Ask, became: Remembered, said: Remembered) -> _Lessons:
        Past(ask.series).check(ask.origins)
        origins = grid(ask.series, ask.origins)
        over = origins[origins + HORIZON < len(ask.series)]
        became_keys = keys_of(ask.series, over + HORIZON)
        unsettled = became.missing(became_keys)
        still_open = np.concatenate([over[unsettled], origins[len(over) :]])
        said_keys = keys_of(ask.series, still_open)
        return _Lessons(origins, became_keys, unsettled, still_open, said_keys, said.missing(said_keys))


def _said(series: Series, origins: IntArray, inner: Forecasts) -> FloatArray:
    """[origins, candidates, HORIZON, levels], what the network and the rules say at `origins`."""
    network = inner.quantiles[np.searchsorted(inner.origins, origins)]
    rules = [BASELINES[name].forecast([Ask(series, origins)])[0].quantiles for name in RULES] if len(origins) else []
    return np.stack([network, *(rules or [network] * len(RULES))], axis=1)


def _served(ask: Ask, inner: Forecasts, verdicts: Sequence[Verdict]) -> Forecasts:
    """The network's forecasts, with a rule's in their place where the verdict names one."""
    rows = np.searchsorted(inner.origins, ask.origins)
    quantiles, peak = inner.quantiles[rows], inner.peak[rows]
    for name, places in _replaced(verdicts).items():
        rule = BASELINES[name].forecast([replace(ask, origins=ask.origins[places])])[0]
        quantiles[places], peak[places] = rule.quantiles, rule.peak
    return replace(inner, origins=ask.origins, quantiles=quantiles, peak=peak, verdicts=tuple(verdicts))


def _replaced(verdicts: Sequence[Verdict]) -> Mapping[str, IntArray]:
    """For each rule whose forecast is served or shown, at which of the verdicts."""
    names = np.array([verdict.model for verdict in verdicts], dtype=object)
    return {name: np.flatnonzero(names == name) for name in RULES if (names == name).any()}
