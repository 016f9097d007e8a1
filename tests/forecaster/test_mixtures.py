"""Mixtures of real series: made of what was given, none like another, and the same again from the same seed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.mixtures import mixtures
from forecaster.series import Series
from tests.helpers.histories import MINUTE, a_load, a_series

LOADS = [a_load(seed, days=days, step=MINUTE) for seed, days in ((1, 3), (2, 5), (3, 8))]


def test_the_same_seed_makes_the_same_series_and_another_others() -> None:
    once, again, other = (mixtures(LOADS, seed, 4) for seed in (1, 1, 2))
    for a, b, c in zip(once, again, other, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        assert (a.start, a.name) == (b.start, b.name)
        assert a.start != c.start


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_every_mixture_is_a_load_in_minutes_no_longer_than_what_it_is_made_of(seed: int) -> None:
    for made in mixtures(LOADS, seed, 3):
        assert made.step == MINUTE
        assert min(len(s) for s in LOADS) <= len(made) <= max(len(s) for s in LOADS)
        known = made.values[made.known]
        assert len(known)
        assert (known >= 0).all()
        assert np.isfinite(known).all()


def test_a_gap_of_either_part_stays_a_gap() -> None:
    values = np.full(4 * 1440, 5.0)
    values[1000:1100] = np.nan
    for made in mixtures([a_series(values)], 0, 10):
        assert (~made.known).any()


def test_parts_that_were_never_measured_together_are_not_added() -> None:
    halves = np.full((2, 8 * 1440), np.nan)
    halves[0, : 3 * 1440], halves[1, 5 * 1440 :] = 5.0, 7.0
    made = mixtures([a_series(half) for half in halves], 0, 40)
    assert 0 < len(made) < 40
    assert all(one.known.sum() == 3 * 1440 for one in made)


@pytest.mark.parametrize(
    "useless",
    [a_load(0, days=1, step=MINUTE), a_load(0, days=9, step=timedelta(minutes=5)), a_series(np.zeros(9000))],
)
def test_what_cannot_be_mixed_is_left_out(useless: Series) -> None:
    assert mixtures([useless], 0, 5) == []
    assert len(mixtures([useless, *LOADS], 0, 5)) == 5
