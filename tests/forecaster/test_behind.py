"""What lies behind an origin: the same along one series as across many, and the bins that a definition names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.behind import Across, Along, Block
from forecaster.past import Past
from forecaster.series import EPOCH, Series
from tests.helpers.histories import MINUTE, a_load, a_series

NAN = float("nan")
MEANS = (3, 5, 30, 120)


def some_loads(seeds: list[int], days: int) -> list[Series]:
    """Loads that start later and later, as rows of one clock: NaN before they do."""
    made = [a_load(seed, days=days) for seed in seeds]
    return [a_series(np.where(np.arange(len(s)) < 97 * k, NAN, s.values), s.step) for k, s in enumerate(made)]


def across(loads: list[Series], origin: int, *blocks: tuple[int, int]) -> Across:
    pasts = [Past(load) for load in loads]
    first = np.array([past.first for past in pasts])
    known = np.stack([load.known for load in loads], axis=1)
    held = np.stack([past.at(np.arange(len(known))) for past in pasts], axis=1)
    earliest = held[first, np.arange(len(loads))]
    held[np.arange(len(known))[:, None] < first] = NAN
    day = loads[0].bins_per_day
    rows = [Block(a, held[origin + a : origin + b], known[origin + a : origin + b]) for a, b in blocks]
    clock = origin + (loads[0].start - EPOCH) // loads[0].step
    long_means = {day: np.array([past.mean(np.array([origin]), day)[0] for past in pasts])}
    return Across(loads[0].step, clock, origin - first, earliest, rows, long_means)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.data())
@settings(max_examples=25, deadline=None)
def test_many_workloads_at_one_origin_read_what_each_of_them_reads_alone(seeds: list[int], data: st.DataObject) -> None:
    loads = some_loads(seeds, days=2)
    origin = data.draw(st.integers(400, 575))
    many = across(loads, origin, (-119, 1), (-380, -250))
    for column, load in enumerate(loads):
        one = Along(Past(load), np.array([origin]))
        for first, stop in ((-119, 1), (-14, 0), (-380, -250), (-300, -299)):
            np.testing.assert_array_equal(many.held(first, stop)[column], one.held(first, stop)[0])
            np.testing.assert_array_equal(many.known(first, stop)[column], one.known(first, stop)[0])
            assert many.share(first, stop)[column] == one.share(first, stop)[0]
        backs = (*MEANS, load.bins_per_day)
        np.testing.assert_allclose(many.means(backs)[column], one.means(backs)[0], rtol=1e-12)
        assert many.age[column] == one.age[0]
        assert many.clock[column] == one.clock[0]


def test_means_are_of_held_values_since_the_first_measured_one() -> None:
    past = Past(a_series([NAN, NAN, 2.0, NAN, 5.0]))
    made = Along(past, np.array([4])).means((1, 2, 3, 60))
    assert made.tolist() == [[5.0, 3.5, 3.0, 3.0]]


def test_a_small_move_of_a_large_counter_is_not_lost_in_a_mean() -> None:
    values = 1e15 + np.arange(3000.0)
    made = Along(Past(a_series(values, MINUTE)), np.array([2999])).means((1440,))
    assert made[0, 0] - 1e15 == pytest.approx(2999 - 719.5)


def test_what_no_block_holds_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError, match=r"offsets -200\.\.-100 are in no block"):
        across(some_loads([1], 2), 500, (-119, 1)).held(-200, -99)
