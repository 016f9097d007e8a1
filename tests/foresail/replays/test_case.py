"""What is replayed: the part that all histories cover, nothing that comes later, and no contradiction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from controller.domain import Bounds, Mode, Policy
from controller.errors import BadPolicy
from controller.simulation.replay import hpa_for
from forecaster.errors import BadHistory
from forecaster.series import Kind
from foresail.replays.case import Stretch, case_of, within
from tests.helpers.histories import MINUTE, MONDAY, a_series
from tests.helpers.replays import a_case, a_history


def test_a_stretch_is_what_comes_after_its_share_and_no_longer_than_asked() -> None:
    (part,) = Stretch(0.5, timedelta(hours=2)).of([a_history(np.arange(288.0))])
    assert part.values.tolist() == list(range(144, 168))
    (rest,) = Stretch(0.9, timedelta(days=9)).of([a_history(np.arange(288.0))])
    assert rest.values.tolist() == list(range(259, 288))


def test_histories_of_other_steps_and_starts_are_cut_at_one_time() -> None:
    coarse = a_series(np.arange(24.0), 5 * MINUTE, name="a")
    fine = a_series(np.arange(60.0), MINUTE, MONDAY + timedelta(minutes=60), name="b")
    parts = Stretch(0.5, timedelta(minutes=10)).of([coarse, fine])
    assert {(part.start, part.end) for part in parts} == {
        (MONDAY + timedelta(minutes=90), MONDAY + timedelta(minutes=100))
    }


def test_histories_that_share_no_time_are_refused() -> None:
    with pytest.raises(BadHistory, match="no time is covered by all"):
        a_case(a_history(name="a"), replace(a_history(name="b"), start=MONDAY + timedelta(days=9)))


def test_nothing_after_the_part_is_seen_and_the_policy_acts() -> None:
    case = a_case()
    assert case.series[0].end == case.load.time(len(case.load))
    assert case.policy.mode is Mode.ACTIVE
    future = a_history(np.concatenate([a_history().values[:216], np.full(72, 1e6)]))
    other = case_of([future], Stretch(0.5, timedelta(hours=6)), case.policy, case.hpa, case.settings, case.forecaster)
    assert (other.series[0].values == case.series[0].values).all()


def test_another_seed_draws_other_connections_of_the_same_load() -> None:
    case = a_case(a_history(kind=Kind.STOCK))
    other = case.seeded(case.settings.seed + 1)
    assert other.settings.seed == case.settings.seed + 1
    assert (other.load.signals["load"] == case.load.signals["load"]).all()
    assert (other.load.start, len(other.load)) == (case.load.start, len(case.load))
    assert (other.load.opens != case.load.opens).any()
    assert (other.seeded(case.settings.seed).load.opens == case.load.opens).all()


@pytest.mark.parametrize(
    ("asked", "followed"),
    [((1, 90), (1, 80)), ((2, 200), (2, 80)), ((5, 9), (5, 9)), ((80, 90), (80, 80))],
)
def test_a_policy_is_followed_within_the_hpa_as_in_a_cluster(asked: tuple[int, int], followed: tuple[int, int]) -> None:
    case = a_case()
    policy = replace(case.policy, bounds=Bounds(*asked))
    made = case_of(case.series, Stretch(0, timedelta(1)), policy, hpa_for(case.policy), case.settings, case.forecaster)
    assert made.policy.bounds == Bounds(*followed)


def test_a_floor_that_the_hpa_has_by_itself_is_the_least() -> None:
    case = a_case()
    hpa = replace(hpa_for(case.policy), min_replicas=10)
    for asked, followed in (((2, 30), (10, 30)), ((2, 5), (10, 10))):
        assert within(replace(case.policy, bounds=Bounds(*asked)), hpa).bounds == Bounds(*followed)


def test_a_policy_beyond_the_hpa_is_refused() -> None:
    case = a_case()
    wider: Policy = replace(case.policy, bounds=Bounds(81, 90))
    with pytest.raises(BadPolicy, match=r"bounds\.minReplicas 81, but the HPA's maxReplicas is 80"):
        case_of(case.series, Stretch(0, timedelta(1)), wider, hpa_for(case.policy), case.settings, case.forecaster)
