"""The offered load: how series become ticks, opens and closes, and what cannot become a load.

* the level follows from opens and closes, and no more close than are open;
* what is missing is held and marked; what is missing for longer than a forecast reaches is a gap;
* a seed gives the same load, signals share the time that all cover;
* the churn is tick / session of the level on average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.load import MOST_CONNECTIONS, TICK, Gap, Load, load_from_series
from controller.simulation.world import World, WorldSettings
from forecaster.errors import BadHistory
from tests.helpers.worlds import MINUTE, SESSION, START, a_load, connections, messages

levels = st.lists(st.one_of(st.integers(0, 500), st.floats(0, 500)), min_size=1, max_size=20)


@given(levels, st.integers(0, 2**32), st.integers(15, 3600))
def test_the_level_follows_from_opens_and_closes(values: list[float], seed: int, session_s: int) -> None:
    load = load_from_series([connections(values)], TICK, timedelta(seconds=session_s), seed)
    level = load.initial
    for opens, closes, offered in zip(load.opens, load.closes, load.signals["connections"], strict=True):
        assert 0 <= closes <= level
        assert opens >= 0
        level += opens - closes
        assert level == offered
    assert load.signals["connections"].tolist() == np.repeat(np.rint(values), 4).tolist()


def test_churn_is_the_tick_over_the_session() -> None:
    load = a_load(connections([100.0] * 1000))
    assert load.closes.sum() == load.opens.sum()
    assert load.closes[1:].mean() == pytest.approx(100 * (TICK / SESSION), rel=0.02)
    assert set(load.closes[1:].tolist()) == {1, 2}


def test_a_seed_gives_the_same_load_and_another_seed_another() -> None:
    series = connections([100.0] * 50)
    assert a_load(series, seed=1).closes.tolist() == a_load(series, seed=1).closes.tolist()
    assert a_load(series, seed=1).closes.tolist() != a_load(series, seed=2).closes.tolist()


def test_a_missing_bin_holds_the_value_before_it_and_is_marked() -> None:
    load = a_load(messages([float("nan"), 5.0, float("nan"), 7.0]))
    assert load.signals["messages"].tolist() == np.repeat([5.0, 5.0, 5.0, 7.0], 4).tolist()
    assert load.known.tolist() == np.repeat([False, True, False, True], 4).tolist()
    assert load.stock is None
    assert load.initial == 0


def test_what_is_missing_for_longer_than_a_forecast_reaches_is_a_gap() -> None:
    nothing = float("nan")
    load = a_load(connections([5, *[nothing] * 15, 6, *[nothing] * 16, 70, *[nothing] * 20]))
    assert load.gaps == (Gap(4 * 17, 4 * 33), Gap(4 * 34, 4 * 54))
    assert load.beginnings == (0, 4 * 33)
    level = load.signals["connections"]
    assert level[4 * 17 : 4 * 33].tolist() == [6.0] * 63 + [70.0]
    assert (load.open_before(4 * 17), load.open_before(4 * 33)) == (6, 70)
    assert level[-1] == 70


def test_a_gap_of_one_signal_is_a_gap_of_the_load_in_the_coarsest_step() -> None:
    nothing = float("nan")
    rates = messages([1, *[nothing] * 4, 2], step=5 * MINUTE)
    assert a_load(rates, connections([3] * 30)).gaps == ()
    load = a_load(messages([1, *[nothing] * 16, 2], step=5 * MINUTE), connections([*[3] * 70, *[8] * 20]))
    assert load.gaps == (Gap(20, 4 * 85),)
    assert load.signals["connections"].tolist() == [3.0] * 280 + [8.0] * 80
    assert load.signals["messages"].tolist() == [1.0] * 339 + [2.0] * 21


def test_a_load_may_begin_in_a_gap() -> None:
    load = a_load(messages([*[float("nan")] * 16, 4]))
    assert load.beginnings == (0, 64)
    assert set(load.signals["messages"].tolist()) == {4.0}


def test_a_tick_is_known_where_every_signal_is() -> None:
    load = a_load(connections([5, float("nan"), 5]), messages([1, 1, float("nan")]))
    assert load.known.tolist() == np.repeat([True, False, False], 4).tolist()


def test_signals_of_different_extent_and_step_share_the_time_that_both_cover() -> None:
    level = connections([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], start=START + 3 * MINUTE)
    rate = messages([10, 20], step=5 * MINUTE)
    load = a_load(level, rate)
    assert load.start == START + 3 * MINUTE
    assert load.time(len(load)) == START + 10 * MINUTE
    assert load.signals["connections"].tolist() == np.repeat(np.arange(1.0, 8.0), 4).tolist()
    assert load.signals["messages"].tolist() == np.repeat([10.0, 10, 20, 20, 20, 20, 20], 4).tolist()


def test_a_load_may_begin_with_opens_and_closes() -> None:
    quiet = load_from_series([connections([30])], TICK, timedelta(days=999), 0)
    load = replace(quiet, opens=np.array([7, 0, 0, 0]), closes=np.array([3, 0, 0, 0]))
    assert load.initial == 26


def test_the_largest_level_is_what_the_world_can_draw_from() -> None:
    world = World(a_load(connections([MOST_CONNECTIONS])), 1e9, WorldSettings(admission_factor=1.0), 1)
    assert [world.advance(tick).connections for tick in (0, 1)] == [MOST_CONNECTIONS] * 2
    with pytest.raises(BadHistory, match=r"allowed are 0 to 1e\+09"):
        a_load(connections([MOST_CONNECTIONS + 1]))


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: a_load(), "no series: no time is covered"),
        (lambda: a_load(messages([1]), connections([1], start=START + MINUTE)), "no time is covered by all"),
        (lambda: a_load(connections([1]), replace(connections([1]), name="sockets")), "connections, sockets: several"),
        (lambda: a_load(messages([1]), messages([1])), "a name is given twice"),
        (lambda: a_load(messages([1], step=timedelta(seconds=10))), "bins of 0:00:10 are not whole ticks"),
        (lambda: a_load(messages([float("nan")])), "nothing was measured"),
        (lambda: a_load(messages([-1])), "values from -1"),
        (lambda: a_load(connections([1e12])), r"values from 1e\+12"),
    ],
)
def test_series_that_cannot_be_one_load_are_refused(make: Callable[[], Load], found: str) -> None:
    with pytest.raises(BadHistory, match=found):
        make()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"start": START.replace(tzinfo=None)}, "give the start in UTC"),
        ({"tick": timedelta(0)}, "the tick above 0"),
        ({"signals": {}}, "a load of 0 signals"),
        ({"known": np.ones(3, dtype=np.bool_)}, "they must agree"),
        ({"opens": np.full(8, 7)}, "does not follow from the opens and closes"),
        ({"opens": np.array([9, 0, 0, 0, 0, 0, 0, 0])}, "does not follow from the opens and closes"),
    ],
)
def test_a_load_that_contradicts_itself_is_refused(changes: dict[str, object], found: str) -> None:
    quiet = load_from_series([connections([3, 3])], TICK, timedelta(days=999), 0)
    with pytest.raises(ValueError, match=found):
        replace(quiet, **changes)  # type: ignore[arg-type]
