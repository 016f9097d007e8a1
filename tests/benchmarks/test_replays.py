"""The replays' benchmark on a short made-up load: every arm has its figures, what is infinite or nothing is said so."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from benchmarks.replay_arms import TARGETS, a_contest, daily_mean, seeds_for
from benchmarks.replays import shown, world
from benchmarks.traces import Trace
from controller.simulation.comparison import Daily
from forecaster.baselines import BASELINES
from forecaster.series import Kind
from tests.helpers.worlds import messages, wave

TRACE = Trace("load.csv.gz", "a load", Kind.FLOW, "diurnal", False, "0")


def test_a_world_has_every_arm_the_curve_and_the_clairvoyant() -> None:
    contest = a_contest(messages(wave(3000, period=90)), timedelta(seconds=240), BASELINES["last-value"])
    assert contest.first == 2100
    made = world(contest, TRACE, seeds=3)
    arms = made["arms"]
    assert isinstance(arms, dict)
    assert set(arms) == {name for name, _ in contest.arms()}
    assert arms["hpa"]["ratio"] == [1.0, 1.0, 1.0]
    assert arms["hpa"]["seeds"] == 1
    assert arms["perfect"]["figures"]["overload_minutes"] < arms["hpa"]["figures"]["overload_minutes"]
    clairvoyant, curve = made["clairvoyant"], made["curve"]
    assert isinstance(clairvoyant, dict)
    assert clairvoyant["overload_minutes"] == 0
    assert clairvoyant["pod_minutes"] < arms["perfect"]["figures"]["pod_minutes"]
    assert isinstance(curve, list)
    assert len(curve) == 2 * len(TARGETS)


def test_only_connections_are_played_with_every_seed() -> None:
    assert list(seeds_for(Kind.STOCK, 3)) == [0, 1, 2]
    assert list(seeds_for(Kind.FLOW, 3)) == [0]


def test_seeds_count_by_their_mean() -> None:
    one, other = Daily(np.array([1.0, 3.0]), np.array([5.0, 5.0])), Daily(np.array([3.0, 3.0]), np.array([7.0, 5.0]))
    mean = daily_mean([one, other])
    assert (mean.overload.tolist(), mean.pods.tolist()) == ([2.0, 3.0], [6.0, 5.0])


@pytest.mark.parametrize(
    ("draws", "wanted"),
    [
        ([0.5, 0.25, 0.25], [0.5, 0.25, 0.25]),
        ([float("inf")] * 3, ["inf"] * 3),
        ([float("nan")] * 3, [None] * 3),
    ],
)
def test_json_knows_what_is_infinite_or_nothing(draws: list[float], wanted: list[object]) -> None:
    assert shown(np.array(draws)) == wanted
