"""The arms: each is what it says, none but the perfect one sees the future, and rulings are counted in hours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controller.simulation.oracle import Perfect
from controller.simulation.replay import replay
from controller.simulation.score import score
from forecaster.baselines import BASELINES
from foresail.replays.arms import ARMS, FORESAIL, HPA, HPA_SAME_COST, OFFSET_RULE, PERFECT, play_arms, ruled_hours
from tests.helpers.replays import STEPS, a_case, a_history


def test_every_arm_is_announced_and_played_in_its_order() -> None:
    said: list[str] = []
    played = play_arms(a_case(hours=1), lambda arm: said.append(arm.key))
    assert said == list(played) == [arm.key for arm in ARMS]


def test_only_the_arms_asked_for_are_played() -> None:
    assert list(play_arms(a_case(hours=1), lambda _: None, (PERFECT, HPA))) == [HPA, PERFECT]


def test_each_arm_is_what_it_says() -> None:
    case = a_case()
    played = play_arms(case, lambda _: None)
    assert played[HPA].run.records == replay(case.load, case.policy, case.hpa, case.settings, None).records
    cost = {key: score(one.run).pod_minutes for key, one in played.items()}
    assert cost[HPA_SAME_COST] >= cost[FORESAIL]
    same = played[HPA_SAME_COST]
    assert same.run.records == replay(case.load, case.policy, same.hpa, case.settings, None).records
    ruled = play_arms(replace(case, forecaster=BASELINES["offset-rule"]), lambda _: None)
    assert ruled[FORESAIL].run.records == played[OFFSET_RULE].run.records
    assert score(played[PERFECT].run).overload_minutes < score(played[HPA].run).overload_minutes


@pytest.mark.parametrize("bins", [20, 288])
def test_where_the_rule_has_nothing_to_go_on_yet_the_hpa_is_alone(bins: int) -> None:
    case = a_case(a_history(STEPS[:bins]), share=0.0, hours=24, forecaster=Perfect())
    played = play_arms(case, lambda _: None)
    ticks = 20 * min(bins, 34)
    ruled, alone = played[OFFSET_RULE].run.columns["desired"], played[HPA].run.columns["desired"]
    assert (ruled[:ticks] == alone[:ticks]).all()
    assert (ruled == alone).all() == (bins == 20)


def test_only_the_perfect_forecast_depends_on_what_comes_later() -> None:
    changed = STEPS.copy()
    changed[200:] = 777.0
    now, other = (play_arms(a_case(a_history(values)), lambda _: None) for values in (STEPS, changed))
    ticks = (200 - 144) * 20
    for arm in (HPA, FORESAIL, OFFSET_RULE):
        assert now[arm].run.records[:ticks] == other[arm].run.records[:ticks]
    assert now[PERFECT].run.records[:ticks] != other[PERFECT].run.records[:ticks]


def test_hours_of_the_rulings_add_up_to_what_is_scored() -> None:
    values = STEPS.copy()
    values[150:156] = np.nan
    case = a_case(a_history(values))
    feed = play_arms(case, lambda _: None)[FORESAIL].feed
    assert feed is not None
    hours = ruled_hours(case, feed)
    assert hours == {"load": {"not judged": pytest.approx(5.5)}}
