"""Means over several series: geometric for ratios, plain for shares, and what has no meaning is left out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.evaluate import Score, geometric_mean, mean_score, origins_from, score
from forecaster.forecast import HORIZON, LEVELS, Forecasts, Window
from tests.helpers.histories import a_load

NAN = float("nan")


def a_score() -> Score:
    series = a_load(days=2)
    origins = origins_from(series, 0.7, 20)
    quantiles = np.full((len(origins), HORIZON, len(LEVELS)), 120.0)
    return score(series, Forecasts(origins, LEVELS, quantiles, quantiles[:, 0], Window(), "flat"), 0.7)


@pytest.mark.parametrize(
    ("ratios", "mean"), [([0.5, 2.0], 1.0), ([0.5, NAN, 2.0], 1.0), ([0.3], 0.3), ([0.0, 2.0], 0.0)]
)
def test_geometric_means_by_hand(ratios: list[float], mean: float) -> None:
    assert geometric_mean(ratios) == pytest.approx(mean)


@pytest.mark.parametrize("ratios", [[], [NAN, NAN]])
def test_of_nothing_there_is_no_mean(ratios: list[float]) -> None:
    assert np.isnan(geometric_mean(ratios))


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=9), st.floats(0.01, 100))
def test_a_common_factor_passes_through(ratios: list[float], factor: float) -> None:
    assert geometric_mean([factor * r for r in ratios]) == pytest.approx(factor * geometric_mean(ratios))


def test_of_one_series_the_mean_is_its_score() -> None:
    made = a_score()
    mean = mean_score([made])
    assert mean.of == 1
    assert mean.mae == pytest.approx(made.mae)
    assert mean.adaptive.pinball == pytest.approx(made.adaptive.pinball)
    assert mean.by_level == pytest.approx(made.by_level)
    assert mean.coverage == pytest.approx(made.coverage)


def test_ratios_are_multiplied_and_shares_are_added() -> None:
    one = replace(a_score(), mae=0.5, coverage={f"{x:g}": 0.4 for x in LEVELS})
    other = replace(one, mae=2.0, coverage={f"{x:g}": 0.8 for x in LEVELS})
    mean = mean_score([one, other])
    assert mean.mae == pytest.approx(1.0)
    assert mean.coverage["0.95"] == pytest.approx(0.6)


def test_a_series_without_a_figure_is_left_out_of_that_figure_alone() -> None:
    one = replace(a_score(), mae=0.5, ramp=0.8)
    mean = mean_score([one, replace(one, mae=0.7, ramp=NAN)])
    assert mean.ramp == pytest.approx(0.8)
    assert mean.mae == pytest.approx((0.5 * 0.7) ** 0.5)


def test_what_no_series_has_is_null_in_json() -> None:
    written = json.loads(json.dumps(mean_score([replace(a_score(), ramp=NAN)]).to_dict(), allow_nan=False))
    assert written["ramp"] is None
    assert written["of"] == 1
