"""The shipped network behind the Forecaster protocol, as ONNX Runtime serves it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.artefact import MODEL, write_artefact
from forecaster.errors import BadArtefact, NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.predict import OnnxForecaster, load_calibrated, load_forecaster, load_network, window_mask
from forecaster.series import Series
from forecaster.verdict import Ruling
from tests.helpers.histories import a_load, a_series, loads, with_another_future

WHOLE = Window()
BASE = Path(__file__).parents[2] / "models" / "base"
windows = st.tuples(st.integers(1, HORIZON), st.integers(1, HORIZON)).map(lambda w: Window(min(w), max(w)))


@cache
def base() -> OnnxForecaster:
    return load_network(BASE)


def forecasts_at(series: Series, *origins: int, window: Window = WHOLE) -> Forecasts:
    return base().forecast([Ask(series, np.array(origins), window)])[0]


@given(loads(), windows, st.data())
@settings(max_examples=30, deadline=None)
def test_quantiles_ascend_and_no_load_is_negative(series: Series, window: Window, data: st.DataObject) -> None:
    origins = data.draw(st.lists(st.integers(0, len(series) - 1), min_size=1, max_size=5))
    made = forecasts_at(series, *origins, window=window)
    assert made.quantiles.shape == (len(origins), HORIZON, len(LEVELS))
    assert made.peak.shape == (len(origins), len(LEVELS))
    for quantiles in (made.quantiles, made.peak):
        assert np.isfinite(quantiles).all()
        assert (np.diff(quantiles, axis=-1) >= 0).all()
        assert (quantiles >= 0).all()


@given(loads(), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=20, deadline=None)
def test_a_corrupted_future_changes_no_forecast(series: Series, seed: int, data: st.DataObject) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    a, b = (forecasts_at(s, origin) for s in (series, with_another_future(series, origin, seed)))
    np.testing.assert_array_equal(a.quantiles, b.quantiles)
    np.testing.assert_array_equal(a.peak, b.peak)


@given(loads(), st.floats(1e-3, 1e6), st.data())
@settings(max_examples=20, deadline=None)
def test_the_forecast_of_a_larger_workload_is_larger_by_as_much(
    series: Series, factor: float, data: st.DataObject
) -> None:
    origin = data.draw(st.integers(0, len(series) - 1))
    plain, scaled = forecasts_at(series, origin), forecasts_at(series.scaled(factor), origin)
    size = float(plain.peak.max())
    np.testing.assert_allclose(scaled.quantiles / factor, plain.quantiles, rtol=1e-3, atol=1e-3 * size)
    np.testing.assert_allclose(scaled.peak / factor, plain.peak, rtol=1e-3, atol=1e-3 * size)


def test_a_batch_gives_what_each_ask_gives_alone() -> None:
    asks = [Ask(a_load(seed, days=2), np.array([300, 400 + seed]), Window(1 + seed, 9)) for seed in range(4)]
    together = base().forecast(asks)
    assert [t.window for t in together] == [a.window for a in asks]
    for ask, made in zip(asks, together, strict=True):
        alone = base().forecast([ask])[0]
        assert made.origins.tolist() == ask.origins.tolist()
        np.testing.assert_allclose(made.quantiles, alone.quantiles, rtol=1e-4)
        np.testing.assert_allclose(made.peak, alone.peak, rtol=1e-4)


def test_more_origins_than_one_run_of_the_network_takes() -> None:
    series = a_load(days=8, gaps=0)
    origins = np.arange(100, 2200)
    made = forecasts_at(series, *origins)
    np.testing.assert_allclose(made.quantiles[-3:], forecasts_at(series, *origins[-3:]).quantiles, rtol=1e-4)
    np.testing.assert_allclose(made.peak[-3:], forecasts_at(series, *origins[-3:]).peak, rtol=1e-4)


def test_nothing_asked_is_nothing_answered() -> None:
    assert base().forecast([]) == []


def test_nothing_known_is_said_with_the_name_of_the_series() -> None:
    with pytest.raises(NoForecast, match="chat: nothing measured"):
        forecasts_at(a_series([np.nan, 1.0, 2.0], name="chat"), 0)


def test_the_name_says_which_network() -> None:
    assert base().name == "lstm:base"
    assert forecasts_at(a_load(), 500).model == "lstm:base"


def test_calibration_moves_the_upper_quantiles_of_the_network() -> None:
    series, origins = a_load(3, days=6, gaps=0), np.array([1500, 1600])
    bare, served = (f.forecast([Ask(series, origins)])[0] for f in (base(), load_calibrated(BASE)))
    assert served.model == bare.model
    median = LEVELS.index(0.5) + 1
    np.testing.assert_allclose(served.quantiles[..., :median], bare.quantiles[..., :median], rtol=1e-4)
    assert not np.allclose(served.quantiles[..., median:], bare.quantiles[..., median:], rtol=1e-3)


def test_what_is_served_is_the_calibrated_network_with_a_verdict_or_a_rule() -> None:
    series, origins = a_load(3, days=6, gaps=0), np.array([900, 1500, 1600])
    served, calibrated = (f(BASE).forecast([Ask(series, origins)])[0] for f in (load_forecaster, load_calibrated))
    assert served.model == "lstm:base"
    for row, verdict in enumerate(served.verdicts):
        assert verdict.hours >= 48
        kept = np.allclose(served.quantiles[row], calibrated.quantiles[row], rtol=1e-4)
        assert kept == (verdict.ruling is Ruling.ACCEPT)


def test_a_constant_load_goes_on() -> None:
    made = forecasts_at(a_series([40.0] * 3000), 2999)
    np.testing.assert_allclose(made.quantiles[0, :, LEVELS.index(0.5)], 40.0, rtol=0.1)


def test_a_network_that_is_none_is_refused(tmp_path: Path) -> None:
    artefact = write_artefact(tmp_path / "ours", "ours", {MODEL: b"no network"}, {})
    with pytest.raises(BadArtefact, match=r"ONNX Runtime refuses it .*; train the model again"):
        OnnxForecaster(artefact)


def test_the_mask_of_a_window() -> None:
    assert np.flatnonzero(window_mask(Window(3, 5))).tolist() == [2, 3, 4]
    assert window_mask(WHOLE).tolist() == [1.0] * HORIZON
