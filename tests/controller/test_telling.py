"""What a policy's object is told: each condition with its reason, a memory that comes back, events of transitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.deciding import Outcome
from controller.domain import decision_id
from controller.status import Condition
from controller.subjects import Refusal
from controller.telling import Aside, events_of, refused, remembered, status_of
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
    same = replace(an_outcome(), moved=None)
    assert [(one.kind, one.reason) for one in events_of(calm, fought, same)] == [("Warning", "ResetTooOften")]
    assert [(one.kind, one.reason) for one in events_of(fought, calm, same)] == [("Normal", "Uncontested")]


def test_more_than_the_maximum_says_how_much_and_when() -> None:
    status = status_of(a_policy(), an_outcome(limited=99, limited_from=at(1)), Aside(), at())
    (said,) = [one["message"] for one in status["conditions"] if one["type"] == "Limited"]
    assert said.startswith("from 20:01 UTC on up to 99 replicas may be needed, but the maximum is 30; raise")


def test_a_floor_that_moves_is_told_with_the_decisions_id() -> None:
    outcome = an_outcome()
    long = replace(outcome, decision=replace(outcome.decision, reasons=outcome.decision.reasons * 20))
    for one in (outcome, long):
        (event,) = events_of({}, status_of(a_policy(), one, Aside(), at()), one)
        assert event.note.startswith("raise the floor from 2 to 9: ")
        assert event.note.endswith(f"(decision {decision_id('chat/gateway', at())})")
        assert len(event.note) <= 1000


def test_the_memory_comes_back() -> None:
    outcome = an_outcome()
    policy = {**a_policy(), "status": status_of(a_policy(), outcome, Aside(), at())}
    assert remembered(policy) == outcome.kept.memory
    assert remembered(a_policy()) is None
    assert remembered({**a_policy(), "status": {"memory": '{"floor": "x"}'}}) is None


def test_a_refusal_keeps_what_was_known() -> None:
    policy = {**a_policy(), "status": status_of(a_policy(), an_outcome(), Aside(), at())}
    status = refused(policy, Refusal("HpaNotFound", "no HPA"), at(1))
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "HpaNotFound", "no HPA")
    assert status["memory"] == policy["status"]["memory"]


def test_an_event_is_a_transition() -> None:
    outcome = an_outcome()
    status = status_of(a_policy(), outcome, Aside(), at())
    assert [one.reason for one in events_of({}, status, outcome)] == ["FloorRaised"]
    subject = a_subject(ours=9)
    same = decided(subject, RISE, kept(subject, 9))
    assert events_of(status, status_of(a_policy(), same, Aside(), at()), same) == []
    bad = status_of(a_policy(), same, Aside({"connections": "StaleData: old"}), at())
    (event,) = events_of(status, bad, same)
    assert (event.kind, event.reason, event.note) == ("Warning", "StaleData", "connections: old")
    assert [one.kind for one in events_of(bad, status, same)] == ["Normal"]


def test_a_signal_that_cannot_be_forecast_says_why() -> None:
    silent = replace(an_outcome(), forecasts=())
    status = status_of(
        a_policy(), silent, Aside(unforecast={"connections": "an hour is needed, 20 min are there"}), at()
    )
    found = {one["type"]: one for one in status["conditions"]}["Forecasting"]
    assert (found["status"], found["reason"]) == ("False", "NoForecast")
    assert found["message"] == "connections: an hour is needed, 20 min are there"


def test_a_floor_that_was_decided_while_the_policy_observed_is_told_when_it_is_written() -> None:
    outcome = an_outcome()
    kept = replace(outcome, decision=replace(outcome.decision, previous=outcome.decision.floor))
    (event,) = events_of({}, status_of(a_policy(), kept, Aside(), at()), kept)
    assert event.reason == "FloorRaised"
    assert event.note.startswith("minReplicas 2 → 9: keep the floor at 9")
    assert events_of({}, status_of(a_policy(), kept, Aside(failed="denied"), at()), kept) == []


def test_an_unknown_wish_is_said() -> None:
    outcome = an_outcome()
    blind = replace(outcome, observed=replace(outcome.observed, hpa_wish=None))
    acting = {one["type"]: one for one in status_of(a_policy(), blind, Aside(), at())["conditions"]}["Acting"]
    assert "what it would hold alone is unknown" in acting["message"]
