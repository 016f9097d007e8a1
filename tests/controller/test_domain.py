"""The values' own words and figures: the sentence of a decision, and the ramp of whoever states none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.domain import Decision, RampDown, Reason, Signal, decision_id, usual_ramp
from tests.helpers.builders import CONNECTIONS, MESSAGES, at


@pytest.mark.parametrize(
    ("previous", "floor", "sentence"),
    [
        (4, 9, "raise the floor from 4 to 9: 9 pods for a peak; the maximum is 9"),
        (9, 8, "lower the floor from 9 to 8: 9 pods for a peak; the maximum is 9"),
        (9, 9, "keep the floor at 9: 9 pods for a peak; the maximum is 9"),
    ],
)
def test_a_decision_reads_as_a_sentence(previous: int, floor: int, sentence: str) -> None:
    reasons = (Reason("forecast", previous, 9, "9 pods for a peak"), Reason("ceiling", 9, floor, "the maximum is 9"))
    decision = Decision(at(), floor, previous, 9, "connections", "lstm", True, reasons)
    assert decision.summary() == sentence


def test_a_decision_without_reasons_says_what_happens() -> None:
    assert Decision(at(), 2, 2, None, None, None, True, ()).summary() == "keep the floor at 2"


@pytest.mark.parametrize(
    ("signals", "hold_s", "percent"),
    [((MESSAGES,), 60, 100), ((CONNECTIONS,), 120, 10), ((MESSAGES, CONNECTIONS), 120, 10)],
)
def test_where_connections_would_break_a_floor_is_given_back_slowly(
    signals: tuple[Signal, ...], hold_s: int, percent: float
) -> None:
    assert usual_ramp(signals) == RampDown(timedelta(seconds=hold_s), percent)


def test_an_id_says_when_and_of_which_policy_and_sorts_by_time() -> None:
    one, later = decision_id("chat/gateway", at()), decision_id("chat/gateway", at(seconds=0.001))
    assert one == f"{at():%Y%m%dT%H%M%S}.000Z-{one[-6:]}"
    assert one < later
    assert later[:-6] == decision_id("chat/other", at(seconds=0.001))[:-6]
    assert len({one, later, decision_id("chat/other", at())}) == 3
