"""The benchmark of cheap gains: shares are chosen before they are measured, exact quantiles cover what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cheap_gains import SHARES, Part, averages, drawn, measure, ramps
from forecaster.baselines import BASELINES
from forecaster.evaluate import origins_from
from forecaster.forecast import HORIZON, LEVELS
from tests.helpers.histories import a_load

SERIES = a_load(3, days=9)
LAST = BASELINES["last-value"]
ORIGINS = origins_from(SERIES, 0.7, 7)


def test_a_truth_that_is_drawn_is_covered_as_the_levels_say() -> None:
    quantiles = np.tile(np.array([2.0, 3.0, 5.0, 8.0, 9.0, 12.0, 20.0, 30.0]), (40_000, 1))
    truth = drawn(quantiles, np.random.default_rng(1))
    covered = (truth[:, None] <= quantiles).mean(axis=0)
    np.testing.assert_allclose(covered, LEVELS, atol=0.006)


def test_an_average_with_the_truth_is_chosen_and_one_with_nonsense_is_not() -> None:
    part = Part.of(LAST, SERIES, ORIGINS)
    truth = np.repeat(np.where(part.known, part.truth, 0.0)[..., None], len(LEVELS), axis=2)
    found = averages((part, truth), (part, truth))
    assert found["share"] == SHARES[-1]
    assert found["chosen_before"] == pytest.approx(1 - SHARES[-1])
    nonsense = averages((part, 10 * part.quantiles), (part, 10 * part.quantiles))
    assert nonsense == {"share": 0.0, "chosen_before": 1.0, "with_hindsight": 1.0}


def test_what_was_chosen_before_is_not_better_than_hindsight() -> None:
    found, part = measure(LAST, SERIES)
    assert set(found) == {"ridge", "last-value", "level-plus-yesterday", "the bin before"}
    assert all(one["with_hindsight"] <= min(1.0, one["chosen_before"]) for one in found.values())
    assert found["last-value"]["chosen_before"] == pytest.approx(1.0)
    assert part.quantiles.shape == (len(ORIGINS), HORIZON, len(LEVELS))


def test_ramps_are_covered_less_than_the_level_says_even_by_exact_quantiles() -> None:
    part = Part.of(LAST, SERIES, ORIGINS)
    exact = replace(part, truth=drawn(part.quantiles, np.random.default_rng(2)), known=np.ones_like(part.known))
    found = ramps([exact])
    assert exact.covered()[0] == pytest.approx(0.95, abs=0.01)
    assert found["covered_on_ramps"] == pytest.approx(found["if_quantiles_were_exact"], abs=0.05)
    assert found["covered_on_ramps"] < 0.85
    assert found["factor_to_the_bar"] > 1
    assert found["covered_over_all_then"] > 0.95
    assert found["loss_at_095_then"] > 1
