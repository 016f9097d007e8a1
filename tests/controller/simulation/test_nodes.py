"""Room for pods: a node holds no more than it has room for, new ones come when needed, empty ones go after a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.nodes import Node, Nodes, NodeSettings
from tests.helpers.builders import at

SETTINGS = NodeSettings(room=2)


@given(st.integers(1, 4), st.lists(st.integers(0, 30), max_size=40))
def test_no_node_holds_more_than_it_has_room_for(room: int, moves: list[int]) -> None:
    nodes, bound = Nodes(NodeSettings(room)), list[Node]()
    for minute, move in enumerate(moves):
        if move % 2 and bound:
            nodes.release(bound.pop(move % len(bound)), at(minutes=minute))
        else:
            bound.append(nodes.bind(at(minutes=minute)))
        assert all(bound.count(node) == node.pods <= room for node in bound)


def test_a_pod_without_a_place_waits_for_a_new_node_and_the_next_pod_joins_it() -> None:
    nodes = Nodes(SETTINGS)
    first, second = (nodes.bind(at(), timedelta(0)) for _ in range(2))
    third, fourth, fifth = (nodes.bind(at(minutes=1)) for _ in range(3))
    assert first is second
    assert first.ready_at == at()
    assert third is fourth
    assert third.ready_at == at(minutes=3)
    assert (fifth is third, nodes.count) == (False, 3)


def test_the_emptiest_node_that_is_up_takes_the_next_pod() -> None:
    nodes = Nodes(NodeSettings(room=3))
    full = [nodes.bind(at(), timedelta(0)) for _ in range(6)]
    nodes.release(full[5], at())
    nodes.release(full[4], at())
    nodes.release(full[0], at())
    assert nodes.bind(at()) is full[5]


def test_a_node_that_is_up_goes_before_one_on_its_way() -> None:
    nodes = Nodes(SETTINGS)
    up = [nodes.bind(at(), timedelta(0)) for _ in range(2)]
    coming = nodes.bind(at())
    nodes.release(up[0], at())
    assert nodes.bind(at()) is up[0]
    assert nodes.bind(at()) is coming


def test_an_empty_node_stays_a_while_and_goes() -> None:
    nodes = Nodes(SETTINGS)
    first = nodes.bind(at(), timedelta(0))
    nodes.release(first, at(minutes=5))
    again = nodes.bind(at(minutes=14))
    assert again is first
    nodes.release(again, at(minutes=20))
    assert nodes.bind(at(minutes=30)) is not first
    assert nodes.count == 1


@pytest.mark.parametrize("changes", [{"room": 0}, {"start": timedelta(seconds=-1)}, {"spare": timedelta(seconds=-1)}])
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        NodeSettings(**({"room": 1} | changes))  # type: ignore[arg-type]
