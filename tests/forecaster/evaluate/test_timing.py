"""The peak-timing lag: a copy is told from a forecast, however far it was shifted and however seldom it was asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.evaluate.timing import peak_lag
from forecaster.forecast import HORIZON
from forecaster.series import FloatArray

NAN = float("nan")
VALUES = np.random.default_rng(11).normal(100, 10, size=1_000)
PLACES = np.arange(100, 980)


def bumps(n: int = 1_000) -> FloatArray:
    """Some peaks with flanks, so that a shift is visible in both."""
    rng = np.random.default_rng(12)
    t = np.arange(n)
    peaks: FloatArray = (50 * np.exp(-0.5 * ((t[:, None] - rng.integers(0, n, 12)) / 9) ** 2)).sum(axis=1)
    return peaks


@given(st.integers(1, HORIZON), st.integers(-HORIZON, 2 * HORIZON), st.sampled_from([1, 3, 7]))
@settings(max_examples=40)
def test_the_lag_of_a_shifted_copy_is_its_shift(step: int, shift: int, every: int) -> None:
    origins = np.arange(100, len(VALUES) - 3 * HORIZON, every)
    assert peak_lag(VALUES[origins + step - shift], step, VALUES, origins) == shift


@pytest.mark.parametrize("step", [1, 5, 10, 15])
def test_a_copy_of_the_last_value_is_as_late_as_its_step(step: int) -> None:
    for values in (VALUES, bumps()):
        origins = np.arange(100, 980, 7)
        assert peak_lag(values[origins], step, values, origins) == step


def test_scale_and_level_of_the_forecast_do_not_matter() -> None:
    origins = PLACES[::7]
    late = VALUES[origins + 5 - 2]
    assert peak_lag(1_000 + 0.1 * late, 5, VALUES, origins) == 2


def test_noise_about_a_forecast_in_time_leaves_it_in_time() -> None:
    values, origins = bumps(), PLACES[::3]
    noisy = values[origins + 10] + np.random.default_rng(1).normal(0, 1, size=len(origins))
    assert abs(peak_lag(noisy, 10, values, origins)) <= 1


def test_of_two_lags_that_fit_alike_the_smaller_counts() -> None:
    """Every fifth lag is perfect but for rounding, which differs with the bins that are missing."""
    values, origins = np.tile([0.1, 0.3, 5.7, 9.9, 2.3], 100), np.arange(50, 450)
    median = 1 / 3 + values[origins + 10] / 7
    for missing in range(60, 90):
        gappy = values.copy()
        gappy[missing] = NAN
        assert peak_lag(median, 10, gappy, origins) == 0


def test_missing_bins_are_left_out() -> None:
    values, origins = VALUES.copy(), PLACES[::3]
    median = VALUES[origins + 5 - 3]
    values[300:420] = NAN
    assert peak_lag(median, 5, values, origins) == 3


@pytest.mark.parametrize(
    ("median", "values"),
    [
        (np.full(20, 5.0), VALUES),
        (np.arange(21.0), VALUES),
        (np.full(200, 5.0), VALUES),
        (np.sin(np.arange(200.0)), np.full(1_000, 5.0)),
        (np.sin(np.arange(200.0)), np.full(1_000, NAN)),
    ],
    ids=["few", "changes evenly", "never changes", "nothing to see", "nothing measured"],
)
def test_where_nothing_moves_or_too_little_was_measured_there_is_no_lag(median: FloatArray, values: FloatArray) -> None:
    assert np.isnan(peak_lag(median, 5, values, PLACES[: len(median)]))


def test_nothing_after_the_last_target_is_used() -> None:
    origins = np.arange(100, 200)
    other = VALUES.copy()
    other[origins[-1] + HORIZON + 1 :] = 1e9 * np.sin(np.arange(len(VALUES) - origins[-1] - HORIZON - 1))
    early = VALUES[origins + 2 * HORIZON]
    assert peak_lag(early, HORIZON, VALUES, origins) == peak_lag(early, HORIZON, other, origins) == -HORIZON
