"""The gate's rulings, rung by rung and over made-up losses; and which past origins they rest on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.forecast import HORIZON, LEVELS
from forecaster.gate import RULES, SCORED_HOURS, Gate, Record, grid, outcomes
from forecaster.series import EPOCH, FloatArray, IntArray, Series
from forecaster.verdict import Ruling, Verdict
from tests.helpers.histories import MINUTE, a_load, a_series, with_another_future

NAN = float("nan")
HOUR = 12
NETWORK = "network"
CANDIDATES = 1 + len(RULES)


def lost(series: Series, network: float, **rules: float) -> FloatArray:
    """[bins, candidates], the same losses in each bin; a rule that is not named loses 1."""
    losses = [network, *(rules.get(name.replace("-", "_"), 1.0) for name in RULES)]
    return np.tile(losses, (len(series), 1)).astype(np.float64)


def ruled(series: Series, losses: FloatArray, origin: int | None = None) -> Verdict:
    scored = np.full(len(series), 3.0)
    gate = Gate(series, Record(losses, scored, 2.0 * np.ones(len(series))), NETWORK)
    return gate.verdict(len(series) - 1 if origin is None else origin)


A_WEEK = a_load(1, days=7, gaps=0)


def test_a_network_that_loses_least_is_accepted_with_its_figures() -> None:
    verdict = ruled(A_WEEK, lost(A_WEEK, 0.5, last_value=2.0, ridge=0.8))
    assert verdict == Verdict(
        Ruling.ACCEPT, NETWORK, best="ridge", skill=0.25, against=0.625, coverage=0.6667, hours=72
    )


@pytest.mark.parametrize(("ridge", "served"), [(0.94, "ridge"), (0.96, NETWORK), (1.0, NETWORK)])
def test_a_rule_must_be_clearly_better(ridge: float, served: str) -> None:
    verdict = ruled(A_WEEK, lost(A_WEEK, 1.0, ridge=ridge))
    assert verdict.model == served
    assert bool(verdict.reason) == (served != NETWORK)


@pytest.mark.parametrize(
    ("hours", "served"), [(0, NETWORK), (1, "last-value"), (3, "last-value"), (24, "last-value"), (30, NETWORK)]
)
def test_a_network_is_left_within_the_hour_and_taken_back_within_two_days(hours: int, served: str) -> None:
    """It lost half of what the rules lose, then for twenty-four hours four times as much, then half again."""
    losses = lost(A_WEEK, 0.5)
    broke = 5 * 288
    losses[broke : broke + 24 * HOUR, 0] = 4.0
    assert ruled(A_WEEK, losses, broke + hours * HOUR + (12 * HOUR if hours > 24 else 0)).model == served


def test_which_rule_is_said_by_the_day_and_not_by_the_last_hours() -> None:
    losses = lost(A_WEEK, 2.0, ridge=0.5)
    losses[-4 * HOUR :, 1 + RULES.index("offset-rule")] = 0.4
    losses[-4 * HOUR :, 1 + RULES.index("ridge")] = 0.6
    assert ruled(A_WEEK, losses).model == "ridge"


def test_a_rule_that_breaks_is_left_within_the_hour() -> None:
    losses = lost(A_WEEK, 3.0, ridge=0.5)
    losses[-HOUR:, 1 + RULES.index("ridge")] = 6.0
    assert ruled(A_WEEK, losses).model == "last-value"


def test_of_equal_rules_the_first_is_served() -> None:
    assert ruled(A_WEEK, lost(A_WEEK, 3.0)).model == RULES[0]


def test_nobody_loses_anything() -> None:
    verdict = ruled(A_WEEK, np.zeros((len(A_WEEK), CANDIDATES)))
    assert (verdict.ruling, verdict.skill, verdict.against) == (Ruling.ACCEPT, None, None)


def test_until_enough_hours_are_scored_the_best_rule_is_served() -> None:
    scored = np.zeros(len(A_WEEK))
    scored[-(SCORED_HOURS * HOUR - 1) :] = 3.0
    record = Record(lost(A_WEEK, 0.1, ridge=0.9), scored, scored)
    gate = Gate(A_WEEK, record, NETWORK)
    verdict = gate.verdict(len(A_WEEK) - 1)
    assert (verdict.ruling, verdict.model, verdict.hours) == (Ruling.BASELINE, "ridge", 47)
    assert verdict.reason == "47 hours of forecasts scored so far; expected 48"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param([1.0] * 11, "55 minutes measured so far; expected an hour, and 35 bins without a gap", id="short"),
        pytest.param([1.0] * 34, "170 minutes measured so far; expected an hour", id="no errors yet"),
        pytest.param([5.0, *([NAN] * 9)] * 40 + [1.0], "205 minutes measured so far", id="never without a gap"),
        pytest.param([0.0] * 600, "nothing but zeros was measured so far", id="zeros"),
        pytest.param(
            [1.0] * 600 + [NAN] * 15,
            "nothing was measured in the last 15 bins, up to 2026-01-07 03:15 UTC",
            id="nothing of late",
        ),
    ],
)
def test_it_abstains_where_there_is_nothing_to_go_on(values: list[float], reason: str) -> None:
    series = a_series(values, 5 * MINUTE)
    verdict = ruled(series, lost(series, 0.1))
    assert (verdict.ruling, verdict.model) == (Ruling.ABSTAIN, NETWORK)
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1.0] * 600 + [NAN] * 14, id="fourteen bins are missing"),
        pytest.param([1.0] + [0.0] * 600, id="zeros after something else"),
    ],
)
def test_it_does_not_abstain_a_bin_earlier(values: list[float]) -> None:
    series = a_series(values, 5 * MINUTE)
    assert ruled(series, lost(series, 0.1)).ruling is Ruling.ACCEPT


@given(st.integers(0, 2**32 - 1), st.integers(600, 6 * 288), st.data())
@settings(max_examples=40, deadline=None)
def test_what_comes_after_an_origin_does_not_change_its_verdict(seed: int, origin: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    losses = rng.exponential(size=(len(A_WEEK), CANDIDATES))
    changed = losses.copy()
    changed[origin + 1 :] = rng.exponential(size=changed[origin + 1 :].shape)
    other = with_another_future(A_WEEK, origin, seed)
    assert ruled(A_WEEK, losses, origin) == ruled(other, changed, origin)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e9))
@settings(max_examples=40, deadline=None)
def test_the_unit_does_not_matter(seed: int, factor: float) -> None:
    losses = np.random.default_rng(seed).exponential(size=(len(A_WEEK), CANDIDATES))
    assert ruled(A_WEEK, losses) == ruled(A_WEEK.scaled(factor), factor * losses)


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.lists(st.integers(60, 1999), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_grid_is_the_clocks_and_that_of_each_origin_alone(seed: int, late: int, origins: list[int]) -> None:
    series = a_load(seed % 7, days=7)
    asked = np.unique(origins)
    together = grid(series, asked)
    alone: IntArray = np.unique(np.concatenate([grid(series, asked[k : k + 1]) for k in range(len(asked))]))
    np.testing.assert_array_equal(together, alone)
    assert all((series.time(int(k) + 1) - EPOCH) % (7 * series.step) == timedelta(0) for k in together)
    if len(together):
        assert together[0] >= 34
        assert together[-1] <= asked[-1]


def test_the_outcomes_are_pinball_losses_and_hits() -> None:
    values = np.full(60, 10.0)
    values[42] = NAN
    said = np.full((1, 2, HORIZON, len(LEVELS)), 10.0)
    said[0, 0, 0] = 9.0
    said[0, 1] = 12.0
    became = outcomes(a_series(values), np.array([40]), said)[0]
    levels = np.array(LEVELS)
    np.testing.assert_allclose(became[0], [levels.mean(), 2 * (1 - levels).mean(), 0.0])
    np.testing.assert_allclose(became[2], [0.0, 2 * (1 - levels).mean(), 1.0])
    assert np.isnan(became[1]).all()


def test_a_target_after_the_series_has_no_outcome() -> None:
    became = outcomes(a_series([1.0] * 50), np.array([45]), np.ones((1, 2, HORIZON, len(LEVELS))))[0]
    assert np.isnan(became).all(axis=1).tolist() == [False] * 4 + [True] * 11


def test_a_record_adds_up_by_the_bin_of_the_target() -> None:
    became = np.ones((2, HORIZON, 3))
    became[1, 0] = NAN
    record = Record.of(30, np.array([10, 12]), became)
    assert record.scored[10:16].tolist() == [0, 1, 1, 1, 2, 2]
    assert record.lost[:, 0].tolist() == record.scored.tolist()
    assert record.covered.sum() == record.scored.sum() == 2 * HORIZON - 1
