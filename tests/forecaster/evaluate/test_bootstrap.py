"""Days drawn again: paired across arms, the same every time, and as wide as what is known of a mean."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecaster.evaluate.bootstrap import day_weights, geometric_mean, interval, mean, redrawn

losses = arrays(np.float64, st.integers(1, 12), elements=st.floats(0.1, 1e6))


@given(st.text("abc_", min_size=1), st.integers(1, 40))
def test_as_many_days_are_drawn_as_there_were(trace: str, days: int) -> None:
    weights = day_weights(trace, days, draws=20)
    assert weights.shape == (21, days)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == days).all()
    np.testing.assert_array_equal(weights, day_weights(trace, days, draws=20))


def test_traces_draw_their_days_apart() -> None:
    assert (day_weights("a", 20) != day_weights("b", 20)).any()


@given(losses, st.floats(0.01, 100))
def test_an_arm_that_is_always_so_much_worse_is_so_in_every_draw(theirs: np.ndarray, factor: float) -> None:
    ratios = redrawn(factor * theirs, theirs, day_weights("t", len(theirs), draws=30))
    np.testing.assert_allclose(ratios, factor)


def test_an_interval_is_as_wide_as_the_error_of_a_mean() -> None:
    days = np.random.default_rng(0).normal(10.0, 2.0, size=200)
    value, low, high = interval(redrawn(days, np.ones(200), day_weights("t", 200)))
    assert value == days.mean()
    error = days.std() / np.sqrt(200)
    np.testing.assert_allclose([low, high], [value - 1.96 * error, value + 1.96 * error], atol=0.2 * error)
    narrower = interval(redrawn(days, np.ones(200), day_weights("t", 200)), (0.05, 0.95))
    np.testing.assert_allclose(narrower[1:], [value - 1.645 * error, value + 1.645 * error], atol=0.2 * error)


def test_draws_without_anything_to_divide_by_are_left_out() -> None:
    theirs = np.array([1.0, 0.0])
    ratios = redrawn(np.array([2.0, 5.0]), theirs, np.array([[1.0, 1.0], [0.0, 2.0], [2.0, 0.0]]))
    assert np.isnan(ratios[1])
    assert interval(ratios)[1:] == (2.0, 2.0)
    assert all(np.isnan(x) for x in interval(np.array([np.nan, np.nan])))


def test_means_over_traces_go_without_what_is_not_known() -> None:
    known, unknown = np.array([2.0, 8.0]), np.array([8.0, np.nan])
    np.testing.assert_allclose(geometric_mean([known, unknown]), [4.0, 8.0])
    np.testing.assert_allclose(mean([known, unknown]), [5.0, 8.0])
    assert np.isnan(geometric_mean([np.array([np.nan])])).all()
