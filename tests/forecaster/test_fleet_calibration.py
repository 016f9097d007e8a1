"""A fleet's calibration, followed from tick to tick, says what `Calibrated` makes again from history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from forecaster.calibrated import Calibrated
from forecaster.fleet import Fleet, Newcomer
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecasts, Window
from forecaster.predict import window_mask
from forecaster.rows import Rows, Shape
from forecaster.series import EPOCH, FloatArray, Series
from forecaster.windows import Float32Array, Inputs, Windows
from tests.helpers.histories import a_load

NAN = float("nan")
STEP = timedelta(minutes=4)
DAY = 360
WINDOWS = (Window(), Window(2, 4), Window(3, 9))


class TooLow:
    """A network that says how far the load lay around its last value and moves at this hour, a little too low."""

    name = "too low"

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        spread = np.sinh(inputs.sequence[:, -30:, 0]).std(axis=1) * inputs.scale
        spread += inputs.usual[:, 0, -1, -1] * inputs.scale
        levels = np.array(LEVELS) - 0.6
        steps = inputs.last[:, None, None] + spread[:, None, None] * np.sqrt(np.arange(1, 16))[:, None] * levels
        peak = inputs.last[:, None] + spread[:, None] * masks.sum(axis=1)[:, None] * levels / 4
        return np.maximum(steps, 0.0), np.maximum(peak, 0.0)

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        return [self._one(ask) for ask in asks]

    def _one(self, ask: Ask) -> Forecasts:
        masks = np.tile(window_mask(ask.window), (len(ask.origins), 1))
        quantiles, peak = self.run(Windows(ask.series).inputs(ask.origins), masks)
        return Forecasts(ask.origins, LEVELS, quantiles, peak, ask.window, self.name)


def a_fleet(folder: Path, loads: Sequence[Series]) -> Fleet:
    """A fleet as of the loads' first bin, before anything was measured."""
    first = (loads[0].start - EPOCH) // STEP
    fleet = Fleet(Rows.create(folder / "rows", Shape(STEP, len(loads)), first, first), TooLow())
    fleet.join({column: Newcomer(loads[0].part(0, 0), window) for column, window in enumerate(WINDOWS)})
    return fleet


def settle(fleet: Fleet) -> None:
    while fleet.work():
        pass


@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_what_calibrated_says(tmp_path: Path, seed: int) -> None:
    """Over three midnights, for one that came late and for windows of different length; it works after each bin."""
    loads = [a_load(10 * seed + k, days=4, step=STEP, gaps=6) for k in range(3)]
    loads[1].values[: DAY + 77] = NAN
    fleet = a_fleet(tmp_path, loads)
    asked = {DAY + 200: [0, 2], 2 * DAY - 1: [0, 1, 2], 2 * DAY: [0, 1, 2], 3 * DAY + 131: [0, 1, 2]}
    bare, moved = TooLow(), 0
    for k in range(4 * DAY):
        fleet.append(loads[0].time(k), np.array([load.values[k] for load in loads]))
        settle(fleet)
        if k not in asked:
            continue
        made = fleet.forecast()
        for column in asked[k]:
            ask = Ask(loads[column].part(0, k + 1), np.array([k]), WINDOWS[column])
            expected = Calibrated(bare).forecast([ask])[0]
            np.testing.assert_allclose(made.quantiles[column], expected.quantiles[0], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(made.peak[column], expected.peak[0], rtol=1e-5, atol=1e-6)
            moved += not np.allclose(made.quantiles[column], bare.forecast([ask])[0].quantiles[0], rtol=1e-3)
    assert moved >= 9


def test_only_another_window_is_begun_with_anew(tmp_path: Path) -> None:
    loads = [a_load(k, days=1, step=STEP, gaps=0) for k in range(3)]
    fleet = a_fleet(tmp_path, loads)
    for k in range(300):
        fleet.append(loads[0].time(k), np.array([load.values[k] for load in loads]))
    before = fleet.forecast()
    fleet.ask({0: WINDOWS[0], 1: Window(1, 5)})
    after = fleet.forecast()
    np.testing.assert_array_equal(after.quantiles[0], before.quantiles[0])
    assert not np.allclose(after.quantiles[1], before.quantiles[1], rtol=1e-3)


def test_another_workload_in_the_column_begins_anew(tmp_path: Path) -> None:
    loads = [a_load(k, days=1, step=STEP, gaps=0) for k in range(3)]
    fleet = a_fleet(tmp_path, loads)
    for k in range(300):
        fleet.append(loads[0].time(k), np.array([load.values[k] for load in loads]))
    settle(fleet)
    before = fleet.forecast()
    fleet.join({0: Newcomer(loads[0].part(0, 300), WINDOWS[0])})
    settle(fleet)
    after = fleet.forecast()
    bare = TooLow().forecast([Ask(loads[0].part(0, 300), np.array([299]))])[0]
    np.testing.assert_allclose(after.quantiles[0], bare.quantiles[0], rtol=1e-6)
    assert not np.allclose(before.quantiles[0], bare.quantiles[0], rtol=1e-3)
    np.testing.assert_allclose(after.quantiles[1:], before.quantiles[1:], rtol=1e-6)
    assert after.quantiles.shape == (3, HORIZON, len(LEVELS))
