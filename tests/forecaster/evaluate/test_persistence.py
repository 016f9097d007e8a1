"""Persistence's two spreads: against a slow version in plain loops, and that neither looks ahead."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.evaluate.persistence import PEAK, adaptive_quantiles, increments, past_quantiles, reach
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.series import Series
from tests.helpers.histories import a_load, a_series, loads, with_another_future

NAN = float("nan")


def tracked_slowly(values: list[float], start: int, origin: int, step: int) -> list[float]:
    """The tracked quantiles of one step at one origin, one number at a time."""

    def move(k: int) -> float:
        return values[k + step] - values[k]

    past = [move(k) for k in range(start - HORIZON) if not math.isnan(move(k))]
    quantiles = [float(np.quantile(past, level)) for level in LEVELS]
    scale = sum(map(abs, past)) / len(past)
    for now in range(start, origin + 1):
        came = move(now - step)
        if math.isnan(came):
            continue
        scale += (1 - 0.5 ** (1 / 1440)) * (abs(came) - scale)
        for k, level in enumerate(LEVELS):
            quantiles[k] += 0.05 * scale * (level - (1.0 if came <= quantiles[k] else 0.0))
    return sorted(quantiles)


def tracked(series: Series, start: int, origins: list[int]) -> np.ndarray:
    window = Window()
    return adaptive_quantiles(increments(series.values, window), reach(window), start, np.array(origins))


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_tracking_agrees_with_plain_loops(seed: int, rounded: bool) -> None:
    """Rounded to tens, increments meet the quantiles they start from, and count as covered."""
    series = a_load(seed, days=3, gaps=6)
    if rounded:
        series = a_series(np.round(series.values, -1), series.step)
    start = int(0.6 * len(series))
    origins = [start - 3, start, start + 1, start + 40, len(series) - HORIZON - 1]
    made = tracked(series, start, origins)
    for row, origin in enumerate(origins):
        for step in (1, 5, HORIZON):
            slow = tracked_slowly(series.values.tolist(), start, origin, step)
            np.testing.assert_allclose(made[row, step - 1], slow, rtol=1e-9, atol=1e-9)


def test_tracked_quantiles_come_to_cover_what_they_say_after_a_change() -> None:
    rng = np.random.default_rng(5)
    values = np.concatenate([rng.normal(100, 1, size=2_000), rng.normal(100, 10, size=8_000)])
    window = Window()
    moves = increments(values, window)
    origins = np.arange(6_000, len(values) - HORIZON)
    made = adaptive_quantiles(moves, reach(window), 2_000, origins)
    fixed = past_quantiles(moves, reach(window), 2_000, LEVELS)
    hits = moves[origins][:, :, None] <= made
    np.testing.assert_allclose(hits.mean(axis=(0, 1)), LEVELS, atol=0.02)
    assert (moves[origins, 0] <= fixed[0, LEVELS.index(0.95)]).mean() < 0.8


@given(loads(1, 2), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_nothing_after_an_origin_is_used(series: Series, seed: int, place: float) -> None:
    start = len(series) // 2
    origin = start + int(place * (len(series) - start - 1))
    other = with_another_future(series, origin, seed)
    np.testing.assert_array_equal(tracked(series, start, [origin]), tracked(other, start, [origin]))


def test_an_origin_is_answered_alike_alone_and_among_others() -> None:
    series = a_load(1, days=2)
    start = len(series) // 2
    together = tracked(series, start, [start + 5, start + 50, start + 20])
    alone = [tracked(series, start, [start + k])[0] for k in (5, 50, 20)]
    np.testing.assert_array_equal(together, np.stack(alone))


def test_past_quantiles_are_those_of_every_pair_before_the_start() -> None:
    values = np.random.default_rng(2).normal(size=300)
    window = Window()
    made = past_quantiles(increments(values, window), reach(window), 200, LEVELS)
    seen = values[:200]
    for step in range(1, HORIZON + 1):
        np.testing.assert_allclose(made[step - 1], np.quantile(seen[step:] - seen[:-step], LEVELS))


def test_the_peaks_increment_is_known_when_its_window_is_over() -> None:
    assert reach(Window(2, 6)).tolist() == [*range(1, HORIZON + 1), 6]
    values = np.random.default_rng(4).normal(10, 1, size=200)
    window = Window(1, 1)
    made = adaptive_quantiles(increments(values, window), reach(window), 100, np.arange(100, 150))
    np.testing.assert_array_equal(made[:, PEAK], made[:, 0])
