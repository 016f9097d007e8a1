"""Forecasters to wrap, and what to ask of those that wrap them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecaster.forecast import Ask, Forecaster, Forecasts, Window
from forecaster.series import Series
from tests.helpers.histories import a_load

WHOLE = Window()


class Counted:
    """Another forecaster whose forecasts are off by a factor, and that counts the origins it is asked for."""

    name = "counted"

    def __init__(self, inner: Forecaster, factor: float = 1.0) -> None:
        self.asked = 0
        self._inner, self._factor = inner, factor

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        self.asked += sum(len(ask.origins) for ask in asks)
        made = self._inner.forecast(asks)
        return [replace(m, quantiles=self._factor * m.quantiles, peak=self._factor * m.peak) for m in made]


def at(forecaster: Forecaster, series: Series, *origins: int, window: Window = WHOLE) -> Forecasts:
    """What is forecast from some origins of one series."""
    return forecaster.forecast([Ask(series, np.array(origins, dtype=np.int64), window)])[0]


def assert_same(a: Forecasts, b: Forecasts) -> None:
    """The same numbers to the twelfth digit, and the same verdicts."""
    assert a.verdicts == b.verdicts
    np.testing.assert_allclose(a.quantiles, b.quantiles, rtol=1e-12)
    np.testing.assert_allclose(a.peak, b.peak, rtol=1e-12)


def assert_only_news_are_asked_for(forecaster: Forecaster, inner: Counted) -> None:
    """Three workloads, three ticks: only at the first is `inner`, on which the forecaster builds, asked for a past."""
    loads = [replace(a_load(seed, days=5), name=f"load-{seed}") for seed in range(3)]
    asked = []
    for origin in (1300, 1301, 1302):
        forecaster.forecast([Ask(load.part(0, origin + 1), np.array([origin])) for load in loads])
        asked.append(inner.asked)
    assert asked[0] > 300
    assert asked[-1] - asked[0] <= 12
