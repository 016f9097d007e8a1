"""The stretch of upper quantiles: it reaches the coverage that was promised, stays bounded, and knows no future."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.conformal import LEAST, MOST, Tracker, follow, stretched
from forecaster.evaluate import pinball
from forecaster.forecast import LEVELS
from forecaster.series import FloatArray, IntArray

UPPER = [k for k, level in enumerate(LEVELS) if level > 0.5]
DUE = np.array([1, 3])
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def track(runs: IntArray, quantiles: FloatArray, truths: FloatArray, moves: FloatArray, due: IntArray) -> FloatArray:
    """[R, K, C, levels], the stretch that holds after each origin of each run; a run starts with none."""
    tracker = Tracker(np.tile(due, (len(runs), 1)), int(due.max(initial=0)))
    held = np.zeros((*runs.shape, len(due), len(LEVELS)))
    for at in follow(tracker, runs, np.zeros(len(runs), dtype=np.int64), quantiles, truths, moves):
        going = np.flatnonzero(at >= 0)
        held[going, at[going]] = tracker.stretch[going]
    return held


def one_run(count: int) -> IntArray:
    return np.arange(count)[None]


def widths(sizes: FloatArray) -> FloatArray:
    """[N, 2, levels], normal quantiles around zero of these standard deviations."""
    return np.repeat(sizes[:, None, None] * NORMAL, len(DUE), axis=1)


def served(quantiles: FloatArray, truths: FloatArray, moves: FloatArray) -> FloatArray:
    held = track(one_run(len(truths)), quantiles, truths, moves, DUE)
    return stretched(quantiles, moves, held[0])


@st.composite
def lessons(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Quantiles, truths and moves of any kind: widths from nothing to huge, gaps, far misses."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 120))
    sizes = np.where(rng.random(count) < 0.4, 0.0, 10.0 ** rng.uniform(-6, 6, size=count))
    truths = 10.0 ** rng.uniform(-6, 8, size=(count, 2)) * rng.choice([-1, 1], size=(count, 2))
    truths[rng.random((count, 2)) < 0.2] = np.nan
    return widths(sizes), truths, 10.0 ** rng.uniform(-3, 3, size=count)


@given(lessons())
@settings(max_examples=40, deadline=None)
def test_the_stretch_is_bounded_and_quantiles_ascend(given_: tuple[FloatArray, FloatArray, FloatArray]) -> None:
    quantiles, truths, moves = given_
    held = track(one_run(len(truths)), quantiles, truths, moves, DUE)
    assert held.min() >= LEAST
    assert held.max() <= MOST
    made = stretched(quantiles, moves, held[0])
    assert (np.diff(made, axis=-1) >= 0).all()
    lower = [k for k in range(len(LEVELS)) if k not in UPPER]
    np.testing.assert_array_equal(made[..., lower], quantiles[..., lower])


@given(lessons(), st.floats(1e-4, 1e6))
@settings(max_examples=30, deadline=None)
def test_the_unit_does_not_matter(given_: tuple[FloatArray, FloatArray, FloatArray], factor: float) -> None:
    quantiles, truths, moves = given_
    plain = served(quantiles, truths, moves)
    np.testing.assert_allclose(served(factor * quantiles, factor * truths, factor * moves), factor * plain, rtol=1e-9)


@given(lessons(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_what_is_not_due_yet_is_not_learned_from(given_: tuple[FloatArray, FloatArray, FloatArray], seed: int) -> None:
    quantiles, truths, moves = given_
    rng = np.random.default_rng(seed)
    k = int(rng.integers(len(truths)))
    other = truths.copy()
    for column, due in enumerate(DUE):
        other[max(k - due + 1, 0) :, column] = rng.normal(size=len(truths) - max(k - due + 1, 0))
    runs = one_run(len(truths))
    a, b = (track(runs, quantiles, t, moves, DUE)[:, : k + 1] for t in (truths, other))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("real", [0.8, 1.0, 1.6])
def test_coverage_becomes_what_was_promised(real: float) -> None:
    """Forecasts of a normal load whose spread is too wide, right, or too narrow."""
    rng = np.random.default_rng(3)
    count = 6000
    truths, quantiles = real * rng.normal(size=(count, 2)), widths(np.ones(count))
    made = served(quantiles, truths, np.ones(count))[count // 4 :]
    covered = (truths[count // 4 :, :, None] <= made).mean(axis=(0, 1))
    for k in UPPER:
        assert covered[k] == pytest.approx(LEVELS[k], abs=0.012)


def test_a_width_that_vanishes_and_returns_does_not_run_away() -> None:
    """Hours of exact silence in which forecasts are a hair too low, then noise again: the notorious case."""
    rng = np.random.default_rng(5)
    count = 4000
    silent = (np.arange(count) // 250) % 2 == 0
    quantiles = widths(np.where(silent, 1e-9, 1.0))
    truths = np.where(silent[:, None], 1e-6, rng.normal(size=(count, 2)))
    made = served(quantiles, truths, np.full(count, 1.0))
    ours, plain = pinball(truths, made).mean(), pinball(truths, quantiles).mean()
    assert ours < 1.15 * plain


def test_each_run_is_as_if_it_were_alone() -> None:
    rng = np.random.default_rng(7)
    quantiles, truths, moves = widths(np.ones(60)), 2 * rng.normal(size=(60, 2)), np.ones(60)
    runs = np.full((2, 40), -1)
    runs[0, :25], runs[1] = np.arange(25), np.arange(20, 60)
    both = track(runs, quantiles, truths, moves, DUE)
    for row, length in ((0, 25), (1, 40)):
        alone = track(runs[row : row + 1, :length], quantiles, truths, moves, DUE)
        np.testing.assert_array_equal(both[row, :length], alone[0])
