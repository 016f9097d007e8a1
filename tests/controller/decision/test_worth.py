"""How many pods are worth having: a rise that is certain is followed, a mere risk is weighed, what is held is free."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.worth import Risk, need, worth
from tests.helpers.builders import CONNECTIONS, MESSAGES, a_forecast

chances_falling = st.lists(st.floats(0, 1), min_size=8, max_size=60).map(lambda c: np.array(sorted(c, reverse=True)))
prices = st.floats(1e-4, 10)


def steps(*pairs: tuple[int, float]) -> np.ndarray:
    """Chances that stay as they are from each number of pods to the next."""
    ends = [first for first, _ in pairs[1:]] + [40]
    return np.concatenate([np.full(end - first, c) for (first, c), end in zip(pairs, ends, strict=True)])


@pytest.mark.parametrize(
    ("chances", "price", "held", "expected"),
    [
        pytest.param(steps((0, 1.0), (30, 0.0)), 0.02, 5, 30, id="what is certain is followed however far"),
        pytest.param(steps((0, 1.0), (5, 0.1), (8, 0.0)), 0.02, 5, 8, id="three pods against a chance of 10 %"),
        pytest.param(steps((0, 1.0), (5, 0.1), (20, 0.0)), 0.02, 5, 5, id="not fifteen"),
        pytest.param(steps((0, 1.0), (5, 0.1), (20, 0.0)), 0.002, 5, 20, id="but where overload is dearer"),
        pytest.param(steps((0, 1.0), (5, 0.06), (6, 0.03), (30, 0.0)), 0.02, 5, 6, id="the cheap part of a risk"),
        pytest.param(steps((0, 1.0), (5, 0.01), (6, 0.0)), 0.02, 12, 5, id="what is held is not let go below need"),
        pytest.param(steps((0, 1.0), (15, 0.0)), 1e9, 3, 15, id="certainty at any price"),
        pytest.param(steps((0, 0.9), (15, 0.0)), 1e9, 3, 1, id="but nothing less"),
    ],
)
def test_a_rise_is_followed_and_a_risk_is_weighed(chances: np.ndarray, price: float, held: int, expected: int) -> None:
    assert worth(Risk.of(chances), price, held, 1) == expected


@given(chances_falling, prices, st.data())
def test_nothing_within_reach_costs_less(chances: np.ndarray, price: float, data: st.DataObject) -> None:
    held = data.draw(st.integers(1, len(chances) - 1))
    made = worth(Risk.of(chances), price, held, 1)

    def cost(n: int) -> float:
        return float(chances[n] + price * (1 - chances[held:n]).sum())

    assert all(cost(made if made > held else held) <= cost(n) + 1e-9 for n in range(held, len(chances)))
    assert 1 <= made < len(chances)


@given(chances_falling, st.lists(prices, min_size=2, max_size=5).map(sorted), st.data())
def test_a_dearer_pod_is_never_bought_more_often(chances: np.ndarray, dearer: list[float], data: st.DataObject) -> None:
    held = data.draw(st.integers(1, len(chances) - 1))
    made = [worth(Risk.of(chances), price, held, 1) for price in dearer]
    assert all(later <= earlier for earlier, later in pairwise(made))


def test_the_signal_in_more_danger_decides() -> None:
    pair = [(CONNECTIONS, a_forecast(peak=100)), (MESSAGES, a_forecast(peak=4000, signal="messages"))]
    made = need(pair, 0.02, 2, 2, 40)
    assert (made.replicas, made.signal, made.forecast) == (10, MESSAGES, pair[1][1])
    alone = need(pair[:1], 0.02, 2, 2, 40)
    assert (alone.replicas, alone.signal) == (5, CONNECTIONS)


def test_it_says_the_chances_with_and_without() -> None:
    peak = tuple(20.0 * k for k in (1, 2, 3, 5, 8, 9, 10, 14))
    made = need([(CONNECTIONS, replace(a_forecast(), peak=peak))], 0.004, 10, 1, 40)
    assert made.held == 10
    assert made.chance_held == pytest.approx(0.05, abs=1e-6)
    assert made.replicas > 10
    assert made.chance < 0.02


@pytest.mark.parametrize(("held", "within"), [(0, 3), (99, 6)])
def test_what_is_held_counts_within_the_bounds(held: int, within: int) -> None:
    made = need([(CONNECTIONS, a_forecast(peak=100))], 0.02, held, 3, 6)
    assert (made.held, made.replicas) == (within, 5)


def test_what_no_bounds_allow_asks_for_all_they_do() -> None:
    assert need([(CONNECTIONS, a_forecast(peak=9000))], 0.02, 2, 2, 40).replicas == 40
