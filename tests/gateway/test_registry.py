"""The registry against a model of plain sets, through any sequence of arrivals, joins, leaves and departures."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.registry import Registry

rooms = st.sampled_from(["a", "b", "c"])


class RegistryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.model: dict[str, set[str]] = {}
        self.arrivals = 0

    @rule()
    def add(self) -> None:
        self.arrivals += 1
        self.registry.add(f"c{self.arrivals}")
        self.model[f"c{self.arrivals}"] = set()

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(sorted(self.model)))
        self.registry.remove(client)
        del self.model[client]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), room=rooms)
    def join(self, data: st.DataObject, room: str) -> None:
        client = data.draw(st.sampled_from(sorted(self.model)))
        self.registry.join(client, room)
        self.model[client].add(room)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), room=rooms)
    def leave(self, data: st.DataObject, room: str) -> None:
        client = data.draw(st.sampled_from(sorted(self.model)))
        self.registry.leave(client, room)
        self.model[client].discard(room)

    @invariant()
    def agrees_with_the_model(self) -> None:
        assert self.registry.clients() == tuple(self.model)
        assert self.registry.rooms() == set().union(*self.model.values())
        for client, joined in self.model.items():
            assert client in self.registry
            assert self.registry.rooms_of(client) == joined
        for room in ("a", "b", "c"):
            members = self.registry.members(room)
            assert sorted(members) == sorted(client for client, joined in self.model.items() if room in joined)
            assert all(self.registry.is_member(client, room) for client in members)


TestRegistry = RegistryMachine.TestCase


def test_an_id_is_given_once() -> None:
    registry = Registry()
    registry.add("c")
    with pytest.raises(ValueError, match="'c' is taken"):
        registry.add("c")


def test_who_is_gone_cannot_join() -> None:
    registry = Registry()
    registry.add("c")
    registry.remove("c")
    assert "c" not in registry
    with pytest.raises(KeyError):
        registry.join("c", "a")
    assert registry.rooms() == frozenset()
