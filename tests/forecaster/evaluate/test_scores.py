"""A score as JSON: every figure by its name, and null where there is none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from forecaster.evaluate import REGIMES, STEPS, origins_from, score
from forecaster.evaluate.scores import without_nan
from forecaster.forecast import HORIZON, LEVELS, Forecasts, Window
from tests.helpers.histories import a_series

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "plain"),
    [(NAN, None), (1.5, 1.5), ("nan", "nan"), (3, 3), ({"a": {"b": NAN, "c": 0.0}}, {"a": {"b": None, "c": 0.0}})],
)
def test_nan_becomes_null_however_deep(value: object, plain: object) -> None:
    assert without_nan(value) == plain


def test_what_has_no_ratio_is_null_in_json() -> None:
    series = a_series([5.0] * 200)
    origins = origins_from(series, 0.5, 10)
    quantiles = np.full((len(origins), HORIZON, len(LEVELS)), 5.0)
    made = score(series, Forecasts(origins, LEVELS, quantiles, quantiles[:, 0], Window(), "made-up"), 0.5)
    assert math.isnan(made.mae)
    written = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert (written["mae"], written["ramp"], written["by_level"]["0.5"]) == (None, None, None)
    assert written["adaptive"] == {"pinball": None, "ramp": None, "by_level": {f"{x:g}": None for x in LEVELS}}
    assert written["coverage"]["0.5"] == written["peak"]["coverage"]["0.5"] == 1.0
    assert written["by_step"]["15"]["misses"]["longest"] == 0
    assert list(written["by_step"]) == [str(step) for step in STEPS]
    assert list(written["by_regime"]) == list(REGIMES)
    assert written["model"] == "made-up"
