"""Scores: against figures worked out by hand, against persistence itself, with targets missing, and at any scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.baselines import BASELINES
from forecaster.errors import BadHistory
from forecaster.evaluate import Yardstick, origins_from, score, score_against
from forecaster.evaluate.scoring import CALM, DOWN_RAMP, SPIKE, UP_RAMP
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.series import FloatArray, IntArray, Series
from tests.helpers.histories import a_load, a_series, loads, with_another_future

NAN = float("nan")
STEPS = np.arange(1, HORIZON + 1)


def forecasts(origins: IntArray, quantiles: FloatArray, peak: FloatArray | None = None) -> Forecasts:
    return Forecasts(origins, LEVELS, quantiles, quantiles.max(axis=1) if peak is None else peak, Window(), "made-up")


def truth_of(series: Series, origins: IntArray) -> FloatArray:
    return np.repeat(series.values[origins[:, None] + STEPS][..., None], len(LEVELS), axis=2)


def persistence(yard: Yardstick, quantiles: FloatArray) -> Forecasts:
    return forecasts(yard.origins, quantiles[:, :HORIZON], quantiles[:, HORIZON])


def test_a_perfect_forecast_has_no_loss() -> None:
    series = a_load(days=4, gaps=0)
    origins = origins_from(series, 0.7, 7)
    made = score(series, forecasts(origins, truth_of(series, origins)), 0.7)
    assert (made.mae, made.pinball, made.ramp) == (0.0, 0.0, 0.0)
    assert (made.adaptive.pinball, made.adaptive.ramp, made.peak.pinball, made.peak.adaptive) == (0.0, 0.0, 0.0, 0.0)
    assert made.targets == len(origins) * HORIZON
    assert set(made.coverage.values()) == set(made.peak.coverage.values()) == {1.0}
    assert {(step.mae, step.lag, step.misses.share) for step in made.by_step.values()} == {(0.0, 0.0, 0.0)}
    assert {(regime.pinball, regime.bias) for regime in made.by_regime.values()} == {(0.0, 0.0)}


def test_persistence_scores_one_against_itself() -> None:
    series = a_load(days=4)
    yard = Yardstick.of(series, origins_from(series, 0.7, 7), 0.7, Window())
    made = score_against(yard, persistence(yard, yard.empirical))
    assert (made.pinball, made.ramp, made.peak.pinball) == (1.0, 1.0, 1.0)
    assert set(made.by_level.values()) == {1.0}
    assert {regime.pinball for regime in made.by_regime.values()} == {1.0}
    tracked = score_against(yard, persistence(yard, yard.adaptive))
    assert (tracked.adaptive.pinball, tracked.adaptive.ramp, tracked.peak.adaptive) == (1.0, 1.0, 1.0)
    assert set(tracked.adaptive.by_level.values()) == {1.0}
    assert {step.adaptive for step in tracked.by_step.values()} == {1.0}


def test_the_empirical_spread_is_that_of_the_past() -> None:
    series = a_load(days=4, gaps=0)
    origins = origins_from(series, 0.7, 7)
    seen = series.values[: int(0.7 * len(series))]
    spread = np.stack([np.quantile(seen[h:] - seen[:-h], LEVELS) for h in STEPS])
    made = score(series, forecasts(origins, series.values[origins][:, None, None] + spread), 0.7)
    assert (made.pinball, made.ramp) == pytest.approx((1.0, 1.0))


def test_the_median_off_by_twice_the_persistence_error_scores_two() -> None:
    series = a_series(np.arange(200.0))
    origins = origins_from(series, 0.5, 10)
    made = score(series, forecasts(origins, truth_of(series, origins) + 2.0 * STEPS[:, None]), 0.5)
    assert made.mae == pytest.approx(2.0)
    assert {regime.bias for regime in made.by_regime.values() if regime.targets} == {2.0}
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
    assert made.peak.targets == len(origins) - 1
    assert made.mae == 0.0


def test_ramps_are_the_targets_that_rose_more_than_nine_in_ten() -> None:
    calm = np.tile([10.0, 11.0], 100)
    values = np.concatenate([calm, np.full(HORIZON, 10.0), [10.0], np.full(HORIZON, 90.0), [10.0]])
    series, origins = a_series(values), np.array([199, 215])
    quantiles = np.full((2, HORIZON, len(LEVELS)), 10.0)
    quantiles[1] = 90.0
    made = score(series, forecasts(origins, quantiles), 200 / len(values))
    assert made.ramp == 0.0
    assert set(made.coverage_ramp.values()) == {1.0}
    flat = score(series, forecasts(origins[:1], quantiles[:1]), 200 / len(values))
    assert np.isnan(flat.ramp)
    assert np.isnan(flat.coverage_ramp["0.95"])


@pytest.mark.parametrize(("rise", "counts"), [(0.0, False), (3.0, True), (9.0, True)])
def test_a_ramp_need_not_be_among_the_steepest_of_all(rise: float, counts: bool) -> None:
    """One past increment in twenty is of 5 or 6, most are of 0 or 1: nine in ten are below 3, 99 in a hundred not."""
    past = np.tile([10.0, 11.0], 100)
    past[::20] = 16.0
    series = a_series([*past, past[-1], *[past[-1] + rise] * HORIZON])
    origins = np.array([200])
    made = score(series, forecasts(origins, truth_of(series, origins) + 1.0), 200 / len(series))
    assert np.isfinite(made.ramp) == counts
    assert (made.by_regime[SPIKE].targets > 0) == (rise > 6)


def test_ramps_and_calm_are_all_there_is_and_spikes_are_ramps() -> None:
    series = a_load(7, days=4)
    origins = origins_from(series, 0.7, 3)
    made = score(series, BASELINES["last-value"].forecast([Ask(series, origins)])[0], 0.7)
    targets = {name: regime.targets for name, regime in made.by_regime.items()}
    assert targets[UP_RAMP] + targets[DOWN_RAMP] + targets[CALM] == made.targets
    assert 0 < targets[SPIKE] < targets[UP_RAMP] < targets[CALM]
    assert made.by_regime[UP_RAMP].pinball == made.ramp
    assert made.by_regime[UP_RAMP].adaptive == made.adaptive.ramp
    assert made.by_regime[UP_RAMP].coverage == made.coverage_ramp["0.95"]


def test_a_copy_of_the_last_value_is_found_out() -> None:
    series = a_load(7, days=4)
    origins = origins_from(series, 0.7, 1)
    last = series.values[origins][:, None, None]
    spread = np.linspace(-3, 3, len(LEVELS)) - np.linspace(-3, 3, len(LEVELS))[LEVELS.index(0.5)]
    whole = ~np.isnan(last[:, 0, 0])
    made = score(series, forecasts(origins[whole], (last + spread + np.zeros((1, HORIZON, 1)))[whole]), 0.7)
    assert made.mae == pytest.approx(1.0)
    assert {step: figures.lag for step, figures in made.by_step.items()} == {"1": 1, "5": 5, "10": 10, "15": 15}
    assert made.by_regime[UP_RAMP].bias == pytest.approx(-1.0)
    assert made.by_regime[DOWN_RAMP].bias == pytest.approx(1.0)


def test_quantiles_of_a_known_distribution_cover_what_they_say() -> None:
    values = np.random.default_rng(9).exponential(10, size=20_000)
    series = a_series(values)
    origins = origins_from(series, 0.5, 1)
    quantiles = np.broadcast_to(-10 * np.log1p(-np.array(LEVELS)), (len(origins), HORIZON, len(LEVELS)))
    peak = -10 * np.log1p(-(np.array(LEVELS) ** (1 / HORIZON)))
    made = score(series, forecasts(origins, quantiles, np.tile(peak, (len(origins), 1))), 0.5)
    assert [made.coverage[f"{x:g}"] for x in LEVELS] == pytest.approx(LEVELS, abs=0.01)
    assert [made.peak.coverage[f"{x:g}"] for x in LEVELS] == pytest.approx(LEVELS, abs=0.025)
    misses = made.by_step["5"].misses
    assert misses.mean == pytest.approx(misses.mean_independent, rel=0.05)
    assert misses.longest <= 2 * misses.longest_independent
    assert made.pinball < 0.8
    assert made.adaptive.pinball < 0.8


def test_misses_are_counted_in_the_order_of_the_origins() -> None:
    series = a_series(np.concatenate([np.tile([10.0, 11.0], 100), np.full(100, 10.0)]))
    origins = origins_from(series, 2 / 3, 1)
    quantiles = np.full((len(origins), HORIZON, len(LEVELS)), 10.0)
    quantiles[[3, 4, 5, 20], 4] = 9.0
    made = score(series, forecasts(origins, quantiles), 2 / 3)
    assert made.by_step["5"].misses.longest == 3
    assert made.by_step["5"].misses.mean == 2
    assert made.by_step["1"].misses.share == 0


@given(loads(1, 2), st.integers(-8, 8))
@settings(max_examples=20, deadline=None)
def test_no_figure_depends_on_the_scale(series: Series, power: int) -> None:
    """A power of two rescales without rounding, so that even ties stay ties."""
    origins = origins_from(series, 0.7, 5)
    made = BASELINES["last-value"].forecast([Ask(series, origins)])[0]
    factor = 2.0**power
    larger = replace(made, quantiles=made.quantiles * factor, peak=made.peak * factor)
    assert score(series, made, 0.7).to_dict() == score(series.scaled(factor), larger, 0.7).to_dict()


@pytest.mark.parametrize("factor", [0.01, 0.3, 100.0])
def test_at_scales_that_round_the_figures_stay_close(factor: float) -> None:
    series = a_load(8, days=4)
    origins = origins_from(series, 0.7, 5)
    made = BASELINES["level-plus-yesterday"].forecast([Ask(series, origins)])[0]
    scaled = replace(made, quantiles=made.quantiles * factor, peak=made.peak * factor)
    one, other = score(series, made, 0.7), score(series.scaled(factor), scaled, 0.7)
    assert (one.mae, one.pinball, one.ramp) == pytest.approx((other.mae, other.pinball, other.ramp), rel=1e-6)
    assert one.adaptive.by_level == pytest.approx(other.adaptive.by_level, rel=0.001)


@given(loads(1, 2), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_nothing_after_the_last_target_is_used(series: Series, seed: int) -> None:
    origins = origins_from(series, 0.6, 5)[:20]
    made = forecasts(origins, np.full((len(origins), HORIZON, len(LEVELS)), 100.0))
    other = with_another_future(series, int(origins[-1]) + HORIZON, seed)
    assert score(series, made, 0.6).to_dict() == score(other, made, 0.6).to_dict()


def test_a_yardstick_of_other_origins_or_another_window_is_refused() -> None:
    series = a_load(days=2)
    origins = origins_from(series, 0.7, 7)
    yard = Yardstick.of(series, origins, 0.7, Window())
    made = persistence(yard, yard.empirical)
    for other in (replace(made, origins=origins + 1), replace(made, window=Window(2, 4))):
        with pytest.raises(ValueError, match="made-up: forecasts from other origins, or of another window"):
            score_against(yard, other)


def test_a_history_without_a_past_cannot_be_scored() -> None:
    series = a_series(np.concatenate([np.full(100, NAN), np.arange(100.0)]))
    origins = np.array([120])
    with pytest.raises(BadHistory, match="load: nothing was measured before the part to score"):
        score(series, forecasts(origins, truth_of(series, origins)), 0.5)
