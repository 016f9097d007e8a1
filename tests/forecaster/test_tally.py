"""Sums kept bin by bin: those of the running sums of one series, however they came to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.past import Past, mean_before, running
from forecaster.ridge import Ridge
from forecaster.series import EPOCH, FloatArray, Series
from forecaster.success import Success
from forecaster.tally import OF_RIDGE, OF_VALUES, TERMS, Tally, terms_of_ridge, terms_of_values
from forecaster.windows import CONTEXT, RULE_STEPS, RULES, SPREAD_STEPS
from tests.helpers.histories import a_load, a_series

NAN = float("nan")
HOUR, DAY = 12, 288
two_loads = st.tuples(*[st.builds(a_load, st.integers(0, 2**32 - 1), st.just(9), gaps=st.integers(0, 5))] * 2)


def all_terms(loads: tuple[Series, ...]) -> FloatArray:
    """[bins, TERMS, W], by the single-series ridge and the functions that a fleet uses."""
    values = np.stack([load.values for load in loads], axis=1)

    def raw(back: int) -> FloatArray:
        return np.concatenate([np.full((back, values.shape[1]), NAN), values[: len(values) - back]])

    levels, foretold = np.full((2, len(values), len(RULE_STEPS), len(loads)), NAN)
    for column, past in enumerate(Past(load) for load in loads):
        made, fitted = Ridge(past).moves(np.arange(len(values)))
        for s, step in enumerate(RULE_STEPS):
            levels[step:, s, column] = past.at(np.arange(len(values) - step))
            foretold[step:, s, column] = np.where(fitted, made[:, step - 1], NAN)[:-step]
    return np.concatenate([terms_of_values(raw, DAY), terms_of_ridge(values, levels, foretold)], axis=1)


def added(terms: FloatArray, clock: int) -> Tally:
    tally = Tally(terms.shape[2], HOUR)
    for k, row in enumerate(terms):
        tally.add(clock + k, row)
    return tally


def clock_of(load: Series) -> int:
    return (load.start - EPOCH) // load.step


def assert_same(a: Tally, b: Tally) -> None:
    ours, theirs = a.summary(), b.summary()
    for name in ("sizes", "moves", "success", "measured"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6, atol=1e-6, err_msg=name)


@given(two_loads, st.integers(0, 400))
@settings(max_examples=10, deadline=None)
def test_they_are_those_of_the_running_sums_of_each_series(loads: tuple[Series, ...], short: int) -> None:
    loads = tuple(load.part(0, len(load) - short) for load in loads)
    made = added(all_terms(loads), clock_of(loads[0])).summary()
    for column, past in enumerate(Past(load) for load in loads):
        origins = np.array([len(past.series) - 1])
        top = past.last_hour(origins)
        success = Success(past, Ridge(past), RULES, RULE_STEPS).at(origins, CONTEXT)
        np.testing.assert_allclose(made.success[column], success[0], atol=1e-5)
        sizes = [mean_before(past.sizes, past.present, top, days * DAY)[0] for days in (1, 7)]
        np.testing.assert_allclose(made.sizes[column], sizes, rtol=1e-6)
        assert made.measured[column] == past.present[top[0]]
        for g, gap in enumerate(SPREAD_STEPS):
            move = np.abs(past.move(gap))
            sums = running(np.nan_to_num(move)), running((~np.isnan(move)).astype(np.float64))
            spans = ((origins + 1, CONTEXT), (top, DAY), (top, 7 * DAY))
            means = [mean_before(*sums, ends, back)[0] for ends, back in spans]
            np.testing.assert_allclose(made.moves[column, g], means, rtol=1e-6, atol=1e-9)


@given(two_loads, st.integers(0, 40), st.integers(0, 50))
@settings(max_examples=8, deadline=None)
def test_a_workload_that_was_told_of_at_once_is_as_one_that_was_there(
    loads: tuple[Series, ...], short: int, later: int
) -> None:
    terms = all_terms(loads)[: len(loads[0]) - short]
    clock = clock_of(loads[0])
    whole, late = added(terms, clock), added(np.nan_to_num(terms * [1, 0]), clock)
    tops = len(terms) // HOUR * HOUR
    late.begin(np.array([1]), terms[:tops, 1, [1]].sum(axis=0))
    cut = tops - 20 * HOUR
    for first, stop in ((0, cut), (cut, len(terms))):
        for part in (OF_VALUES, OF_RIDGE):
            late.rewrite(np.array([1]), clock + first, terms[first:stop, part, 1:], part)
    assert_same(late, whole)
    for k in range(later):
        for tally in (whole, late):
            tally.add(clock + len(terms) + k, terms[-1 - k])
    assert_same(late, whole)


def test_a_workload_of_which_nothing_is_known_has_no_sums() -> None:
    tally = added(all_terms((a_load(1, days=9), a_load(2, days=9))), 0)
    tally.begin(np.array([0]), np.zeros(1))
    made = tally.summary()
    assert not any(getattr(made, name)[0].any() for name in ("sizes", "moves", "success", "measured"))
    assert all(getattr(made, name)[1].any() for name in ("sizes", "moves", "success", "measured"))


@pytest.mark.parametrize("level", [0.0, 1e9])
def test_small_moves_of_a_large_counter_keep_their_digits(level: float) -> None:
    values: FloatArray = level + np.random.default_rng(3).integers(0, 8, size=9 * DAY).astype(np.float64)
    small, large = (added(all_terms((a_series(v, a_load().step),)), 0).summary() for v in (values - level, values))
    np.testing.assert_allclose(large.moves, small.moves, rtol=1e-6)
    np.testing.assert_allclose(large.success, small.success, atol=1e-4)


def test_there_is_a_row_for_every_term() -> None:
    assert all_terms((a_load(days=9),)).shape[1] == TERMS
