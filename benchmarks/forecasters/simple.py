"""The simple rules, and the model that ships with the project."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.forecasters.arm import Fit, Predict, Run
from forecaster.baselines import BASELINES
from forecaster.forecast import Ask, Forecaster
from forecaster.predict import load_forecaster
from forecaster.series import FloatArray, IntArray, Series
from foresail.models import find_model


def _asking(forecaster: Forecaster) -> Predict:
    def predict(series: Series, origins: IntArray) -> FloatArray:
        return forecaster.forecast([Ask(series, origins)])[0].quantiles

    return predict


def _rule(name: str) -> Fit:
    def fit(_histories: Sequence[Series], _run: Run) -> Predict:
        return _asking(BASELINES[name])

    return fit


def foresail(_histories: Sequence[Series], _run: Run) -> Predict:
    """`models/base` as it is served; it was trained before, by `make train`."""
    return _asking(load_forecaster(find_model("base")))


ARMS: dict[str, Fit] = {"foresail": foresail, **{name: _rule(name) for name in BASELINES}}
