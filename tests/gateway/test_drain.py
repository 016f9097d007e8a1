"""The schedule of a drain: everyone leaves once, within the window, evenly; and is asked for waits that spread."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.drain import MAX_AFTER_MS, schedule

clients = st.integers(0, 300).map(lambda n: [f"c{i}" for i in range(n)])
windows = st.floats(0, 3600)


@given(clients, windows)
def test_everyone_leaves_exactly_once_within_the_window(ids: list[str], window_s: float) -> None:
    departures = schedule(ids, window_s)
    assert [d.client_id for d in departures] == ids
    assert all(0 <= d.at_s <= window_s for d in departures)


@given(clients, windows)
def test_departures_are_evenly_spread(ids: list[str], window_s: float) -> None:
    moments = [d.at_s for d in schedule(ids, window_s)]
    for earlier, later in pairwise(moments):
        assert later - earlier == pytest.approx(window_s / len(ids), rel=1e-6, abs=1e-9)


@given(clients, windows)
def test_waits_stay_within_their_bound(ids: list[str], window_s: float) -> None:
    assert all(0 <= d.after_ms < MAX_AFTER_MS for d in schedule(ids, window_s))


def test_any_twenty_neighbours_wait_differently() -> None:
    waits = [d.after_ms for d in schedule([f"c{i}" for i in range(1000)], 15.0)]
    for first in range(980):
        tenths = [wait * 10 // MAX_AFTER_MS for wait in waits[first : first + 20]]
        assert set(tenths) == set(range(10))
        assert max(tenths.count(tenth) for tenth in range(10)) <= 4
