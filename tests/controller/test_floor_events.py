"""A floor that moves: each raise is told, and of a way down its beginning and its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from controller.deciding import Outcome
from controller.domain import Mode, Wish, decision_id
from controller.floor_events import RESTS, Release, floor_events
from controller.originals import Originals
from tests.controller.test_telling import an_outcome
from tests.helpers.builders import MINUTE, at


def moved(there: int, wanted: int, minute: float = 0, *, heading: int = 3, **policy: Any) -> Outcome:
    """A decision that moves the floor, of a policy that may go down to 2."""
    outcome = an_outcome(moved=(there, wanted) if there != wanted else None)
    decision = replace(outcome.decision, at=at(minute), floor=wanted, previous=there)
    memory = replace(outcome.kept.memory, wishes=(Wish(at(minute), heading),))
    return replace(
        outcome,
        decision=decision,
        kept=replace(outcome.kept, memory=memory),
        policy=replace(outcome.policy, **policy),
        originals=Originals("chat/gateway", 1, wanted),
    )


def reasons(*outcomes: Outcome) -> list[list[str]]:
    """Of one decision after the other."""
    release: Release | None = None
    said = []
    for one in outcomes:
        told, release = floor_events(release, one, "")
        said.append([event.reason for event in told])
    return said


def test_a_raise_is_told_with_the_decisions_id() -> None:
    outcome = an_outcome()
    long = replace(outcome, decision=replace(outcome.decision, reasons=outcome.decision.reasons * 20))
    for one in (outcome, long):
        ((event,), release) = floor_events(None, one, "")
        assert event.note.startswith("raise the floor from 2 to 9: ")
        assert event.note.endswith(f"(decision {decision_id('chat/gateway', at())})")
        assert len(event.note) <= 1000
        assert (event.kind, event.reason, release) == ("Normal", "FloorRaised", None)


def test_a_floor_that_was_decided_while_the_policy_observed_is_told_when_it_is_written() -> None:
    outcome = an_outcome()
    kept = replace(outcome, decision=replace(outcome.decision, previous=outcome.decision.floor))
    ((event,), _) = floor_events(None, kept, "")
    assert event.reason == "FloorRaised"
    assert event.note.startswith("minReplicas 2 → 9: keep the floor at 9")
    assert floor_events(None, kept, "denied") == ([], None)


def test_of_a_ramp_the_beginning_and_the_end_are_told() -> None:
    ramp = [moved(floor, floor - 1, 12 - floor) for floor in range(12, 2, -1)]
    assert reasons(*ramp) == [["FloorReleasing"], *[[]] * 8, ["FloorReleased"]]
    ((begun,), release) = floor_events(None, ramp[0], "")
    assert begun.note.startswith("releasing minReplicas from 12 to 3 by the ramp of 10 % per minute: lower the floor")
    for one in ramp[1:-1]:
        _, release = floor_events(release, one, "")
    ((ended,), after) = floor_events(release, ramp[-1], "")
    assert ended.note.startswith("minReplicas released from 12 to 2 in 9 min: lower the floor from 3 to 2")
    assert after is None


def test_a_ramp_that_rests_above_the_minimum_has_ended() -> None:
    rests = RESTS / MINUTE
    steps = [moved(12, 11), moved(11, 10, 1), *(moved(10, 10, 1 + minute) for minute in (1, rests - 1, rests))]
    assert reasons(*steps) == [["FloorReleasing"], [], [], [], ["FloorReleased"]]
    assert reasons(*steps, moved(10, 9, 30))[-1] == ["FloorReleasing"]


def test_a_raise_on_the_way_ends_it() -> None:
    assert reasons(moved(12, 11), moved(11, 14, 1), moved(14, 14, 60)) == [["FloorReleasing"], ["FloorRaised"], []]


def test_what_goes_in_one_step_is_one_event() -> None:
    assert reasons(moved(12, 2)) == [["FloorReleased"]]


def test_on_the_way_back_the_owners_own_is_the_end() -> None:
    ((begun,), release) = floor_events(None, moved(12, 11, mode=Mode.PAUSED), "")
    assert begun.note.startswith("releasing minReplicas from 12 to 1 by the ramp")
    ((ended,), after) = floor_events(release, moved(2, 1, 10, mode=Mode.PAUSED), "")
    assert ended.note.startswith("minReplicas released from 12 to 1 in 10 min")
    assert after is None


def test_a_step_that_was_not_written_is_no_step() -> None:
    release = floor_events(None, moved(12, 11), "")[1]
    assert floor_events(release, moved(11, 2, 1), "denied") == ([], release)


def test_a_floor_that_its_owner_took_over_is_on_no_way() -> None:
    release = floor_events(None, moved(12, 11), "")[1]
    owners = replace(moved(20, 20, 60), originals=Originals("chat/gateway", 20, 20))
    assert floor_events(release, owners, "") == ([], None)
