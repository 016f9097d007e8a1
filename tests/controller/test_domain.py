"""The values' own words and figures: the sentence of a decision, and the quantile of a cost ratio."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain import Decision, Reason
from tests.helpers.builders import a_policy, at


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


@pytest.mark.parametrize(("cost_ratio", "quantile"), [(1, 0.5), (3, 0.75), (20, 20 / 21), (99, 0.99)])
def test_the_quantile_is_the_newsvendors(cost_ratio: float, quantile: float) -> None:
    assert replace(a_policy(), cost_ratio=cost_ratio).quantile == pytest.approx(quantile)
