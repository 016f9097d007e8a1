"""A verdict says whose forecast is served and why, in one sentence and in shares."""

from __future__ import annotations

import pytest

from forecaster.verdict import Ruling, Verdict, shares

ACCEPTED = Verdict(Ruling.ACCEPT, "lstm:base", best="ridge", skill=0.713, against=0.914, coverage=0.946, hours=72)
REPLACED = Verdict(
    Ruling.BASELINE, "ridge", "it loses 0.83 of what the network loses", "ridge", 1.1, 1.2048, 0.9, hours=72
)
ABSTAINED = Verdict(Ruling.ABSTAIN, "lstm:base", "nothing but zeros was measured so far")
FIGURES = "the network loses 0.71 of what the last value loses; 0.91 of what the best rule, ridge, does; "
WITHIN = "95 % of the last day's loads lay within its 0.95 quantile; 72 hours scored"


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (ACCEPTED, f"Accept lstm:base: {FIGURES}{WITHIN}"),
        (ABSTAINED, "Abstain: nothing but zeros was measured so far"),
        (Verdict(Ruling.ACCEPT, "lstm:base"), "Accept lstm:base"),
    ],
)
def test_the_sentence(verdict: Verdict, sentence: str) -> None:
    assert verdict.sentence() == sentence


def test_a_replacement_says_by_what_and_why_first() -> None:
    assert REPLACED.sentence().startswith(
        "Baseline ridge: it loses 0.83 of what the network loses; the network loses 1.10"
    )


def test_shares_name_the_rules_between_accept_and_abstain() -> None:
    other = Verdict(Ruling.BASELINE, "last-value")
    fallen = shares([ACCEPTED, other, REPLACED, other])
    assert fallen == {"Accept": 0.25, "last-value": 0.5, "ridge": 0.25, "Abstain": 0.0}
    assert list(fallen) == ["Accept", "last-value", "ridge", "Abstain"]
