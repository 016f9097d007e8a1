"""The replays beside the forecast's scores are those of `foresail replay`, on one case with default settings."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from benchmarks.public_traces import ARMS, replays
from benchmarks.replay_arms import STRETCH, a_case
from controller.simulation.score import score
from forecaster.baselines import BASELINES
from foresail.replays.arms import FORESAIL, HPA_SAME_COST, play_arms
from tests.helpers.worlds import messages, wave

SERIES = messages(wave(1200, period=90))
HIGHER_LATER = messages(wave(22_000) + [900.0] * 1_000)
"""Sixteen days: the stretch is over before the highest load comes."""
START, RULE = timedelta(seconds=240), BASELINES["last-value"]


def test_every_arm_is_that_of_the_command() -> None:
    made = replays(SERIES, RULE, START)
    arms = made["arms"]
    assert isinstance(arms, dict)
    assert list(arms) == list(ARMS)
    case = a_case(SERIES, STRETCH, START, RULE)
    played = play_arms(case, lambda _: None, ARMS)
    assert arms == {name: score(played[name].run).to_dict() for name in ARMS}
    assert made["minutes"] == 360.0
    assert arms[HPA_SAME_COST]["pod_minutes"] >= arms[FORESAIL]["pod_minutes"]
    assert made["same_cost_target"] == 0.7 * played[HPA_SAME_COST].hpa.metrics[0].target / case.hpa.metrics[0].target


def test_a_pod_is_sized_so_that_the_highest_load_takes_twenty() -> None:
    case = a_case(SERIES, STRETCH, START, RULE)
    assert 20 * case.policy.signals[0].capacity_per_pod == np.nanmax(SERIES.values)
    later = a_case(HIGHER_LATER, STRETCH, START, RULE)
    assert 20 * later.policy.signals[0].capacity_per_pod == 300
    assert (case.policy.bounds.max_replicas, case.policy.lead_time) == (80, START)
