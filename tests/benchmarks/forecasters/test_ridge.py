"""The ridge learns what a workload repeats and its scale does not matter."""

from __future__ import annotations

import numpy as np

from benchmarks.forecasters.arm import Run
from benchmarks.forecasters.ridge import ridge
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import Series
from tests.helpers.histories import MINUTE, a_load, a_series

MEDIAN = LEVELS.index(0.5)


def a_schedule(days: int) -> Series:
    """A jump at the same step of every day, with a little noise."""
    per_day = 288
    t = np.arange(days * per_day)
    jump = np.where((t % per_day > 100) & (t % per_day < 160), 300.0, 50.0)
    return a_series(jump + np.random.default_rng(1).normal(0, 1, len(t)), 5 * MINUTE)


def test_a_jump_that_comes_every_day_is_expected() -> None:
    series = a_schedule(12)
    before = 11 * 288 + 95
    made = ridge([], Run())(series, np.array([before]))[0, :, MEDIAN]
    truth = series.values[before + 1 : before + 1 + HORIZON]
    assert np.abs(made - truth).mean() < 30
    assert np.abs(series.values[before] - truth).mean() > 150


def test_a_load_a_thousand_times_larger_gives_forecasts_as_much_larger() -> None:
    series = a_load(days=6)
    origins = np.arange(1_500, 1_600, 7)
    predict = ridge([], Run())
    np.testing.assert_allclose(predict(series.scaled(1e3), origins), 1e3 * predict(series, origins), rtol=1e-6)
