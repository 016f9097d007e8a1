"""One decision from what was read to what is written: what is held, what is raised, and when all is given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.deciding import GIVEN_UP, HELD_BLIND, Kept, Outcome, decide
from controller.decision.plan import first_memory
from controller.domain import Mode
from controller.hpa_patch import operations, target_of
from controller.originals import ANNOTATION, raising, taken
from controller.subjects import Subject, subjects
from forecaster.forecast import Forecast
from tests.controller.test_hpa_patch import applied
from tests.controller.test_hpa_wish import an_hpa, average
from tests.controller.test_subjects import a_policy
from tests.helpers.builders import a_forecast, at

Json = dict[str, Any]
RISE = [a_forecast(peak=9000.0)]


def a_subject(
    *, floor: int = 2, ours: int | None = None, total: float = 140, mode: str = "Active", **spec: Any
) -> Subject:
    """An HPA of 2 to 40 that aims at 700 of the 1,000 that a pod carries; `ours` is a floor of ours in force."""
    replicas = max(2, ours or 0)
    hpa = an_hpa(average(total, replicas, "700"), floor=floor, replicas=replicas)
    hpa["metadata"] |= {"namespace": "chat", "resourceVersion": "7"}
    if ours is not None:
        hpa = applied(hpa, operations(hpa, raising(taken(hpa, "chat/gateway", None), ours, None)[0]))
    bounds = {"minReplicas": 2, "maxReplicas": 30}
    policy = a_policy(mode=mode, bounds=bounds, **spec)
    one = subjects({("chat", "gateway"): policy}, {("chat", "gateway"): hpa})["chat", "gateway"]
    assert isinstance(one, Subject)
    return one


def kept(subject: Subject, floor: int, *, seen_minutes: float = 0, wished_minutes: float = -60) -> Kept:
    memory = first_memory(subject.workload.policy, at(wished_minutes))
    memory = replace(memory, floor=floor, decided_at=at(-0.25))
    return Kept(memory, hpa_uid="1", seen_at=at(seen_minutes))


def decided(subject: Subject, forecasts: list[Forecast], before: Kept | None = None, blind: str = "") -> Outcome:
    return decide(subject, [], forecasts, before, at(), blind)


def after(subject: Subject, outcome: Outcome) -> Json:
    return subject.hpa if outcome.change is None else applied(subject.hpa, operations(subject.hpa, outcome.change))


def test_a_rise_raises_the_floor_and_notes_the_owners() -> None:
    subject = a_subject()
    hpa = after(subject, decided(subject, RISE))
    assert hpa["spec"]["minReplicas"] == 9
    assert ANNOTATION in hpa["metadata"]["annotations"]


def test_observe_changes_nothing_and_says_what_it_would() -> None:
    subject = a_subject(mode="Observe")
    outcome = decided(subject, RISE)
    assert (outcome.change, outcome.decision.floor, outcome.decision.applied) == (None, 9, False)


def test_from_active_to_observe_is_a_way_back() -> None:
    subject = a_subject(ours=9, mode="Observe")
    outcome = decided(subject, RISE, kept(subject, 9))
    assert outcome.policy.mode is Mode.PAUSED
    assert 2 <= after(subject, outcome)["spec"]["minReplicas"] < 9


@pytest.mark.parametrize("forecasts", [[], RISE])
def test_before_the_first_forecast_a_floor_is_held(forecasts: list[Forecast]) -> None:
    subject = a_subject(ours=9)
    outcome = decided(subject, forecasts)
    assert after(subject, outcome)["spec"]["minReplicas"] == 9
    assert bool(outcome.held) == (not forecasts)


def test_what_is_not_known_is_held_for_an_hour_and_then_goes_back() -> None:
    subject = a_subject(ours=9)
    old = [a_forecast(peak=100.0, known_at=at(-30))]
    for minutes, floor in ((-1, 9), (-59, 9)):
        outcome = decided(subject, old, kept(subject, 9, seen_minutes=minutes), "away")
        assert (outcome.held, after(subject, outcome)["spec"]["minReplicas"]) == ("away", floor)
    gone = decided(subject, old, kept(subject, 9, seen_minutes=-HELD_BLIND / timedelta(minutes=1)), "away")
    assert after(subject, gone)["spec"]["minReplicas"] < 9


def test_a_controller_that_never_saw_anything_holds_no_longer() -> None:
    subject = a_subject(ours=9)
    never = replace(kept(subject, 9), seen_at=None)
    for minutes, held in ((-59, True), (-HELD_BLIND / timedelta(minutes=1), False)):
        outcome = decided(subject, [], replace(never, began=at(minutes)), "away")
        assert bool(outcome.held) is held
        assert (after(subject, outcome)["spec"]["minReplicas"] == 9) is held


def test_paused_walks_back_and_leaves_nothing() -> None:
    subject = a_subject(ours=9, mode="Paused")
    on_the_way = decided(subject, RISE, kept(subject, 9))
    assert not on_the_way.given_back
    assert after(subject, on_the_way)["spec"]["minReplicas"] == 8
    at_the_end = decided(subject, RISE, kept(subject, 2))
    hpa = after(subject, at_the_end)
    assert (hpa["spec"]["minReplicas"], hpa["metadata"]["annotations"], at_the_end.given_back) == (2, {}, True)


def test_a_floor_that_the_hpa_holds_by_itself_is_let_go() -> None:
    subject = a_subject(ours=9, mode="Paused", total=9 * 700)
    outcome = decided(subject, [], kept(subject, 9))
    assert (outcome.given_back, after(subject, outcome)["spec"]["minReplicas"]) == (True, 2)


def test_a_deletion_does_not_wait_for_ever() -> None:
    subject = a_subject(ours=9)
    for age, back in ((timedelta(minutes=1), False), (GIVEN_UP + timedelta(seconds=1), True)):
        leaving = replace(subject, object={"metadata": {"deletionTimestamp": (at() - age).isoformat()}})
        assert decided(leaving, RISE, kept(subject, 9)).given_back is back


def test_the_hpas_maximum_is_the_most_and_is_said() -> None:
    subject = a_subject()
    subject.hpa["spec"]["maxReplicas"] = 6
    outcome = decided(subject, RISE)
    assert (outcome.limited, after(subject, outcome)["spec"]["minReplicas"]) == (9, 6)
    assert decided(subject, [a_forecast(peak=5500.0)]).limited is None


def test_another_hpa_of_the_name_begins_anew() -> None:
    subject = a_subject()
    before = kept(subject, 9)
    assert decided(subject, RISE, replace(before, hpa_uid="another")).kept.hpa_uid == "1"


def test_beyond_the_maximum_begins_with_the_first_minute_that_may_need_more() -> None:
    subject = a_subject()
    subject.hpa["spec"]["maxReplicas"] = 6
    forecast = a_forecast(peak=9000.0)
    low, high = (tuple(load for _ in forecast.levels) for load in (5000.0, 8000.0))
    late = replace(forecast, quantiles=(low,) * 2 + (high,) * (len(forecast.quantiles) - 2))
    only_together = replace(forecast, quantiles=(low,) * len(forecast.quantiles))
    for one, step in ((late, 3), (only_together, forecast.window.first)):
        outcome = decided(subject, [one])
        assert (outcome.limited, outcome.limited_from) == (9, forecast.origin + step * forecast.step)


@pytest.mark.parametrize("levers", [["Floor"], ["Floor", "Target"]])
def test_a_target_goes_back_before_it_is_forgotten(levers: list[str]) -> None:
    """Without the lever, or with another metric, nothing else would ever give back the target that was moved."""
    other: Json = {"target": {"metric": "queue", "min": "5", "max": "9"}} if "Target" in levers else {}
    subject = a_subject(levers=["Target"], target={"metric": "connections", "min": "600", "max": "900"})
    originals = taken(subject.hpa, "chat/gateway", "connections")
    moved = applied(subject.hpa, operations(subject.hpa, raising(originals, 2, 850.0)[0]))
    assert target_of(moved, "connections") == "850"
    metric, shown = average(4, 2, "7", name="queue")
    moved["spec"]["metrics"].append(metric)
    moved["status"]["currentMetrics"].append(shown)
    policy = a_policy(mode="Active", levers=levers, **other)
    follower = subjects({("chat", "gateway"): policy}, {("chat", "gateway"): moved})["chat", "gateway"]
    assert isinstance(follower, Subject)
    first = decided(follower, RISE)
    hpa = after(follower, first)
    assert target_of(hpa, "connections") == "700"
    second = decided(replace(follower, hpa=hpa), RISE, first.kept)
    hpa = after(replace(follower, hpa=hpa), second)
    assert target_of(hpa, "queue") == ("7" if levers == ["Floor"] else "9")
    assert target_of(hpa, "connections") == "700"


@pytest.mark.parametrize(
    ("floor", "replicas", "conditions", "written"),
    [
        (0, 0, [], None),
        (0, 0, [{"type": "ScaledToZero", "status": "False"}], None),
        (0, 0, [{"type": "ScaledToZero", "status": "True"}], 9),
        (0, 2, [], 9),
        (2, 0, [], 9),
    ],
    ids=["an older HPA", "switched off", "asleep by itself", "awake", "switched off above a minimum"],
)
def test_a_workload_at_zero_is_woken_only_where_its_hpa_can_be(
    floor: int, replicas: int, conditions: list[Json], written: int | None
) -> None:
    subject = a_subject(floor=floor)
    subject.hpa["status"] |= {"currentReplicas": replicas, "desiredReplicas": replicas, "conditions": conditions}
    outcome = decided(subject, RISE)
    assert (None if outcome.change is None else outcome.change.floor) == written
    assert outcome.decision.floor == 9


def test_a_floor_of_zero_is_given_back_as_it_was() -> None:
    subject = a_subject(floor=0, ours=3, mode="Paused")
    hpa = after(subject, decided(subject, RISE, kept(subject, 2)))
    assert (hpa["spec"]["minReplicas"], hpa["metadata"]["annotations"]) == (0, {})
