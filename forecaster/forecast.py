"""What every forecaster takes and gives. Quantiles are the interface: a point forecast is its median.

Pure: numpy only. `Forecasts` holds many origins of one series, because a backtest, a replay and a tick with thousands
of workloads are the same question asked more or less often.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from forecaster.errors import BadHistory
from forecaster.series import FloatArray, IntArray, Series
from forecaster.verdict import Verdict

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
HORIZON = 15


@dataclass(frozen=True)
class Window:
    """Steps of the horizon whose peak is asked for: first..last, both inclusive, 1 being the bin after the origin."""

    first: int = 1
    last: int = HORIZON

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= HORIZON:
            raise ValueError(f"a window of steps {self.first}..{self.last}; expected 1 <= first <= last <= {HORIZON}")


@dataclass(frozen=True, eq=False)
class Ask:
    """Forecast `series` as it was known at each of `origins`, the indices of the last known bins. [origins]

    Raises BadHistory where a value up to the last origin is infinite: no number can be made of it.
    """

    series: Series
    origins: IntArray
    window: Window = Window()

    def __post_init__(self) -> None:
        last = int(self.origins.max()) if len(self.origins) else -1
        infinite = np.isinf(self.series.values[: last + 1])
        if infinite.any():
            at = self.series.time(int(np.argmax(infinite)))
            raise BadHistory(f"{self.series.name}: infinite at {at.isoformat()}; leave out what was not measured")


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts of one series from many origins, in the units of the series.

    origins    [origins], index of the last bin that each forecast knew
    quantiles  [origins, HORIZON, levels], ascending along the levels, never negative
    peak       [origins, levels], quantiles of the maximum over the window; not the maximum of the quantiles
    model      who was asked; where there are verdicts, each says whose forecast is served
    verdicts   [origins], what the gate said; empty where nobody judged
    """

    origins: IntArray
    levels: tuple[float, ...]
    quantiles: FloatArray
    peak: FloatArray
    window: Window
    model: str
    verdicts: tuple[Verdict, ...] = ()

    def at(self, row: int, series: Series) -> Forecast:
        """One origin's forecast as a value that can be written down."""
        verdict = self.verdicts[row] if self.verdicts else None
        return Forecast(
            signal=series.name,
            model=verdict.model if verdict else self.model,
            origin=series.time(int(self.origins[row])),
            step=series.step,
            levels=self.levels,
            quantiles=tuple(map(tuple, self.quantiles[row].tolist())),
            window=self.window,
            peak=tuple(self.peak[row].tolist()),
            verdict=verdict,
        )


@dataclass(frozen=True)
class Forecast:
    """One forecast of one signal, as the planner takes it and the ledger keeps it.

    origin     start of the last bin that was known; it was known at origin + step
    quantiles  [horizon][level], in the units of the signal
    peak       [level], of the maximum over the steps of `window`
    verdict    what the gate said; None where nobody judged
    """

    signal: str
    model: str
    origin: datetime
    step: timedelta
    levels: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    window: Window
    peak: tuple[float, ...]
    verdict: Verdict | None = None

    def peak_at(self, level: float) -> float:
        """The peak's quantile at `level`, interpolated between the levels given and held beyond them."""
        return _interpolated(level, self.levels, self.peak)

    def step_at(self, horizon: int, level: float) -> float:
        """The quantile of one step; horizon 1 is the bin after the origin."""
        return _interpolated(level, self.levels, self.quantiles[horizon - 1])


def _interpolated(level: float, levels: tuple[float, ...], values: tuple[float, ...]) -> float:
    """The value at a level, linear between those given and held beyond them."""
    above = bisect_right(levels, level)
    if above in (0, len(levels)):
        return values[min(above, len(levels) - 1)]
    low, high = values[above - 1], values[above]
    if low == high:
        return low
    return (high - low) / (levels[above] - levels[above - 1]) * (level - levels[above - 1]) + low


class Forecaster(Protocol):
    """Anything that forecasts: the network, a baseline, and in a replay the truth itself."""

    @property
    def name(self) -> str: ...

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """One answer per ask, in order; uses nothing after an origin.

        Raises NoForecast where a series holds no measured bin at or before one of its origins.
        """
        ...
