"""What forecasts are measured against: where from, and that it knows nothing after an origin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.errors import BadHistory
from forecaster.evaluate.yardstick import DOWN, STEEP, UP, Yardstick, origins_from
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.series import Series
from tests.helpers.histories import a_load, a_series, loads, with_another_future

NAN = float("nan")


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


def test_a_missing_origin_holds_the_value_before_it() -> None:
    values = np.concatenate([np.arange(100.0) % 7, [50.0, NAN], np.full(HORIZON, 60.0), [0.0]])
    yard = Yardstick.of(a_series(values), np.array([101]), 0.8, Window())
    assert yard.last.tolist() == [50.0]
    assert yard.rise[0].tolist() == [10.0] * (HORIZON + 1)


def test_what_was_not_measured_is_not_known() -> None:
    values = a_load(days=2, gaps=0).values.copy()
    values[400] = NAN
    yard = Yardstick.of(a_series(values), np.array([390, 410]), 0.5, Window(1, 9))
    assert np.flatnonzero(~yard.known[0]).tolist() == [9]
    assert yard.known[1].all()
    assert yard.rise[0, 9] == 0


def test_usual_increments_are_those_before_the_measured_part() -> None:
    series = a_load(3, days=2, gaps=0)
    yard = Yardstick.of(series, origins_from(series, 0.5, 7), 0.5, Window())
    seen = series.values[: len(series) // 2]
    for row, level in ((DOWN, 0.1), (UP, 0.9), (STEEP, 0.99)):
        assert yard.usual[row, 4] == pytest.approx(np.quantile(seen[5:] - seen[:-5], level))


def test_persistence_stands_around_the_last_value() -> None:
    series = a_load(3, days=2, gaps=0)
    yard = Yardstick.of(series, origins_from(series, 0.5, 7), 0.5, Window())
    spread = yard.empirical - yard.last[:, None, None]
    np.testing.assert_allclose(spread, np.broadcast_to(spread[:1], spread.shape), atol=1e-9)
    assert (np.diff(yard.adaptive, axis=2) >= 0).all()
    assert yard.adaptive.shape == (len(yard.origins), HORIZON + 1, len(LEVELS))


@given(loads(1, 2), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_nothing_after_an_origin_moves_its_persistence(series: Series, seed: int) -> None:
    origins = origins_from(series, 0.6, 1)[[5]]
    one, other = (
        Yardstick.of(s, origins, 0.6, Window()) for s in (series, with_another_future(series, int(origins[0]), seed))
    )
    for figure in ("last", "empirical", "adaptive", "usual"):
        np.testing.assert_array_equal(getattr(one, figure), getattr(other, figure))


@pytest.mark.parametrize("known_from", [100, 95])
def test_a_history_without_a_past_is_refused(known_from: int) -> None:
    values = np.concatenate([np.full(known_from, NAN), np.arange(200.0 - known_from)])
    with pytest.raises(BadHistory, match="load: nothing was measured before the part to score"):
        Yardstick.of(a_series(values), np.array([120]), 0.5, Window())


def test_a_history_with_a_hole_in_every_peak_can_be_scored_by_step() -> None:
    values = np.arange(400.0)
    values[::10] = NAN
    yard = Yardstick.of(a_series(values), np.array([305]), 0.5, Window())
    assert np.isnan(yard.empirical[:, HORIZON]).all()
    assert np.isfinite(yard.empirical[:, :HORIZON]).all()
    assert np.isfinite(yard.adaptive[:, :HORIZON]).all()
