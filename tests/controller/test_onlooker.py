"""Whoever looks on is told the same thing under one name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.decision.plan import plan
from controller.onlooker import Decided, Onlooker, Onlookers, decision_id
from controller.subjects import Key, Refusal
from tests.controller.test_deciding import RISE, a_subject, decided

KEY = ("chat", "gateway")


class Hears(Onlooker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def decided(self, one: Decided) -> None:
        self.told.append(one)

    def timed(self, step: str, seconds: float) -> None:
        self.told.append((step, seconds))

    def reset(self, key: Key) -> None:
        self.told.append(key)

    def ticked(self, found: object) -> None:
        self.told.append(found)


def test_an_id_says_when_and_of_which_policy() -> None:
    outcome = decided(a_subject(), RISE)
    assert decision_id(outcome) == Decided(KEY, outcome, {}).id
    assert decision_id(outcome).startswith(f"{outcome.decision.at:%Y%m%dT%H%M%S}.000Z-")
    other = a_subject()
    other.object["metadata"]["name"] = "other"
    assert decision_id(outcome) == decision_id(decided(a_subject(), RISE))


def test_ids_of_two_policies_and_of_two_moments_differ() -> None:
    from dataclasses import replace

    one = decided(a_subject(), RISE)
    later = replace(one, decision=replace(one.decision, at=one.decision.at + timedelta(milliseconds=1)))
    other = replace(one, policy=replace(one.policy, name="chat/other"))
    assert len({decision_id(found) for found in (one, later, other)}) == 3
    assert decision_id(one) < decision_id(later)


def test_an_entry_gives_its_decision_again() -> None:
    outcome = decided(a_subject(), RISE)
    entry = Decided(KEY, outcome, {}).entry
    again, _ = plan(outcome.policy, entry.observed, entry.forecasts, entry.memory, entry.now)
    assert again == outcome.decision


@pytest.mark.parametrize("count", [0, 1, 2])
def test_several_are_told_what_one_is(count: int) -> None:
    ones = [Hears() for _ in range(count)]
    both, one = Onlookers(ones), Decided(KEY, decided(a_subject(), RISE), {})
    found = {KEY: Refusal("BadPolicy", "")}
    both.decided(one)
    both.timed("read", 0.1)
    both.reset(KEY)
    both.ticked(found)
    Onlooker().ticked(found)
    assert all(heard.told == [one, ("read", 0.1), KEY, found] for heard in ones)
