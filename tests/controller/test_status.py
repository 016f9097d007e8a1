"""Statuses: a condition's time is that of its flip, and what only counts on is written every five minutes at most."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller import status
from controller.adapters.prometheus_feed import Problem
from controller.domain import Mode
from controller.status import AT_MOST_EVERY, REASONS, Condition, conditions, due
from tests.helpers.builders import at

ROOM = Path(status.__file__).parent
DYNAMIC = {("Degraded", problem.value) for problem in Problem} | {
    ("Acting", mode.value) for mode in Mode if mode is not Mode.ACTIVE
}
"""Reasons that are the names of values."""
words = st.sampled_from([True, False, None])


@given(st.lists(words, min_size=1, max_size=12))
def test_the_time_is_that_of_the_last_flip(said: list[bool | None]) -> None:
    written: list[dict[str, Any]] = []
    flipped = at()
    for minute, word in enumerate(said):
        if minute == 0 or word is not said[minute - 1]:
            flipped = at(minute)
        written = conditions(written, [Condition("Ready", word, f"R{minute}")], at(minute), 3)
        (one,) = written
        assert one["lastTransitionTime"] == flipped.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (one["reason"], one["observedGeneration"]) == (f"R{minute}", 3)
        assert one["status"] == {True: "True", False: "False", None: "Unknown"}[word]


def a_status(reason: str = "Active", message: str = "", **other: object) -> dict[str, Any]:
    return {
        "conditions": [{"type": "Acting", "status": "True", "reason": reason, "message": message}],
        "floor": 5,
        **other,
    }


def test_a_transition_is_written_at_once() -> None:
    assert due({}, a_status(), None, at())
    assert due(a_status(), a_status("HandingBack"), at(), at(seconds=1))
    assert due(a_status(), a_status(floor=6), at(), at(seconds=1))


def test_what_counts_on_waits() -> None:
    old, new = a_status(decision="keep 5", decidedAt="a"), a_status(message="other", decision="keep 5!", decidedAt="b")
    assert not due(old, new, at(), at() + AT_MOST_EVERY - timedelta(seconds=1))
    assert due(old, new, at(), at() + AT_MOST_EVERY)
    assert not due(old, old, at(), at(minutes=60))


def literals(node: ast.AST) -> Iterator[str]:
    return (one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def said_in_the_code() -> Iterator[tuple[str, str]]:
    """Type and reason of every Condition that the controller makes, and of every Refusal."""
    for path in ROOM.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id == "Refusal":
                yield from (("Ready", reason) for reason in literals(call.args[0]))
            elif call.func.id == "Condition" and isinstance(call.args[0], ast.Name):
                kind = getattr(status, call.args[0].id)
                yield from ((kind, reason) for reason in literals(call.args[2]))


def test_every_reason_that_is_given_has_a_meaning_and_every_meaning_a_reason() -> None:
    written = {(kind, reason) for kind, (_, known) in REASONS.items() for reason in known}
    assert written == {*said_in_the_code(), *DYNAMIC}
