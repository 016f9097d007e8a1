"""Statuses: a condition's time is that of its flip, and what only counts on is written every five minutes at most."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.status import AT_MOST_EVERY, Condition, conditions, due
from tests.helpers.builders import at

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
