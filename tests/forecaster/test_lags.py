"""What surrounded this moment on other days: where a lag lies, when it is there, and means over those that are."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.behind import Along
from forecaster.forecast import HORIZON
from forecaster.lags import BEFORE, Lag, Now, context_ago, day_to_day, grouped, lags
from forecaster.past import Past
from forecaster.series import FloatArray
from tests.helpers.histories import a_series

NAN = float("nan")
AFTER = 4
NOW = Now(np.array([3.0]), np.array([2.0]))


def a_lag(values: FloatArray, origin: int, lag: int) -> Lag:
    return lags(Along(Past(a_series(values)), np.array([origin])), NOW, [lag], AFTER)[lag]


def there_is(*moves: float, there: bool = True) -> Lag:
    window = np.concatenate([np.zeros(BEFORE), np.full(HORIZON, 1.0)]) * np.array(moves)[:, None]
    flags = np.full(len(moves), float(there))
    return Lag(window * flags[:, None], np.array(moves) * flags, flags)


def test_a_window_is_relative_to_its_level_and_in_todays_scale() -> None:
    values = np.arange(500.0) ** 1.5
    made = a_lag(values, origin=400, lag=100)
    expected = values[300 + 1 - BEFORE : 300 + HORIZON + AFTER + 1] - values[300]
    np.testing.assert_allclose(made.window[0], expected / 2)
    assert made.level[0] == pytest.approx((values[300] - 3) / 2)
    assert made.there.tolist() == [1.0]


@pytest.mark.parametrize(
    ("origin", "lag", "there"),
    [
        pytest.param(100 + BEFORE - 1, 100, True, id="the history's first bin is its first"),
        pytest.param(100 + BEFORE - 2, 100, False, id="one bin before the history"),
        pytest.param(400, HORIZON + AFTER, True, id="over at the origin"),
        pytest.param(400, HORIZON + AFTER - 1, False, id="not over at the origin"),
    ],
)
def test_a_lag_is_there_if_it_was_inside_and_over(origin: int, lag: int, there: bool) -> None:
    made = a_lag(np.arange(500.0), origin, lag)
    assert made.there.tolist() == [float(there)]
    assert bool(made.window.any()) == there
    assert made.window.shape == (1, BEFORE + HORIZON + AFTER)


@pytest.mark.parametrize(("missing", "there"), [(6, True), (7, False)])
def test_a_lag_that_was_hardly_measured_is_not_there(missing: int, there: bool) -> None:
    values = np.arange(500.0)
    values[300 : 300 + missing] = NAN
    assert a_lag(values, 400, 100).there.tolist() == [float(there)]


def test_a_group_is_the_mean_of_those_that_are_there() -> None:
    single = {1: there_is(2.0), 2: there_is(4.0), 3: there_is(100.0, there=False)}
    made = grouped(single, [(1,), (1, 2, 3), (3,)])
    np.testing.assert_allclose(made.windows[0, :, -1], [2.0, 3.0, 0.0])
    np.testing.assert_allclose(made.levels[0], [2.0, 3.0, 0.0])
    np.testing.assert_allclose(made.there[0], [1.0, 2 / 3, 0.0])
    assert made.flat().shape == (1, 3 * (BEFORE + HORIZON + 2))


def test_how_days_differ_is_of_two_days_at_least() -> None:
    highest, lowest, deviation = day_to_day([there_is(1.0), there_is(5.0), there_is(9.0, there=False)])
    assert (highest[0, 0], lowest[0, 0], deviation[0, 0]) == (5.0, 1.0, pytest.approx(8**0.5))
    assert not any(part.any() for part in day_to_day([there_is(1.0), there_is(5.0, there=False)]))


def test_the_context_of_other_days_is_there_as_a_whole_or_not_at_all() -> None:
    behind = Along(Past(a_series(np.arange(300.0))), np.array([209]))
    day, both, older = context_ago(behind, NOW, [(100,), (100, 150), (200,)], context=60)
    np.testing.assert_allclose(day[0], (np.arange(50.0, 110.0) - 3) / 2)
    np.testing.assert_array_equal(both, day)
    assert not older.any()
