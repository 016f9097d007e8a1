"""Whether a refit is promoted: by pairs of losses, hour by hour, never by chance and never for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.baselines import BASELINES
from forecaster.evaluate import Yardstick, score_against
from forecaster.forecast import HORIZON, LEVELS, Ask, Window
from forecaster.promotion import LEAST_HOURS, Losses, judge, losses
from forecaster.series import FloatArray, IntArray
from tests.helpers.histories import a_load

HOURS = 48
PER_HOUR = 12
HOUR_OF: IntArray = np.repeat(np.arange(HOURS), PER_HOUR)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def some_losses(seed: int) -> FloatArray:
    """Hard hours and easy ones, as a load has."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.lognormal(0.0, 1.0, size=HOURS), PER_HOUR) * rng.lognormal(0.0, 0.5, size=HOURS * PER_HOUR)


def both(values: FloatArray) -> Losses:
    return Losses(values, values)


def test_losses_are_those_that_the_score_is_made_of() -> None:
    series = a_load(4, days=4)
    origins = np.arange(576, 1100, 5)
    yard = Yardstick.of(series, origins, 0.5, Window())
    made = [BASELINES[name].forecast([Ask(series, origins)])[0] for name in ("last-value", "same-time-yesterday")]
    ours, theirs = (losses(yard, forecasts) for forecasts in made)
    ratio = score_against(yard, made[1]).pinball / score_against(yard, made[0]).pinball
    assert theirs.steps.sum() / ours.steps.sum() == pytest.approx(ratio)


def test_the_upper_losses_are_those_that_capacity_is_bought_for() -> None:
    """Of the steps and the peak, at 0.95 and 0.99, of what was measured; added up one by one."""
    series, origins = a_load(4, days=4), np.array([600, 700, 800])
    yard = Yardstick.of(series, origins, 0.5, Window(3, 8))
    made = BASELINES["last-value"].forecast([Ask(series, origins, Window(3, 8))])[0]
    for row, found in enumerate(losses(yard, made).upper):
        expected = 0.0
        for column in range(HORIZON + 1):
            said = made.peak[row] if column == HORIZON else made.quantiles[row, column]
            for k in (LEVELS.index(0.95), LEVELS.index(0.99)):
                miss = float(yard.truth[row, column] - said[k])
                expected += max(LEVELS[k] * miss, (LEVELS[k] - 1) * miss) if yard.known[row, column] else 0.0
        assert found == pytest.approx(expected)


@given(seeds)
@few
def test_the_same_again_is_not_promoted(seed: int) -> None:
    used = some_losses(seed)
    verdict = judge(both(used), both(used), HOUR_OF)
    assert (verdict.promoted, verdict.ratio, verdict.bound) == (False, 1.0, 1.0)
    assert verdict.reason == "not better by 1%"


@given(seeds, st.floats(0.2, 0.98))
@few
def test_what_is_better_in_every_hour_is_promoted(seed: int, share: float) -> None:
    used = some_losses(seed)
    verdict = judge(both(used), both(share * used), HOUR_OF)
    assert verdict.promoted
    assert verdict.ratio == pytest.approx(share)
    assert verdict.bound == pytest.approx(share)


@pytest.mark.parametrize(("share", "promoted"), [(0.9895, True), (0.9905, False)])
def test_a_gain_counts_from_one_percent_on(share: float, promoted: bool) -> None:
    used = some_losses(1)
    verdict = judge(both(used), both(share * used), HOUR_OF)
    assert verdict.promoted == promoted
    assert verdict.bound == pytest.approx(share)


@given(seeds, st.floats(0.2, 0.98))
@few
def test_what_is_worse_in_every_hour_is_not_promoted(seed: int, share: float) -> None:
    used = some_losses(seed)
    verdict = judge(both(share * used), both(used), HOUR_OF)
    assert (verdict.promoted, verdict.reason) == (False, "not better by 1%")
    assert (verdict.ratio, verdict.upper) == pytest.approx((1 / share, 1 / share))


@given(seeds, seeds, st.floats(1e-3, 1e3), st.integers(0, 10**6))
@few
def test_neither_the_unit_nor_the_calendar_matters(one: int, other: int, scale: float, first: int) -> None:
    ours, theirs = some_losses(one), some_losses(other)
    verdict = judge(both(ours), both(theirs), HOUR_OF)
    again = judge(both(scale * ours), both(scale * theirs), HOUR_OF + first)
    assert verdict.promoted == again.promoted
    assert verdict.bound == pytest.approx(again.bound)


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_that_of_days_made_of_blocks_of_three_hours(seed: int) -> None:
    """Drawn here in another way: hours one after another, from 20,000 times sixteen first hours."""
    rng = np.random.default_rng(seed)
    used = np.repeat(rng.lognormal(0.0, 0.5, size=HOURS // 6), 6)  # what is hard stays so for six hours
    gain = np.repeat(rng.lognormal(-0.1, 0.3, size=HOURS // 6), 6)
    first = rng.integers(0, HOURS, size=(20_000, HOURS // 3, 1))
    drawn = ((first + np.arange(3)) % HOURS).reshape(20_000, HOURS)
    expected = np.quantile((gain * used)[drawn].sum(axis=1) / used[drawn].sum(axis=1), 0.975)
    verdict = judge(both(used), both(gain * used), np.arange(HOURS))
    assert verdict.bound - verdict.ratio == pytest.approx(expected - verdict.ratio, rel=0.1)


def test_noise_is_promoted_as_rarely_as_the_confidence_says() -> None:
    """Two forecasters that are equally good, each with hours of its own luck; the seeds are fixed."""
    promoted = 0
    for seed in range(200):
        rng = np.random.default_rng((seed, 1))
        used = some_losses(seed)
        luck = np.repeat(rng.normal(1.0, 0.2, size=(2, HOURS)), PER_HOUR, axis=1)
        promoted += judge(both(used * luck[0]), both(used * luck[1]), HOUR_OF).promoted
    assert promoted / 200 <= 0.09


def test_one_lucky_hour_is_not_enough() -> None:
    used = np.ones(HOURS * PER_HOUR)
    used[:PER_HOUR] = 30.0
    lucky = used.copy()
    lucky[:PER_HOUR] = 0.0
    verdict = judge(both(used), both(lucky * 1.01), HOUR_OF)
    assert verdict.ratio < 0.7
    assert (verdict.promoted, verdict.reason) == (False, "better, but not beyond what chance explains")


def test_what_is_worse_where_capacity_is_bought_is_not_promoted() -> None:
    used = some_losses(0)
    verdict = judge(both(used), Losses(0.8 * used, 1.01 * used), HOUR_OF)
    assert not verdict.promoted
    assert verdict.upper == pytest.approx(1.01)
    assert verdict.reason == "better, but worse at the levels that capacity is bought for"


@pytest.mark.parametrize("hours", [0, 1, LEAST_HOURS - 1])
def test_too_few_hours_say_nothing(hours: int) -> None:
    used = some_losses(0)[: hours * PER_HOUR]
    verdict = judge(both(used), both(0.5 * used), HOUR_OF[: hours * PER_HOUR])
    assert (verdict.promoted, verdict.hours) == (False, hours)
    assert verdict.reason == f"{hours} hours to compare on; expected 24 or more"


def test_a_load_that_both_know_exactly_keeps_what_is_used() -> None:
    nothing = both(np.zeros(HOURS * PER_HOUR))
    verdict = judge(nothing, nothing, HOUR_OF)
    assert (verdict.promoted, verdict.ratio) == (False, 1.0)
    assert judge(nothing, both(np.ones(HOURS * PER_HOUR)), HOUR_OF).ratio == float("inf")
