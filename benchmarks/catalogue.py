"""Every arm by name: what it is, which module holds it, whether chance plays a part. Imports no library."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from benchmarks.forecasters.arm import Fit
from foresail.errors import UsageError


@dataclass(frozen=True)
class Entry:
    """One arm.

    learns        what it is fitted on
    distribution  the library that it needs, if any
    seeds         how many runs; 1 where nothing is drawn
    model         the shipped model that it serves, if any
    """

    module: str
    label: str
    learns: str
    distribution: str | None = None
    seeds: int = 1
    model: str | None = None


_TEN = "the ten traces together"
_OWN = "each series, daily"
_NOTHING = "nothing"

CATALOGUE: dict[str, Entry] = {
    "foresail": Entry("simple", "Foresail, shipped model", "public and made-up series", model="base"),
    "last-value": Entry("simple", "last value", _NOTHING),
    "offset-rule": Entry("simple", "offset rule, max(now, yesterday)", _NOTHING),
    "level-plus-yesterday": Entry("simple", "level + yesterday's increment", _NOTHING),
    "same-time-yesterday": Entry("simple", "same time yesterday", _NOTHING),
    "same-time-last-week": Entry("simple", "same time last week", _NOTHING),
    "ridge": Entry("ridge", "ridge", _OWN),
    "auto-ets": Entry("statistical", "AutoETS", _OWN, "statsforecast"),
    "auto-theta": Entry("statistical", "AutoTheta", _OWN, "statsforecast"),
    "mstl": Entry("statistical", "MSTL, daily and weekly", _OWN, "statsforecast"),
    "lightgbm": Entry("boosted", "LightGBM, our inputs", _TEN, "lightgbm", 3),
    "dlinear": Entry("neural", "DLinear", _TEN, "neuralforecast", 3),
    "nhits": Entry("neural", "NHITS", _TEN, "neuralforecast", 3),
    "lstm": Entry("neural", "LSTM", _TEN, "neuralforecast", 3),
    "deepar": Entry("deep_ar", "DeepAR", _TEN, "gluonts", 3),
}


def find(name: str) -> Entry:
    """The arm of that name. Raises UsageError where there is none."""
    if name not in CATALOGUE:
        raise UsageError(f"no arm {name!r}; there are: {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def fit_of(name: str) -> Fit:
    """How that arm is fitted. Raises UsageError where its library is not installed."""
    entry = find(name)
    try:
        module = importlib.import_module(f"benchmarks.forecasters.{entry.module}")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the arm {name} needs {entry.distribution or error.name}, and {error.name} is not installed; "
            "`make bench-forecast` brings it"
        ) from error
    fit: Fit = module.ARMS[name]
    return fit
