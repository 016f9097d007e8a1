"""What is said beside the figures: only where it is so, and with the figures that a count of its own gives."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from controller.domain import Bounds, Lever, TargetBounds
from controller.simulation.hpa_spec import milli
from controller.simulation.oracle import Perfect
from foresail.replays.arms import FORESAIL, HPA, HPA_SAME_COST
from foresail.replays.case import within
from foresail.replays.figures import Replayed, title
from foresail.replays.remarks import remarks
from tests.helpers.replays import a_case, a_history, a_replayed

QUIET = a_replayed(a_case(a_history(np.full(288, 700.0)), hours=2))


def limited(most: int) -> Replayed:
    """Steps of 4 and 20 pods, under an HPA that may have so many."""
    case = a_case(hours=3)
    hpa = replace(case.hpa, max_replicas=most)
    return a_replayed(replace(case, hpa=hpa, policy=within(case.policy, hpa)))


def costing(**pods: int) -> Replayed:
    """The quiet replay, its arms made to hold so many pods more than they did, all alike."""
    played = dict(QUIET.played)
    for key, more in pods.items():
        run = played[key].run
        records = tuple(one._replace(pods=one.pods + more) for one in run.records)
        played[key] = played[key]._replace(run=replace(run, records=records))
    return replace(QUIET, played=played)


def test_there_is_nothing_to_say_of_a_replay_without_a_catch() -> None:
    assert remarks(QUIET) == []


def test_what_nobody_said_is_told_first() -> None:
    assert remarks(replace(QUIET, assumed=("It was made up.",))) == ["It was made up."]


@pytest.mark.parametrize(("most", "minutes"), [(20, None), (19, 90.0), (4, 90.0), (3, 180.0)])
def test_a_load_beyond_the_maximum_is_counted(most: int, minutes: float | None) -> None:
    said = [one for one in remarks(limited(most)) if "maximum" in one]
    assert len(said) == (minutes is not None)
    if minutes is not None:
        assert f"For {minutes:.2f} min the load is more than the HPA's maximum of {most} pods carries" in said[0]


@pytest.mark.parametrize(("target", "told"), [(99.9, False), (100, False), (100.1, True), (250, True)])
def test_an_hpa_that_aims_at_more_than_a_pod_carries_is_told_of(target: float, told: bool) -> None:
    (metric,), capacity = QUIET.case.hpa.metrics, QUIET.case.policy.signals[0].capacity_per_pod
    hpa = replace(QUIET.case.hpa, metrics=(replace(metric, target=milli(target * capacity / 100)),))
    said = remarks(replace(QUIET, case=replace(QUIET.case, hpa=hpa)))
    assert [one for one in said if "at rest its pods are overloaded" in one] == said
    assert len(said) == told


@pytest.mark.parametrize(("highest", "told"), [(100, False), (101, True)])
def test_a_policy_that_may_have_the_hpa_aim_beyond_a_pod_is_told_of(highest: float, told: bool) -> None:
    case = QUIET.case
    bounds = TargetBounds("load", 1, highest * case.policy.signals[0].capacity_per_pod / 100)
    said = remarks(replace(QUIET, case=replace(case, policy=replace(case.policy, target=bounds, levers=tuple(Lever)))))
    assert [one for one in said if one.startswith("The policy may have the HPA aim at")] == said
    assert len(said) == told
    assert remarks(replace(QUIET, case=replace(case, policy=replace(case.policy, target=bounds)))) == []


def test_a_policy_that_may_not_have_what_is_needed_is_told_of() -> None:
    case = a_case(hours=3)
    said = remarks(a_replayed(replace(case, policy=replace(case.policy, bounds=Bounds(1, 19)))))
    assert [one for one in said if "maximum" in one] == [
        "For 90.00 min the load is more than the policy's maximum of 19 pods carries: Foresail raises no floor beyond"
        " it. Raise bounds.maxReplicas."
    ]


def test_more_than_the_budget_is_told_of_with_what_may_be_why() -> None:
    pods = QUIET.played[HPA].run.records[0].pods
    allowed = pods // 10
    (over,) = remarks(costing(**{FORESAIL: allowed + 1, HPA_SAME_COST: allowed + 1}))
    assert over.startswith(
        f"Foresail ran {100 * (allowed + 1) / pods:.1f} % more pod-hours than the HPA alone, beyond the"
    )
    assert remarks(costing(**{FORESAIL: allowed, HPA_SAME_COST: allowed})) == []


def test_the_row_of_equal_cost_says_where_it_is_none() -> None:
    (cheaper,) = remarks(costing(**{HPA: 2, FORESAIL: 1}))
    assert cheaper.startswith("Foresail ran fewer pod-hours than the HPA as given: there was no target to lower")
    (dearer,) = remarks(costing(**{FORESAIL: 2, HPA_SAME_COST: 1}))
    assert dearer.endswith("no lower ones were tried: the HPA at equal cost costs less.")
    assert remarks(costing(**{FORESAIL: 2, HPA_SAME_COST: 2})) == []


def test_time_without_a_forecast_that_was_followed_is_told_by_its_reason() -> None:
    hours = {"Accept": 5.0, "Baseline: ridge": 3.0, "Baseline: offset-rule": 0.01, "Abstain": 1.0, "no forecast": 0.5}
    with patch.object(Replayed, "hours", {"load": hours, "messages": {"Accept": 9.5}}):
        (told,) = remarks(QUIET)
    assert told == (
        "load: of 9.5 h the model was not followed for 1.0 h (nothing to go by), 3.0 h (ridge instead), 0.5 h (none was"
        " there)."
    )


def test_less_than_a_day_is_told_in_hours() -> None:
    assert ": 2.0 hours from " in title(QUIET)
    assert ": 1.0 days from " in title(
        a_replayed(a_case(a_history(np.full(600, 700.0)), share=0.4, hours=24, forecaster=Perfect()))
    )
