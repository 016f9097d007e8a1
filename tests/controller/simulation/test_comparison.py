"""Arms beside the HPA's curve: a run on the curve is worth nothing, half the overload is a half, shares end at 0 and 1.

* between two runs of the curve overload is in proportion, beyond its ends it is that of the end, in any order;
* without overload there is nothing to divide; days drawn again move the figures, all days once do not.
"""

from __future__ import annotations

import numpy as np
import pytest

from controller.simulation.comparison import Daily, equal_cost_ratio, overload_at_cost, share_of_saving, tuned
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from tests.helpers.builders import a_policy
from tests.helpers.worlds import a_load, connections, wave

ONCE = np.ones((1, 2))


def daily(overload: float, pods: float) -> Daily:
    return Daily(np.array([overload, 0.0]), np.array([pods / 2, pods / 2]))


CURVE = [daily(10, 200), daily(40, 100), daily(0, 400)]


@pytest.mark.parametrize(
    ("pods", "overload"), [(100, 40), (150, 25), (200, 10), (300, 5), (400, 0), (50, 40), (500, 0)]
)
def test_the_curve_is_read_at_a_cost(pods: float, overload: float) -> None:
    assert overload_at_cost(daily(7, pods), CURVE, ONCE)[0] == pytest.approx(overload)


def test_the_ratio_is_that_of_overloads_at_the_same_cost() -> None:
    assert equal_cost_ratio(daily(10, 200), CURVE, ONCE)[0] == 1
    assert equal_cost_ratio(daily(5, 150), CURVE, ONCE)[0] == pytest.approx(0.2)
    assert equal_cost_ratio(daily(1, 400), CURVE, ONCE)[0] == np.inf
    assert np.isnan(equal_cost_ratio(daily(0, 400), CURVE, ONCE)[0])


def test_a_tuned_hpa_is_the_cheapest_that_keeps_the_overload() -> None:
    assert tuned(CURVE, 39) is CURVE[0]
    assert tuned(CURVE, 40) is CURVE[1]
    assert tuned(CURVE[:2], 1) is None


@pytest.mark.parametrize(("pods", "share"), [(200, 0.0), (100, 1.0), (175, 0.25), (300, -1.0)])
def test_the_share_is_of_what_the_clairvoyant_saves(pods: float, share: float) -> None:
    assert share_of_saving(daily(0, pods), daily(0, 200), daily(0, 100), ONCE)[0] == share
    assert np.isnan(share_of_saving(daily(0, pods), daily(0, 100), daily(0, 100), ONCE)[0])


def test_days_are_drawn_for_every_arm_alike() -> None:
    arm = Daily(np.array([1.0, 8.0]), np.array([10.0, 10.0]))
    curve = [Daily(np.array([2.0, 8.0]), np.array([10.0, 10.0]))]
    assert equal_cost_ratio(arm, curve, np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [0.9, 0.5]


def test_a_runs_days_add_up_to_its_score() -> None:
    policy = a_policy()
    run = replay(a_load(connections(wave(2000, high=900))), policy, hpa_for(policy), WorldSettings(), None)
    assert len(Daily.of(run).pods) == 2
    assert Daily.of(run).total_overload == score(run).overload_minutes > 0
    assert Daily.of(run).total_pods == score(run).pod_minutes
