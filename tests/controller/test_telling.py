"""What a policy's object is told: each condition with its reason, a memory that comes back, events of transitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.deciding import Outcome
from controller.domain import SpentHour
from controller.originals import Originals
from controller.status import Condition
from controller.subjects import Refusal
from controller.telling import FRESH, Aside, events_of, refused, remembered, status_of, undone
from tests.controller.test_contest import held
from tests.controller.test_deciding import RISE, a_subject, decided, kept
from tests.controller.test_subjects import a_policy
from tests.helpers.builders import ABSTAINED, ACCEPTED, a_forecast, at

Json = dict[str, Any]


def told(outcome: Outcome, problem: dict[str, str] | None = None, failed: str = "") -> dict[str, tuple[str, str]]:
    status = status_of(a_policy(), outcome, Aside(problem or {}, failed=failed), at())
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def an_outcome(**changes: Any) -> Outcome:
    subject = a_subject()
    return replace(decided(subject, [a_forecast(peak=9000.0, verdict=ACCEPTED)]), **changes)


def test_all_is_well() -> None:
    assert told(an_outcome()) == {
        "Ready": ("True", "Followed"),
        "Forecasting": ("True", "Accept"),
        "Acting": ("True", "Active"),
        "Limited": ("False", "WithinMaximum"),
        "Degraded": ("False", "AllSignalsRead"),
        "Contested": ("False", "Uncontested"),
    }


def test_what_is_not_well_has_its_reason() -> None:
    abstained = (a_forecast(peak=9000.0, verdict=ABSTAINED),)
    assert told(an_outcome(forecasts=abstained))["Forecasting"] == ("False", "Abstain")
    assert told(an_outcome(forecasts=(), held="warming up"))["Forecasting"] == ("Unknown", "WarmingUp")
    assert told(an_outcome(), failed="403")["Acting"] == ("False", "WriteFailed")
    assert told(an_outcome(limited=99))["Limited"] == ("True", "BeyondMaximum")
    assert told(an_outcome(), {"connections": "StaleData: old"})["Degraded"] == ("True", "StaleData")


def test_a_query_that_means_nothing_is_the_policys_fault() -> None:
    found = told(an_outcome(), {"connections": "QueryRefused: parse error", "messages": "StaleData: old"})
    assert (found["Ready"], found["Degraded"]) == (("False", "QueryRefused"), ("True", "QueryRefused"))


def test_a_contest_is_told_and_its_end() -> None:
    calm = status_of(a_policy(), an_outcome(), Aside(), at())
    contest = Condition("Contested", True, "ResetTooOften", "20 times")
    fought = status_of(a_policy(), an_outcome(), Aside(contest=contest), at())
    assert [(one.kind, one.reason) for one in events_of(calm, fought)] == [("Warning", "ResetTooOften")]
    assert [(one.kind, one.reason) for one in events_of(fought, calm)] == [("Normal", "Uncontested")]


def test_more_than_the_maximum_says_how_much_and_when() -> None:
    status = status_of(a_policy(), an_outcome(limited=99, limited_from=at(1)), Aside(), at())
    (said,) = [one["message"] for one in status["conditions"] if one["type"] == "Limited"]
    assert said.startswith("from 20:01 UTC on up to 99 replicas may be needed, but the maximum is 30; raise")


def test_the_memory_comes_back() -> None:
    outcome = an_outcome()
    policy = {**a_policy(), "status": status_of(a_policy(), outcome, Aside(), at())}
    assert remembered(policy, 2, at() + FRESH) == outcome.kept.memory
    assert remembered(a_policy(), 2, at()) is None
    for lost in ({"memory": '{"floor": "x"}'}, {"decidedAt": "yesterday"}):
        assert remembered({**a_policy(), "status": policy["status"] | lost}, 2, at()) is None


def test_after_a_long_death_the_floor_of_then_is_forgotten_and_what_was_spent_is_not() -> None:
    outcome = an_outcome()
    spent = (SpentHour(at(), 1.0, 2.0, 3.0),)
    outcome = replace(outcome, kept=replace(outcome.kept, memory=replace(outcome.kept.memory, spent=spent)))
    policy = {**a_policy(), "status": status_of(a_policy(), outcome, Aside(), at())}
    now = at(seconds=1) + FRESH
    found = remembered(policy, 2, now)
    assert found is not None
    assert (found.floor, found.changed_at, found.wishes, found.spent) == (2, now, (), spent)


def test_in_force_is_what_foresail_holds_and_nothing_that_was_only_decided() -> None:
    def in_force(outcome: Outcome, before: Json | None = None, failed: str = "") -> object:
        return status_of(a_policy() | {"status": before or {}}, outcome, Aside(failed=failed), at()).get("inForce")

    observing = decided(a_subject(mode="Observe"), RISE)
    assert (observing.decision.floor, in_force(observing)) == (9, None)
    assert in_force(an_outcome()) == 9
    assert in_force(decided(a_subject(ours=9, mode="Paused"), [], kept(a_subject(), 9))) == 8
    assert in_force(decided(a_subject(ours=9, mode="Paused"), [], kept(a_subject(), 2))) is None
    assert in_force(an_outcome(), {"inForce": 5}, failed="denied") == 5
    gone = refused({**a_policy(), "status": {"inForce": 5}}, Refusal("HpaNotFound", "no HPA"), at())
    assert "inForce" not in gone


def test_a_refusal_keeps_what_was_known() -> None:
    policy = {**a_policy(), "status": status_of(a_policy(), an_outcome(), Aside(), at())}
    status = refused(policy, Refusal("HpaNotFound", "no HPA"), at(1))
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "HpaNotFound", "no HPA")
    assert status["memory"] == policy["status"]["memory"]


def test_an_event_is_a_transition() -> None:
    status = status_of(a_policy(), an_outcome(), Aside(), at())
    assert events_of({}, status) == []
    assert events_of(status, status_of(a_policy(), an_outcome(), Aside(), at(1))) == []
    bad = status_of(a_policy(), an_outcome(), Aside({"connections": "StaleData: old"}), at())
    (event,) = events_of(status, bad)
    assert (event.kind, event.reason, event.note) == ("Warning", "StaleData", "connections: old")
    assert [one.kind for one in events_of(bad, status)] == ["Normal"]


def test_a_policy_that_is_not_followed_is_warned_of_once_and_told_when_it_is_again() -> None:
    good = status_of(a_policy(), an_outcome(), Aside(), at())
    missing = refused(a_policy(), Refusal("HpaNotFound", "no HPA gateway in chat, which has none"), at())
    for before in ({}, good):
        (event,) = events_of(before, missing)
        assert (event.kind, event.reason) == ("Warning", "HpaNotFound")
        assert event.note == "no HPA gateway in chat, which has none"
    other = refused(a_policy(), Refusal("HpaNotFound", "no HPA gateway in chat, which has web"), at())
    assert events_of(missing, other) == []
    edited = {**a_policy(), "metadata": {**a_policy()["metadata"], "generation": 7}}
    assert [one.kind for one in events_of(missing, refused(edited, Refusal("HpaNotFound", "no"), at()))] == ["Warning"]
    (again,) = events_of(missing, good)
    assert (again.kind, again.reason, again.note) == ("Normal", "Followed", "the policy is followed again")


def test_a_query_that_means_nothing_is_one_event() -> None:
    good = status_of(a_policy(), an_outcome(), Aside(), at())
    bad = status_of(a_policy(), an_outcome(), Aside({"connections": "QueryRefused: parse error"}), at())
    assert [(one.kind, one.reason) for one in events_of(good, bad)] == [("Warning", "QueryRefused")]
    assert [(one.kind, one.reason) for one in events_of(bad, good)] == [("Normal", "AllSignalsRead")]


def test_a_signal_that_cannot_be_forecast_says_why() -> None:
    silent = replace(an_outcome(), forecasts=())
    status = status_of(
        a_policy(), silent, Aside(unforecast={"connections": "an hour is needed, 20 min are there"}), at()
    )
    found = {one["type"]: one for one in status["conditions"]}["Forecasting"]
    assert (found["status"], found["reason"]) == ("False", "NoForecast")
    assert found["message"] == "connections: an hour is needed, 20 min are there"


def test_an_unknown_wish_is_said() -> None:
    outcome = an_outcome()
    blind = replace(outcome, observed=replace(outcome.observed, hpa_wish=None))
    acting = {one["type"]: one for one in status_of(a_policy(), blind, Aside(), at())["conditions"]}["Acting"]
    assert "alone is unknown, because it reports no metric: the floor is only held or raised" in acting["message"]


def test_an_hpa_that_is_not_understood_is_said_and_warned_of() -> None:
    good = status_of(a_policy(), an_outcome(), Aside(), at())
    newer = an_outcome(unread="gateway: spec.coolDown: unknown key; allowed here are maxReplicas")
    newer = replace(newer, observed=replace(newer.observed, hpa_wish=None))
    status = status_of(a_policy(), newer, Aside(), at())
    (event,) = events_of(good, status)
    assert (event.kind, event.reason) == ("Warning", "HpaNotUnderstood")
    assert "spec.coolDown: unknown key" in event.note
    assert "update Foresail" in event.note
    assert told(newer)["Ready"] == ("True", "Followed")
    assert told(newer)["Degraded"] == ("True", "HpaNotUnderstood")
    assert told(newer, {"connections": "StaleData: old"})["Degraded"] == ("True", "StaleData")


def asking(floor: int, *managers: tuple[str, str]) -> Json:
    return {**held(*managers), "spec": {"minReplicas": floor}}


def test_what_was_undone_is_said_and_by_whom() -> None:
    noted, after = Originals("chat/gateway", 2, 9), Originals("chat/gateway", 3, 9)
    reset = asking(3, ("helm", "Apply"), ("foresail", "Update"))
    assert undone(reset, noted, after, "foresail") == "the floor of 9 was reset to 3 by helm, and put back to 9"
    assert undone(asking(3), noted, after, "foresail") == "the floor of 9 was reset to 3, and put back to 9"
    lost = undone(asking(9), noted, noted, "foresail")
    assert lost == "the note of the owner's values was lost, and put back; the floor of 9 stands"
    assert undone(asking(20, ("helm", "Apply")), noted, Originals("chat/gateway", 20, 20), "foresail") == ""


def test_a_target_that_was_reset_is_no_floor() -> None:
    metric = {"type": "Pods", "pods": {"metric": {"name": "connections"}, "target": {"averageValue": "700"}}}
    hpa = {**asking(2), "spec": {"minReplicas": 2, "metrics": [metric]}}
    ours = Originals("chat/gateway", 2, 2, "connections", "700", "640")
    assert undone(hpa, ours, ours, "foresail") == "the target of connections was reset to 700, and put back to 640"


def test_a_workload_that_is_left_at_zero_is_said() -> None:
    subject = a_subject(floor=0)
    subject.hpa["status"] |= {"currentReplicas": 0, "desiredReplicas": 0}
    asleep = decided(subject, RISE)
    assert told(asleep)["Acting"] == ("False", "AtZero")
    assert status_of(a_policy(), asleep, Aside(), at())["inForce"] == 0
