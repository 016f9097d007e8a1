"""What the planner knows, and when: never a bin before it is over and the lag has passed, never a changed future.

* a forecast and a reading come out when their bin is known, and stay until the next;
* a gap leaves the reading old; before the first measured bin there is none;
* the window asked for is the planner's, the origins are those that the replay can meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.decision.capacity import planning_window
from controller.simulation.feed import Knowledge, PrecomputedFeed, feed_from
from forecaster.errors import NoForecast
from forecaster.forecast import Ask, Forecasts
from forecaster.series import Series
from tests.helpers.builders import a_policy
from tests.helpers.worlds import MINUTE, START, LastSlope, connections, messages

LAG = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
NAN = float("nan")


def feed(*series: Series, since: int = 0) -> PrecomputedFeed:
    return feed_from(LastSlope(), series, a_policy(), LAG, START + since * MINUTE)


def test_a_bin_is_known_a_lag_after_its_end() -> None:
    told = feed(connections([10, 20, 30]))
    assert told.at(START + MINUTE + LAG - SECOND) == Knowledge()
    readings, forecasts = told.at(START + MINUTE + LAG)
    assert [(r.signal, r.value, r.at) for r in readings] == [("connections", 10.0, START + MINUTE)]
    assert [(f.signal, f.model, f.origin) for f in forecasts] == [("connections", "last-slope", START)]


def test_what_is_known_stays_the_same_value_until_the_next_bin() -> None:
    told = feed(connections([10, 20, 30]))
    first = told.at(START + MINUTE + LAG)
    assert told.at(START + 2 * MINUTE + LAG - SECOND) is first
    assert told.at(START + 2 * MINUTE + LAG).readings[0].value == 20.0


def test_after_the_end_the_last_bin_stays_and_grows_old() -> None:
    told = feed(connections([10, 20, 30]))
    readings, forecasts = told.at(START + 60 * MINUTE)
    assert readings[0].at == START + 3 * MINUTE
    assert forecasts[0].origin == START + 2 * MINUTE


def test_a_gap_leaves_the_reading_old() -> None:
    told = feed(connections([NAN, 20, NAN, NAN]))
    assert told.at(START + MINUTE + LAG) == Knowledge()
    readings, forecasts = told.at(START + 4 * MINUTE + LAG)
    assert (readings[0].value, readings[0].at) == (20.0, START + 2 * MINUTE)
    assert forecasts[0].origin == START + 3 * MINUTE


def test_each_signal_has_its_own_grid() -> None:
    told = feed(connections([10] * 10), messages([5, 6], step=5 * MINUTE))
    readings, forecasts = told.at(START + 7 * MINUTE + LAG)
    assert [r.at for r in readings] == [START + 7 * MINUTE, START + 5 * MINUTE]
    assert [f.step for f in forecasts] == [MINUTE, 5 * MINUTE]


def test_a_feed_without_channels_knows_nothing() -> None:
    assert PrecomputedFeed((), LAG).at(START) == Knowledge()


def test_forecasts_are_asked_for_from_the_first_bin_that_the_replay_can_use() -> None:
    asked: list[Ask] = []

    class Listening(LastSlope):
        def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
            asked.extend(asks)
            return super().forecast(asks)

    told = feed_from(Listening(), [connections([NAN, *range(19)])], a_policy(), LAG, START + 10 * MINUTE)
    assert asked[0].origins.tolist() == list(range(8, 20))
    assert asked[0].window == planning_window(a_policy(), MINUTE, LAG)
    assert told.at(START + 10 * MINUTE).forecasts[0].origin == START + 8 * MINUTE
    assert told.at(START + 9 * MINUTE).forecasts == ()


@pytest.mark.parametrize("since", [-10, 0, 100])
def test_a_replay_before_or_after_the_history_still_has_an_origin(since: int) -> None:
    told = feed(connections([NAN, 1, 2, 3]), since=since)
    assert told.at(START + 100 * MINUTE).forecasts[0].origin == START + 3 * MINUTE


def test_a_series_without_a_measured_bin_is_refused() -> None:
    with pytest.raises(NoForecast, match="connections: no bin was measured"):
        feed(connections([NAN, NAN]))


@given(
    st.lists(st.one_of(st.just(NAN), st.floats(0, 1e6)), min_size=1, max_size=30),
    st.lists(st.one_of(st.just(NAN), st.floats(0, 1e6)), min_size=1, max_size=10),
    st.floats(0, 60),
)
def test_another_future_changes_nothing_that_is_known_now(
    past: list[float], future: list[float], seconds: float
) -> None:
    past[0] = 1.0
    now = START + len(past) * MINUTE + timedelta(seconds=min(seconds, 59))
    other = np.array([*past, *(x * 2 + 1 for x in future)])
    assert feed(connections([*past, *future])).at(now) == feed(connections(list(other))).at(now)
