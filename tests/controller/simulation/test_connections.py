"""Where connections are: none is lost or made, and each rule by itself.

* clients are conserved and no pod takes more than it admits, whatever happens in which order;
* a pod that ends sends its clients away evenly; those who wait come back evenly over the time that they take;
* pods well above the mean send clients away at a bounded rate, and nobody while they are even.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.connections import Connections, Manners, Opened

MANNERS = Manners(capacity=20, admits=30)
STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "close", "end", "add", "drain", "rebalance"]), st.integers(0, 90)), max_size=40
)


@given(STEPS, st.integers(1, 4), st.integers(1, 4), st.floats(0, 1), st.integers(0, 2**32))
def test_clients_are_conserved_and_no_pod_takes_more_than_it_admits(
    steps: list[tuple[str, int]], drain: int, retry: int, rebalance: float, seed: int
) -> None:
    clients = Connections(Manners(20, 30, drain, retry, rebalance), 3, seed)
    users = 0
    for step, count in steps:
        match step:
            case "open":
                waiting = clients.waiting
                opened = clients.open(count)
                users += count
                assert opened.back <= opened.taken
                assert count <= opened.taken + opened.refused <= count + waiting
            case "close":
                clients.close(min(count, users))
                users -= min(count, users)
            case "end" if clients.pods:
                on = clients.on_pods
                assert clients.end_pods([count % len(on)]) == on[count % len(on)]
            case "add":
                clients.add_pods(count % 3)
            case "drain":
                clients.drain()
            case "rebalance":
                clients.rebalance()
        on_pods = clients.on_pods
        assert clients.connected == on_pods.sum()
        assert clients.connected + clients.draining + clients.waiting == users
        assert on_pods.min(initial=0) >= 0
        assert on_pods.max(initial=0) <= 30
        assert clients.hot == np.maximum(on_pods - 20, 0).sum()


def test_a_pod_that_ends_sends_its_clients_away_evenly() -> None:
    clients = Connections(Manners(100, 100, drain=4), 1, 0)
    clients.open(10)
    assert clients.end_pods([0]) == 10
    left = []
    for _ in range(4):
        clients.drain()
        left.append((clients.draining, clients.waiting))
    assert left == [(7, 3), (4, 6), (2, 8), (0, 10)]


def test_users_on_a_pod_that_ends_close_like_all_others() -> None:
    clients = Connections(Manners(10_000, 10_000, drain=2), 2, 0)
    clients.open(8000)
    clients.end_pods([1])
    clients.drain()
    clients.close(4000)
    assert clients.connected == pytest.approx(2000, abs=150)
    assert clients.draining == pytest.approx(1000, abs=100)
    assert clients.waiting == pytest.approx(1000, abs=100)


def test_those_who_wait_come_back_evenly_over_the_time_that_they_take() -> None:
    clients = Connections(Manners(10_000, 10_000, retry=4), 2, 0)
    clients.open(4000)
    broken = clients.end_pods([0])
    clients.drain()
    back = [clients.open(0) for _ in range(5)]
    assert sum(one.back for one in back) == broken
    assert [one.back for one in back[:4]] == pytest.approx([broken / 4] * 4, rel=0.15)
    assert back[4] == Opened(0, 0, 0)


def test_of_those_who_are_taken_as_many_had_waited_as_of_those_who_came() -> None:
    clients = Connections(MANNERS, 1, 0)
    assert clients.open(40) == Opened(30, 10, 0)
    clients.add_pods(1)
    clients.close(0)
    opened = clients.open(10)
    assert opened.back == round(opened.taken / 2)


def test_an_uneven_pod_sends_clients_away_until_it_is_even() -> None:
    clients = Connections(Manners(100, 1000, rebalance=0.1), 1, 0)
    clients.open(400)
    clients.add_pods(1)
    assert 39 <= clients.rebalance() <= 41
    clients.open(0)
    for _ in range(100):
        clients.rebalance()
        clients.open(0)
    assert clients.on_pods.tolist() == pytest.approx([200, 200], abs=25)
    assert clients.connected == 400


def test_pods_that_are_about_even_are_left_alone() -> None:
    clients = Connections(Manners(10_000, 10_000, rebalance=1.0), 4, 0)
    clients.open(20_000)
    assert clients.rebalance() == 0
    assert clients.open(0) == Opened(0, 0, 0)


def test_without_a_share_nobody_is_sent_away() -> None:
    clients = Connections(MANNERS, 1, 0)
    clients.open(25)
    clients.add_pods(4)
    assert clients.rebalance() == 0


def test_without_a_pod_all_are_turned_away() -> None:
    clients = Connections(MANNERS, 0, 0)
    assert clients.open(7) == Opened(0, 7, 0)
    assert clients.hot == 0
