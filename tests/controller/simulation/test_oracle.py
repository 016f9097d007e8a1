"""The forecaster that reads the future: it says what came, at every level, and says who it is."""

from __future__ import annotations

import numpy as np
import pytest

from controller.simulation.oracle import Perfect
from forecaster.errors import NoForecast
from forecaster.forecast import HORIZON, LEVELS, Ask, Window
from tests.helpers.worlds import connections

NAN = float("nan")


def test_every_quantile_is_what_came() -> None:
    series = connections(list(range(100)))
    (told,) = Perfect().forecast([Ask(series, np.array([0, 40]), Window(2, 5))])
    assert told.quantiles.shape == (2, HORIZON, len(LEVELS))
    for level in range(len(LEVELS)):
        assert told.quantiles[0, :, level].tolist() == list(range(1, 16))
        assert told.quantiles[1, :, level].tolist() == list(range(41, 56))
    assert told.peak.tolist() == [[5] * len(LEVELS), [45] * len(LEVELS)]
    assert told.model == Perfect().name == "perfect"


def test_the_peak_is_of_the_window_alone() -> None:
    series = connections([0, 99, 3, 7, 5, 99, *[0] * 20])
    (told,) = Perfect().forecast([Ask(series, np.array([0]), Window(2, 4))])
    assert told.peak[0].tolist() == [7] * len(LEVELS)


def test_a_gap_and_the_end_hold_the_value_before() -> None:
    (told,) = Perfect().forecast([Ask(connections([1, 2, NAN, 4, 6]), np.array([1, 4]))])
    assert told.quantiles[0, :, 0].tolist() == [2, 4] + [6] * (HORIZON - 2)
    assert told.quantiles[1, :, 0].tolist() == [6] * HORIZON


def test_nothing_measured_up_to_an_origin_is_refused() -> None:
    with pytest.raises(NoForecast, match="connections: no measured bin"):
        Perfect().forecast([Ask(connections([NAN, 2]), np.array([0]))])
