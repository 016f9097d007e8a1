"""Losses and their averages, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.evaluate.losses import pinball, ratio, share_of
from forecaster.forecast import LEVELS


def test_pinball_by_hand() -> None:
    loss = pinball(np.array([10.0]), np.full((1, len(LEVELS)), 8.0))
    np.testing.assert_allclose(loss[0], 2 * np.array(LEVELS))
    loss = pinball(np.array([10.0]), np.full((1, len(LEVELS)), 13.0))
    np.testing.assert_allclose(loss[0], 3 * (1 - np.array(LEVELS)))


def test_the_quantile_of_a_sample_has_the_least_loss_of_all_constants() -> None:
    sample = np.random.default_rng(3).gamma(2.0, size=999)
    best = np.quantile(sample, LEVELS)

    least = pinball(sample, np.tile(best, (len(sample), 1))).sum(axis=0)
    for shift in (-0.3, 0.3):
        assert (least < pinball(sample, np.tile(best + shift, (len(sample), 1))).sum(axis=0)).all()


def test_a_ratio_counts_what_is_asked_for_and_nothing_else() -> None:
    ours, theirs = np.array([1.0, 3.0, np.nan]), np.array([4.0, 4.0, 0.0])
    assert ratio(ours, theirs, np.array([True, True, False])) == pytest.approx(0.5)


@pytest.mark.parametrize(("theirs", "where"), [([1.0, 1.0], [False, False]), ([0.0, 0.0], [True, True])])
def test_where_there_is_nothing_to_compare_with_there_is_no_ratio(theirs: list[float], where: list[bool]) -> None:
    assert np.isnan(ratio(np.ones(2), np.array(theirs), np.array(where)))


def test_a_share_of_nothing_is_no_share() -> None:
    hits = np.array([True, False, True, False])
    assert share_of(hits, np.array([True, True, True, False])) == pytest.approx(2 / 3)
    assert np.isnan(share_of(hits, np.zeros(4, dtype=bool)))
