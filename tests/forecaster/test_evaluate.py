"""Scores: against figures worked out by hand, against persistence itself, and with targets missing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forecaster.errors import BadHistory
from forecaster.evaluate import origins_from, pinball, score
from forecaster.forecast import HORIZON, LEVELS, Forecasts, Window
from forecaster.series import FloatArray, IntArray, Series
from tests.helpers.histories import a_load, a_series

NAN = float("nan")
STEPS = np.arange(1, HORIZON + 1)


def forecasts(origins: IntArray, quantiles: FloatArray) -> Forecasts:
    return Forecasts(origins, LEVELS, quantiles, quantiles.max(axis=1), Window(), "made-up")


def truth_of(series: Series, origins: IntArray) -> FloatArray:
    return np.repeat(series.values[origins[:, None] + STEPS][..., None], len(LEVELS), axis=2)


def test_pinball_by_hand() -> None:
    loss = pinball(np.array([10.0]), np.full((1, len(LEVELS)), 8.0))
    np.testing.assert_allclose(loss[0], 2 * np.array(LEVELS))
    loss = pinball(np.array([10.0]), np.full((1, len(LEVELS)), 13.0))
    np.testing.assert_allclose(loss[0], 3 * (1 - np.array(LEVELS)))


def test_a_perfect_forecast_has_no_loss() -> None:
    series = a_load(days=4, gaps=0)
    origins = origins_from(series, 0.7, 7)
    made = score(series, forecasts(origins, truth_of(series, origins)), 0.7)
    assert (made.mae, made.pinball, made.ramp) == (0.0, 0.0, 0.0)
    assert made.targets == len(origins) * HORIZON
    assert set(made.coverage.values()) == {1.0}


def test_persistence_scores_one() -> None:
    series = a_load(days=4, gaps=0)
    origins = origins_from(series, 0.7, 7)
    seen = series.values[: int(0.7 * len(series))]
    spread = np.stack([np.quantile(seen[h:] - seen[:-h], LEVELS) for h in STEPS])
    quantiles = series.values[origins][:, None, None] + spread
    made = score(series, forecasts(origins, quantiles), 0.7)
    assert (made.pinball, made.ramp) == (1.0, 1.0)
    assert set(made.by_level.values()) == {1.0}


def test_the_median_off_by_twice_the_persistence_error_scores_two() -> None:
    series = a_series(np.arange(200.0))
    origins = origins_from(series, 0.5, 10)
    made = score(series, forecasts(origins, truth_of(series, origins) + 2.0 * STEPS[:, None]), 0.5)
    assert made.mae == pytest.approx(2.0)
    assert set(made.coverage.values()) == {1.0}


def test_a_missing_target_is_left_out_and_not_filled() -> None:
    series = a_load(days=4, gaps=0)
    origins = origins_from(series, 0.7, 20)
    values = series.values.copy()
    values[origins[0] + 3] = NAN
    gappy = a_series(values, series.step)
    quantiles = truth_of(series, origins)
    quantiles[0, 2] = 1e9
    made = score(gappy, forecasts(origins, quantiles), 0.7)
    assert made.targets == len(origins) * HORIZON - 1
    assert made.mae == 0.0


def test_a_missing_origin_holds_the_value_before_it() -> None:
    values = np.concatenate([np.arange(100.0) % 7, [50.0, NAN], np.full(HORIZON, 60.0), [0.0]])
    origins = np.array([101])
    made = score(a_series(values), forecasts(origins, np.full((1, HORIZON, len(LEVELS)), 65.0)), 0.8)
    assert made.mae == pytest.approx(5 / 10)


def test_ramps_are_the_targets_that_rose_more_than_nine_in_ten() -> None:
    calm = np.tile([10.0, 11.0], 100)
    values = np.concatenate([calm, np.full(HORIZON, 10.0), [10.0], np.full(HORIZON, 90.0), [10.0]])
    series, origins = a_series(values), np.array([199, 215])
    quantiles = np.full((2, HORIZON, len(LEVELS)), 10.0)
    quantiles[1] = 90.0
    made = score(series, forecasts(origins, quantiles), 200 / len(values))
    assert made.ramp == 0.0
    flat = score(series, forecasts(origins[:1], quantiles[:1]), 200 / len(values))
    assert np.isnan(flat.ramp)


@pytest.mark.parametrize(("rise", "counts"), [(0.0, False), (3.0, True), (9.0, True)])
def test_a_ramp_need_not_be_among_the_steepest_of_all(rise: float, counts: bool) -> None:
    """One past increment in twenty is of 5 or 6, most are of 0 or 1: nine in ten are below 3, 99 in a hundred not."""
    past = np.tile([10.0, 11.0], 100)
    past[::20] = 16.0
    series = a_series([*past, past[-1], *[past[-1] + rise] * HORIZON])
    origins = np.array([200])
    made = score(series, forecasts(origins, truth_of(series, origins) + 1.0), 200 / len(series))
    assert np.isfinite(made.ramp) == counts


def test_what_has_no_ratio_is_null_in_json() -> None:
    series = a_series([5.0] * 200)
    origins = origins_from(series, 0.5, 10)
    made = score(series, forecasts(origins, truth_of(series, origins)), 0.5)
    assert np.isnan(made.mae)
    written = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert (written["mae"], written["ramp"], written["by_level"]["0.5"]) == (None, None, None)
    assert written["coverage"]["0.5"] == 1.0
    assert written["model"] == "made-up"


def test_origins_lie_after_the_share_with_all_targets_inside() -> None:
    series = a_load(days=1, gaps=0)
    origins = origins_from(series, 0.7, 1)
    assert origins[0] == int(0.7 * len(series))
    assert origins[-1] + HORIZON == len(series) - 1
    assert np.diff(origins_from(series, 0.7, 7)).tolist() == [7] * (len(origins_from(series, 0.7, 7)) - 1)


@pytest.mark.parametrize(
    ("share", "every", "length", "found"),
    [
        (0.0, 1, 100, "expected more than 0 and less than 1"),
        (1.0, 1, 100, "expected more than 0 and less than 1"),
        (float("nan"), 1, 100, "expected more than 0 and less than 1"),
        (0.5, 0, 100, "expected 1 or more"),
        (0.9, 1, 100, "load: no origin after 90% of 100 bins"),
        (0.5, 1, 0, "no origin"),
    ],
)
def test_nothing_to_measure_is_refused(share: float, every: int, length: int, found: str) -> None:
    with pytest.raises(BadHistory, match=found):
        origins_from(a_series(np.ones(length)), share, every)


def test_a_history_without_a_past_cannot_be_scored() -> None:
    series = a_series(np.concatenate([np.full(100, NAN), np.arange(100.0)]))
    origins = np.array([120])
    with pytest.raises(BadHistory, match="load: nothing was measured before the part to score"):
        score(series, forecasts(origins, truth_of(series, origins)), 0.5)
