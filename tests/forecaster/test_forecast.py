"""Windows, and a forecast as a value: which origin, which quantile of which step."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.errors import BadHistory
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from tests.helpers.histories import MINUTE, MONDAY, a_series


@pytest.mark.parametrize(("first", "last"), [(0, 5), (3, 2), (1, HORIZON + 1)])
def test_a_window_outside_the_horizon_is_refused(first: int, last: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 <= first <= last <= {HORIZON}"):
        Window(first, last)


def some_forecasts() -> Forecasts:
    steps = np.arange(HORIZON)[:, None] * 100.0 + np.arange(len(LEVELS))
    return Forecasts(
        origins=np.array([0, 2]),
        levels=LEVELS,
        quantiles=np.stack([steps, steps + 1000]),
        peak=np.stack([np.arange(len(LEVELS)) * 1.0, np.arange(len(LEVELS)) * 10.0]),
        window=Window(2, 4),
        model="some",
    )


def test_one_origin_as_a_value() -> None:
    forecast = some_forecasts().at(1, a_series([5, 6, 7], name="connections"))
    assert (forecast.signal, forecast.model, forecast.window) == ("connections", "some", Window(2, 4))
    assert forecast.origin == MONDAY + 2 * MINUTE
    assert forecast.quantiles[0][0] == 1000.0
    assert forecast.peak == tuple(float(10 * k) for k in range(len(LEVELS)))
    assert hash(forecast) == hash(some_forecasts().at(1, a_series([5, 6, 7], name="connections")))


def test_quantiles_between_levels_are_interpolated_and_held_beyond_them() -> None:
    forecast = some_forecasts().at(0, a_series([5, 6, 7]))
    assert forecast.step_at(1, 0.05) == 0.0
    assert forecast.step_at(3, 0.075) == pytest.approx(200.5)
    assert forecast.step_at(3, 0.5) == 203.0
    assert forecast.step_at(HORIZON, 0.999) == 1407.0
    assert forecast.peak_at(0.01) == 0.0
    assert forecast.peak_at(0.97) == pytest.approx(6.5)


def test_what_is_infinite_is_no_history() -> None:
    values = np.arange(10.0)
    values[4] = np.inf
    series = a_series(values)
    assert Ask(series, np.array([3])).series is series  # what comes after an origin is nobody's business
    with pytest.raises(BadHistory, match=r"infinite at .*T00:04:00\+00:00; leave out what was not measured"):
        Ask(series, np.array([3, 4]))
