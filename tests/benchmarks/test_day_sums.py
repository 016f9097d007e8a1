"""Sums by day give the same figures as scoring all at once, whichever way the days are cut."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.day_sums import RATIOS, Ruler, figures
from forecaster.baselines import BASELINES
from forecaster.evaluate import Yardstick, origins_from, score
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.series import Series
from tests.helpers.histories import a_load


def a_rule(series: Series) -> Forecasts:
    origins = origins_from(series, 0.7, 7)
    return BASELINES["level-plus-yesterday"].forecast([Ask(series, origins)])[0]


def a_ruler(series: Series, forecasts: Forecasts) -> Ruler:
    return Ruler(series, Yardstick.of(series, forecasts.origins, 0.7, Window()))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_figures_are_those_of_the_backtest(seed: int) -> None:
    series = a_load(seed, days=9, gaps=4)
    forecasts = a_rule(series)
    ruler = a_ruler(series, forecasts)
    made = figures(ruler.arm(forecasts.quantiles), ruler.persistence())
    wanted = score(series, forecasts, 0.7)
    assert made == pytest.approx({
        "mae": wanted.mae,
        "empirical": wanted.pinball,
        "empirical_ramp": wanted.ramp,
        "adaptive": wanted.adaptive.pinball,
        "adaptive_ramp": wanted.adaptive.ramp,
        "adaptive_0.95": wanted.adaptive.by_level["0.95"],
        "adaptive_0.99": wanted.adaptive.by_level["0.99"],
        "coverage_0.95": wanted.coverage["0.95"],
        "coverage_ramp_0.95": wanted.coverage_ramp["0.95"],
    }, rel=1e-9)  # fmt: skip
    assert ruler.coverage(forecasts.quantiles) == pytest.approx(wanted.coverage)


def test_every_day_of_an_origin_has_its_sum() -> None:
    series = a_load(days=9)
    forecasts = a_rule(series)
    ruler = a_ruler(series, forecasts)
    days = sorted({series.time(int(origin)).date().isoformat() for origin in forecasts.origins})
    assert list(ruler.days) == days
    assert all(len(column) == len(days) for column in ruler.arm(forecasts.quantiles).values())


def test_persistence_against_itself_is_one() -> None:
    series = a_load(days=9)
    origins = origins_from(series, 0.7, 7)
    yard = Yardstick.of(series, origins, 0.7, Window())
    ruler = Ruler(series, yard)
    made = figures(ruler.arm(yard.adaptive[:, :HORIZON]), ruler.persistence())
    assert made["adaptive"] == made["adaptive_ramp"] == made["adaptive_0.95"] == made["adaptive_0.99"] == 1.0


def test_what_never_rises_has_no_figure_on_ramps() -> None:
    series = a_load(days=9)
    values = series.values.copy()
    values[int(0.7 * len(values)) :] = 50.0
    flat = Series(series.start, series.step, values, series.kind)
    origins = origins_from(flat, 0.75, 7)
    ruler = Ruler(flat, Yardstick.of(flat, origins, 0.7, Window()))
    made = figures(ruler.arm(np.full((len(origins), HORIZON, len(LEVELS)), 50.0)), ruler.persistence())
    assert np.isnan(made["empirical_ramp"])
    assert np.isnan(made["coverage_ramp_0.95"])
    assert set(made) == set(RATIOS)
