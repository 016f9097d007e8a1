"""What is noted on an HPA: it tells the owner's values from ours, through every order of writes and applies.

A machine plays owner and controller against each other: whatever they do, giving back leaves what the owner last said.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from controller.errors import BadPolicy
from controller.hpa_patch import Change, floor_of, operations, target_of
from controller.originals import (
    ANNOTATION,
    Originals,
    as_number,
    as_quantity,
    given_back,
    lowered,
    raising,
    read,
    taken,
    was_reset,
)
from tests.controller.test_hpa_patch import an_hpa, applied

Json = dict[str, Any]


class OwnerAndController(RuleBasedStateMachine):
    """One HPA; the owner's manifest is applied again and again, the controller raises and gives back."""

    def __init__(self) -> None:
        super().__init__()
        self.hpa = an_hpa(2)
        self.floor, self.target = 2, "700"

    def _write(self, change: Change) -> None:
        self.hpa = applied(self.hpa, operations(self.hpa, change))

    @rule(floor=st.integers(1, 9), aim=st.none() | st.floats(500, 900))
    def raised(self, floor: int, aim: float | None) -> None:
        change, after = raising(taken(self.hpa, "chat/gateway", "connections"), floor, aim)
        self._write(change)
        assert floor_of(self.hpa) == max(floor, self.floor)
        assert not was_reset(self.hpa)
        assert read(self.hpa) == (after if after.holds else None)

    @rule(floor=st.integers(1, 9), aim=st.sampled_from(["700", "650", "0.8k"]))
    def the_owner_applies(self, floor: int, aim: str) -> None:
        """Their manifest has both values; it may be the same one as before."""
        before = deepcopy(self.hpa)
        self._write(Change(floor, {"connections": aim}))
        noted = read(before)
        # Where it is what we wrote nobody can tell theirs from ours: what was noted counts.
        self.floor = noted.floor if noted is not None and noted.ours == floor else floor
        if noted is not None and noted.target is not None and as_number(noted.ours_target) == as_number(aim):
            self.target = noted.target
        else:
            self.target = aim
        if noted is not None and noted.ours != floor:
            assert was_reset(self.hpa)

    @rule()
    def given_back(self) -> None:
        self._write(given_back(taken(self.hpa, "chat/gateway", "connections")))
        assert ANNOTATION not in self.hpa["metadata"].get("annotations", {})
        assert floor_of(self.hpa) == self.floor
        assert target_of(self.hpa, "connections") == self.target

    @invariant()
    def the_owners_values_are_known(self) -> None:
        noted = taken(self.hpa, "chat/gateway", "connections")
        assert (noted.floor, as_number(noted.target)) == (self.floor, as_number(self.target))


TestOwnerAndController = OwnerAndController.TestCase


def test_what_another_policy_noted_is_not_the_owners() -> None:
    """A policy that is renamed, or that takes over, must not take the floor of the other for the owner's minimum."""
    change, _ = raising(taken(an_hpa(2), "chat/other", None), 6, None)
    hpa = applied(an_hpa(2), operations(an_hpa(2), change))
    assert taken(hpa, "chat/gateway", None) == Originals("chat/gateway", 2, 6)


def test_a_note_beyond_the_maximum_is_given_back_within_it() -> None:
    hpa = an_hpa(6, {ANNOTATION: Originals("chat/gateway", 1000, 6).text()})
    assert taken(hpa, "chat/gateway", None).floor == hpa["spec"]["maxReplicas"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"policy":"a/b","floor":"2","ours":3}',
        '{"policy":"a/b","floor":2,"ours":-1}',
        '{"policy":1,"floor":2,"ours":3}',
        '{"policy":"a/b","floor":2,"ours":3,"metric":"connections","target":"many","ours_target":"7"}',
        '{"policy":"a/b","floor":2,"ours":3,"metric":"connections","target":7,"ours_target":"7"}',
        '{"policy":"a/b","floor":2,"ours":3,"metric":["connections"]}',
    ],
)
def test_a_note_that_makes_no_sense_is_none(text: str) -> None:
    assert read(an_hpa(2, {ANNOTATION: text})) is None


@given(st.integers(1, 50), st.integers(1, 200), st.floats(0.1, 100), st.none() | st.integers(0, 200))
def test_the_way_back_ends_at_the_owners(owners: int, ours: int, percent: float, wish: int | None) -> None:
    originals = Originals("a/b", owners, max(owners, ours))
    for _ in range(200):
        after = lowered(originals, percent, wish)
        assert owners <= after < originals.ours or after == owners
        if wish is not None and after > owners:
            assert after >= min(wish, originals.ours)
        if after == owners:
            return
        originals = Originals("a/b", owners, after)
    raise AssertionError("never ended")


@given(st.floats(0.001, 1e9))
def test_a_target_is_a_quantity_of_thousandths(value: float) -> None:
    found = as_number(as_quantity(value))
    assert found is not None
    assert value - 1e-6 * value <= found <= value + 0.001 + 1e-6 * value


def test_what_is_no_quantity_is_refused() -> None:
    assert as_number(None) is None
    with pytest.raises(BadPolicy, match="a target of 'x'; allowed is a quantity"):
        as_number("x")
