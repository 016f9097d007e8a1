"""How many pods are worth having: the chance that fewer are overloaded against the pods that would stand idle.

A minute of overload is worth as many idle pod-minutes as the policy's cost ratio says. So n pods cost, per minute,

    chance(n) + price * idle(n)

with chance(n) that the load is more than n pods carry, price = 1 / cost ratio, and idle(n) the pods expected to have
nothing to do: the sum over m < n of 1 - chance(m). A pod that the load will need is not idle, however many there are;
one that would stand by for a rise that hardly any forecast excludes is. What the HPA holds by itself costs nothing.

A quantile (the newsvendor's rule) would buy pods until the chance is small; where a forecast has a long flat tail,
that is many pods for little, and the budget is gone before the hour in which it is sharp. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from controller.decision.capacity import Levels, overload_chances, pods_beyond
from controller.domain import Signal
from forecaster.forecast import Forecast
from forecaster.series import FloatArray

Peak = tuple[Levels, Levels, float]
"""Levels, the quantiles of a forecast's peak at them, and what one pod carries."""


class Need(NamedTuple):
    """Pods that are worth having, beside those that are there anyway, and the signal that needs them most.

    chance_held  that `held` pods are overloaded; `chance` that `replicas` are
    """

    replicas: int
    held: int
    chance: float
    chance_held: float
    signal: Signal
    forecast: Forecast


class Risk(NamedTuple):
    """By the number of pods, from 0 up: the chance that they are overloaded, and how many of them would stand idle."""

    chance: FloatArray
    idle: FloatArray

    @staticmethod
    def of(chances: FloatArray) -> Risk:
        """From the chances [n + 1] that 0..n pods are overloaded."""
        busy = np.cumsum(chances) - chances
        return Risk(chances, np.arange(len(chances)) - busy)


def need(forecasts: Sequence[tuple[Signal, Forecast]], price: float, held: int, fewest: int, most: int) -> Need:
    """What is worth having within fewest..most, where `held` pods cost nothing; there is at least one forecast.

    Of several signals the one that is more likely to be overloaded counts, at each number of pods.
    """
    outlook = _outlook(tuple([(one.levels, one.peak, signal.capacity_per_pod) for signal, one in forecasts]))
    held = min(max(held, fewest), most)
    # More than both is never worth it, so that a high maximum costs nothing.
    rows, risk = outlook.up_to(int(min(most, max(held, outlook.furthest))))
    replicas = worth(risk, price, held, fewest)
    # At the last pod before what is needed, the signal that needs it is the one in danger.
    last = max(replicas - 1, 0)
    decisive = max(range(len(rows)), key=lambda k: rows[k][last]) if len(rows) > 1 else 0
    return Need(replicas, held, float(risk.chance[replicas]), float(risk.chance[held]), *forecasts[decisive])


class _Outlook:
    """What follows from some peaks alone: each one's chances, and the risk of all, up to any number of pods.

    furthest  pods beyond which next to nothing can happen; may be infinite
    """

    def __init__(self, peaks: tuple[Peak, ...]) -> None:
        self._peaks = peaks
        self.furthest = max(pods_beyond(*peak) for peak in peaks)
        self._up_to: dict[int, tuple[tuple[FloatArray, ...], Risk]] = {}

    def up_to(self, most: int) -> tuple[tuple[FloatArray, ...], Risk]:
        """For 0 to `most` pods."""
        if most not in self._up_to:
            rows = tuple(overload_chances(*peak, most) for peak in self._peaks)
            self._up_to[most] = rows, Risk.of(np.maximum.reduce(rows))
        return self._up_to[most]


_outlook = lru_cache(maxsize=64)(_Outlook)
"""Remembered, because a forecast is asked until the next one is there."""


def worth(risk: Risk, price: float, held: int, fewest: int) -> int:
    """The pods that cost least, the most of equals.

    More than `held` where those beyond are worth it. Else what would be worth it if `held` were not there: should the
    HPA let them go, these are to stay.
    """
    chance = risk.chance[held]
    # Otherwise the first idle pod costs more than all that could be won.
    if chance > price * (1 - chance):
        more = _cheapest(risk, price, held, len(risk.chance) - 1)
        if more > held:
            return more
    return _cheapest(risk, price, fewest, held)


def _cheapest(risk: Risk, price: float, first: int, last: int) -> int:
    cost = risk.chance[first : last + 1] + price * risk.idle[first : last + 1]
    # From the end: where overload is certain no pod is idle, and of what costs the same more is better.
    return last - int(cost[::-1].argmin())
