"""The quantiles around a point: from errors that were known, the same whoever is asked for with it, and covering."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.forecasters.recent_errors import with_recent_errors
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import FloatArray, IntArray, Series, held
from tests.helpers.histories import a_load, a_series, with_another_future


def last(series: Series, origins: IntArray) -> FloatArray:
    return np.repeat(held(series.values)[origins][:, None], HORIZON, axis=1)


def test_a_forecast_does_not_depend_on_those_asked_for_with_it() -> None:
    series = a_load(days=4)
    origins = np.arange(600, 1_100)
    together = with_recent_errors(last, 1, series, origins)
    alone = np.concatenate([with_recent_errors(last, 1, series, np.array([o])) for o in origins[::37]])
    np.testing.assert_array_equal(together[::37], alone)


def test_nothing_after_an_origin_counts() -> None:
    series = a_load(days=4)
    other = with_another_future(series, 900, seed=5)
    asked = np.array([900])
    np.testing.assert_array_equal(with_recent_errors(last, 1, series, asked), with_recent_errors(last, 1, other, asked))


def test_steady_noise_is_covered_as_the_levels_say() -> None:
    noise = a_series(np.random.default_rng(0).normal(100, 5, size=6_000))
    origins = np.arange(3_000, 5_900, 7)
    made = with_recent_errors(lambda s, o: np.full((len(o), HORIZON), 100.0), 1, noise, origins)
    truth = noise.values[origins[:, None] + np.arange(1, HORIZON + 1)]
    covered = (truth[..., None] <= made).mean(axis=(0, 1))
    np.testing.assert_allclose(covered, LEVELS, atol=0.02)


def test_too_few_errors_are_named() -> None:
    with pytest.raises(ValueError, match="expected 20: score it later"):
        with_recent_errors(last, 1, a_load(days=1), np.array([60]))
