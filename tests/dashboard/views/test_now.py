"""The status sentence: now, load, needed and ready, floor, shortage, the newest decision, and the age of the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.metrics import Reported
from dashboard import explain, frames
from dashboard.sources import Notice, Run
from dashboard.views import now
from dashboard.words import escaped
from tests.dashboard.runs import POLICY, an_hour, blind

SHORT = next(k for k, entry in enumerate(an_hour()) if now.missing(POLICY, entry) > 1)
CALM = next(k for k, entry in enumerate(an_hour()) if k > 20 and not now.missing(POLICY, entry))


def status(index: int, live: bool = True) -> str:
    return now.status(Run(POLICY, an_hour()[: index + 1], live))


def test_it_says_when_what_is_offered_what_it_needs_and_what_is_there() -> None:
    entry = an_hour()[CALM]
    said = status(CALM)
    assert said.startswith(f"**{frames.clock(entry.now)} UTC, live:** ")
    assert f"need {frames.needed(POLICY, entry)} pods, {entry.observed.ready} pods ready" in said
    assert f"the floor is {entry.decision.floor}." in said
    assert "Nothing is short." in said


def test_it_says_how_many_pods_are_missing() -> None:
    assert f"Short of {now.missing(POLICY, an_hour()[SHORT])} pods." in status(SHORT)


def test_it_says_whether_the_run_goes_on() -> None:
    assert "the run is over" not in status(CALM)
    assert "the run is over" in status(CALM, live=False)


def test_the_age_is_that_of_the_oldest_signal_by_the_runs_own_clock() -> None:
    entry = an_hour()[CALM]
    readings = (replace(entry.observed.readings[0], at=entry.now - timedelta(seconds=75)), entry.observed.readings[1])
    aged = replace(entry, observed=replace(entry.observed, readings=readings))
    assert "The newest measurement is 75 s old." in now.status(Run(POLICY, (aged,), live=True))


def test_nothing_known_is_said_and_not_taken_for_nothing_short() -> None:
    said = now.status(Run(POLICY, (blind(an_hour()[CALM]),), live=True))
    assert "the load is not known" in said
    assert "Whether anything is short is not known." in said
    assert "Nothing has been measured yet." in said


def test_one_known_load_is_told_beside_an_unknown_one() -> None:
    entry = an_hour()[CALM]
    half = replace(entry, view=None, observed=replace(entry.observed, readings=entry.observed.readings[:1]))
    assert "and an unknown load of messages need" in now.status(Run(POLICY, (half,), live=True))


def test_the_decision_is_told_with_who_asked_and_who_had_the_last_word() -> None:
    rise = next(e for e in an_hour() if e.decision.floor > e.decision.previous and not explain.limiting(e))
    decision = rise.decision
    assert now.decided(rise) == (
        f"**Decision:** the floor is raised from {decision.previous} to {decision.floor}\\: the forecast of"
        f" {decision.signal} by {decision.model} asks for {decision.wanted} pods."
    )
    fall = next(e for e in an_hour() if any(one.rule == "ramp-down" for one in e.decision.reasons))
    last = explain.limiting(fall)
    assert last is not None
    assert now.decided(fall).endswith(f"{explain.RULES[last.rule]}\\: {escaped(last.because)}.")
    shown = replace(rise, decision=replace(decision, applied=False, floor=decision.previous))
    assert now.decided(shown).startswith("**Decision (shown only, the mode is Observe):** the floor is kept at ")
    assert "no forecast counts" in now.decided(blind(rise))


@pytest.mark.parametrize(("later_s", "said"), [(0, "as the ledger does"), (45, "45 s behind"), (-30, "30 s ahead")])
def test_the_controllers_own_account_is_held_against_the_ledger(later_s: int, said: str) -> None:
    newest = an_hour()[-1]
    reported = Reported(newest.now + timedelta(seconds=later_s), 7)
    told = now.account(reported, newest)
    assert "reports a floor of 7" in told
    assert said in told


def test_a_controller_that_does_not_answer_is_said() -> None:
    assert now.account(Notice("nobody answers", live=True), an_hour()[-1]) == "nobody answers"
