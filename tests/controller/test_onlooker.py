"""Whoever looks on is told the same thing under one name."""

from __future__ import annotations

import pytest

from controller.decision.plan import plan
from controller.domain import decision_id
from controller.onlooker import Decided, Onlooker, Onlookers
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


def test_an_entry_gives_its_decision_again() -> None:
    outcome = decided(a_subject(), RISE)
    one = Decided(KEY, outcome, {})
    entry = one.entry
    assert entry.id == one.id == decision_id("chat/gateway", outcome.decision.at)
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
