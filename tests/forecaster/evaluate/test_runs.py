"""Runs of misses: counted by hand, and what chance makes of them against simulation."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.evaluate.runs import misses


def of(text: str) -> np.ndarray:
    """A miss is an x."""
    return np.array([c == "x" for c in text])


@pytest.mark.parametrize(
    ("text", "share", "longest", "mean"),
    [
        ("..x...", 1 / 6, 1, 1),
        ("xx.x..", 3 / 6, 2, 1.5),
        (".xxx.x", 4 / 6, 3, 2),
        ("xxxx", 1, 4, 4),
        ("x", 1, 1, 1),
    ],
)
def test_runs_by_hand(text: str, share: float, longest: float, mean: float) -> None:
    made = misses(of(text))
    assert (made.share, made.longest, made.mean) == pytest.approx((share, longest, mean))


def test_without_a_miss_there_is_no_run() -> None:
    made = misses(of("....."))
    assert (made.share, made.longest, made.longest_independent) == (0, 0, 0)
    assert np.isnan([made.mean, made.mean_independent]).all()


def test_where_nothing_was_measured_nothing_is_said() -> None:
    assert np.isnan(astuple(misses(of("")))).all()


@pytest.mark.parametrize("text", ["x", "xxxxxxx"])
def test_where_all_are_missed_chance_explains_all(text: str) -> None:
    made = misses(of(text))
    assert made.longest == pytest.approx(made.longest_independent)
    assert made.mean == pytest.approx(made.mean_independent)


@pytest.mark.parametrize(("n", "p"), [(20, 0.5), (200, 0.05), (1_000, 0.05), (500, 0.3)])
def test_what_chance_makes_agrees_with_simulation(n: int, p: float) -> None:
    """A given share of misses in random order: independent but for their number."""
    rng = np.random.default_rng(7)
    missed = np.arange(n) < p * n
    seen = [misses(rng.permutation(missed)) for _ in range(2_000)]
    expected = misses(missed)
    assert np.mean([s.longest for s in seen]) == pytest.approx(expected.longest_independent, rel=0.05)
    assert np.mean([s.mean for s in seen]) == pytest.approx(expected.mean_independent, rel=0.02)


def test_misses_that_cluster_stand_out() -> None:
    missed = np.zeros(1_000, dtype=bool)
    missed[300:350] = True
    made = misses(missed)
    assert made.longest == made.mean == 50
    assert made.longest_independent < 4
    assert made.mean_independent < 1.1


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_backwards_the_runs_are_the_same(missed: list[bool]) -> None:
    assert astuple(misses(np.array(missed))) == pytest.approx(astuple(misses(np.array(missed[::-1]))), nan_ok=True)
