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
from typing import NamedTuple

import numpy as np

from controller.decision.capacity import overload_chances
from controller.domain import Signal
from forecaster.forecast import Forecast
from forecaster.series import FloatArray


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


def need(forecasts: Sequence[tuple[Signal, Forecast]], price: float, held: int, fewest: int, most: int) -> Need:
    """What is worth having within fewest..most, where `held` pods cost nothing; there is at least one forecast.

    Of several signals the one that is more likely to be overloaded counts, at each number of pods.
    """
    rows = [overload_chances(forecast, signal, most) for signal, forecast in forecasts]
    chances = rows[0] if len(rows) == 1 else np.maximum.reduce(rows)
    held = min(max(held, fewest), most)
    replicas = worth(chances, price, held, fewest)
    # At the last pod before what is needed, the signal that needs it is the one in danger.
    decisive = int(np.argmax([row[max(replicas - 1, 0)] for row in rows]))
    return Need(replicas, held, float(chances[replicas]), float(chances[held]), *forecasts[decisive])


def worth(chances: FloatArray, price: float, held: int, fewest: int) -> int:
    """The pods that cost least, the most of equals; `chances` [n + 1] are those of overload with 0..n pods.

    More than `held` where those beyond are worth it. Else what would be worth it if `held` were not there: should the
    HPA let them go, these are to stay.
    """
    # The first idle pod costs more than all that could be won.
    if chances[held] > price * (1 - chances[held]):
        more = _cheapest(chances, price, held, len(chances) - 1)
        if more > held:
            return more
    return _cheapest(chances, price, fewest, held)


def _cheapest(chances: FloatArray, price: float, first: int, last: int) -> int:
    chance = chances[first : last + 1]
    idle = np.cumsum(1 - chance) - (1 - chance)
    # From the end: where overload is certain no pod is idle, and of what costs the same more is better.
    return last - int(np.argmin((chance + price * idle)[::-1]))
