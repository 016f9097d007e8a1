"""statsforecast: AutoETS and AutoTheta on the last hours, MSTL with daily and weekly seasons; one series at a time.

Chosen and estimated anew each midnight, then carried forward to every origin with those parameters (`forward`).

Each origin's quantiles come from the errors of the week before: on three of the four traces that both were tried on,
the library's own normal intervals lost 7 to 58 % more pinball, on a bursty one 4 % less. Its ETS takes no season
beyond 24 bins, and its Theta with one of 1,440 takes 0.1 s a forecast; the day and the week are what MSTL is there for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from statsforecast.models import MSTL, AutoETS, AutoTheta

from benchmarks.forecasters.arm import Fit, Predict, Run
from benchmarks.forecasters.recent_errors import with_recent_errors
from forecaster.forecast import HORIZON
from forecaster.series import FloatArray, IntArray, Series, held

ESTIMATE = 1440
"""Bins before midnight that a smoothing model is chosen and estimated on."""
CONTEXT = 360
"""Bins before an origin that it is carried over."""
MSTL_DAYS = 14
JUMP = 144
"""STL smooths at every so many bins and draws lines between; at every bin one fit would take four minutes."""


class Model(Protocol):
    """What this module asks of a statsforecast model."""

    def fit(self, y: FloatArray) -> Model: ...

    def forward(self, y: FloatArray, h: int) -> dict[str, FloatArray]: ...


def _smoothing(model: Callable[[], Model]) -> Fit:
    def fit(_histories: Sequence[Series], _run: Run) -> Predict:
        def points(series: Series, origins: IntArray) -> FloatArray:
            values = held(series.values)
            made = np.empty((len(origins), HORIZON))
            for rows, now in _by_day(series, origins, ESTIMATE):
                fitted = _fitted(model(), values[now + 1 - ESTIMATE : now + 1])
                made[rows] = [_forward(fitted, values[o + 1 - CONTEXT : o + 1]) for o in origins[rows]]
            return made

        def predict(series: Series, origins: IntArray) -> FloatArray:
            return with_recent_errors(points, _first(series) + ESTIMATE, series, origins)

        return predict

    return fit


def mstl(_histories: Sequence[Series], _run: Run) -> Predict:
    """Seasons by MSTL at midnight, repeated until the next; an AutoETS carries what is left of the last hours."""

    def points(series: Series, origins: IntArray) -> FloatArray:
        values = held(series.values)
        made = np.empty((len(origins), HORIZON))
        for rows, now in _by_day(series, origins, 2 * series.bins_per_day):
            known = values[max(_first(series), now + 1 - MSTL_DAYS * series.bins_per_day) : now + 1]
            season = _season(known, series.bins_per_day)
            adjusted = known[-ESTIMATE:] - season(np.arange(1 - min(ESTIMATE, len(known)), 1))
            fitted = _fitted(AutoETS(model="ZZN"), adjusted)
            for row in rows:
                ago = origins[row] - now
                context = values[origins[row] + 1 - CONTEXT : origins[row] + 1] - season(
                    np.arange(1 - CONTEXT, 1) + ago
                )
                made[row] = _forward(fitted, context) + season(np.arange(1, HORIZON + 1) + ago)
        return made

    def predict(series: Series, origins: IntArray) -> FloatArray:
        return with_recent_errors(points, _first(series) + 2 * series.bins_per_day, series, origins)

    return predict


def _first(series: Series) -> int:
    return int(np.argmax(series.known))


def _by_day(series: Series, origins: IntArray, least: int) -> list[tuple[IntArray, int]]:
    """(rows of `origins`, the midnight bin before them), at the earliest `least` bins into the series."""
    midnight = np.maximum(origins // series.bins_per_day * series.bins_per_day, _first(series) + least)
    return [(np.flatnonzero(midnight == now), int(now)) for now in np.unique(midnight)]


def _season(known: FloatArray, per_day: int) -> Callable[[IntArray], FloatArray]:
    """The sum of the seasons of `known`; bin 0 is its last, bins after it repeat the last of each season.

    A weekly season where there are two weeks, else a daily one.
    """
    lengths = [per_day, 7 * per_day] if len(known) >= 14 * per_day else [per_day]
    model = MSTL(season_length=lengths, stl_kwargs={"trend_jump": JUMP, "low_pass_jump": JUMP}).fit(known)
    names = [f"seasonal{length}" for length in lengths] if len(lengths) > 1 else ["seasonal"]
    parts = [(length, model.model_[name].to_numpy()) for length, name in zip(lengths, names, strict=True)]

    def season(bins: IntArray) -> FloatArray:
        # A bin after the last one is so many whole seasons before where it repeats.
        back = [bins - np.maximum(0, -(-bins // length)) * length for length, _ in parts]
        total: FloatArray = np.sum([part[len(part) - 1 + b] for (_, part), b in zip(parts, back, strict=True)], axis=0)
        return total

    return season


def _fitted(model: Any, values: FloatArray) -> Model:
    # Some estimators divide by what a flat stretch has none of; a trace of noise is within any unit's rounding.
    size = max(float(np.abs(values).max()), 1.0)
    fitted: Model = model.fit(values + 1e-9 * size * np.random.default_rng(0).normal(size=len(values)))
    return fitted


def _forward(fitted: Model, values: FloatArray) -> FloatArray:
    """[HORIZON]; the last value where the library gives no number, as for a context without any movement."""
    made = fitted.forward(values, h=HORIZON)["mean"]
    return np.where(np.isfinite(made), made, values[-1])


ARMS: dict[str, Fit] = {
    "auto-ets": _smoothing(lambda: AutoETS(model="ZZN")),
    "auto-theta": _smoothing(lambda: AutoTheta(season_length=1)),
    "mstl": mstl,
}
