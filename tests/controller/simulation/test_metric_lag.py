"""How old the metrics are: the lag, the scrape interval and the rate window, each alone and together.

* what is seen was measured, no later than the lag and no earlier than lag and scrape interval together;
* a stock is its level at the scrape, a flow its mean over the window before it: no later load changes what is seen;
* before the first scrape, and after a gap, the world is at rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.load import Load
from controller.simulation.metric_lag import MetricLag
from controller.simulation.world import WorldSettings
from tests.helpers.worlds import a_load, connections, messages


def settings(lag: int = 30, scrape: int = 0, window: int = 0) -> WorldSettings:
    return WorldSettings(
        metric_lag=timedelta(seconds=lag),
        scrape_interval=timedelta(seconds=scrape),
        rate_window=timedelta(seconds=window),
    )


def shown(load: Load, world: WorldSettings) -> list[float]:
    """What is seen of a flow, or of a stock whose every client is connected."""
    name = load.stock or "messages"
    lag = MetricLag(load, world)
    return [lag.seen(tick, int(load.signals[name][tick]))[name] for tick in range(len(load))]


RISING = a_load(messages([0, 4, 8, 12]))
LEVEL = a_load(connections([0, 4, 8, 12]))


@pytest.mark.parametrize(("load", "since"), [(RISING, 1), (LEVEL, 0)])
def test_a_value_is_seen_when_the_lag_is_over_and_a_rate_when_its_tick_was_over_before(load: Load, since: int) -> None:
    values = np.repeat([0.0, 4, 8, 12], 4).tolist()
    assert shown(load, settings(lag=0)) == [0.0] * since + values[: 16 - since]
    assert shown(load, settings(lag=20)) == [0.0] * (2 + since) + values[: 14 - since]


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (RISING, [0.0] * 6 + [4.0] * 3 + [8.0] * 6 + [12.0]),
        (LEVEL, [0.0] * 6 + [4.0] * 3 + [8.0] * 3 + [12.0] * 4),
    ],
)
def test_between_scrapes_the_last_one_is_seen(load: Load, expected: list[float]) -> None:
    assert shown(load, settings(lag=0, scrape=45)) == expected


def test_a_rate_is_the_mean_over_its_window_and_a_level_is_not() -> None:
    window = settings(lag=0, window=60)
    assert shown(RISING, window) == [0.0] * 5 + [float(n) for n in range(1, 12)]
    assert shown(LEVEL, window) == shown(LEVEL, settings(lag=0))


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20), st.integers(0, 90), st.integers(0, 90))
def test_what_is_seen_is_as_old_as_the_settings_say(values: list[float], lag: int, scrape: int) -> None:
    load = a_load(messages(values))
    row = load.signals["messages"].tolist()
    ticks_lag, ticks_scrape = -(-lag // 15), max(1, -(-scrape // 15))
    for tick, value in enumerate(shown(load, settings(lag, scrape))):
        newest = max(0, tick - ticks_lag - 1)
        assert value in row[max(0, newest - ticks_scrape + 1) : newest + 1]


AGES = st.integers(0, 90)


@given(st.lists(st.integers(0, 500), min_size=2, max_size=20), AGES, AGES, AGES, st.data())
def test_no_flow_is_seen_of_the_scrapes_own_tick_or_a_later_one(
    values: list[int], lag: int, scrape: int, window: int, data: st.DataObject
) -> None:
    world, load = settings(lag, scrape, window), a_load(messages(values))
    changed_at = data.draw(st.integers(1, len(load) - 1), label="the first tick that is another")
    row = load.signals["messages"].copy()
    row[changed_at:] += 1000.0
    other = replace(load, signals={"messages": row})
    apart = max(1, -(-scrape // 15))
    scraped = np.array([(tick - -(-lag // 15)) // apart * apart for tick in range(len(load))])
    same = np.equal(shown(load, world), shown(other, world))
    assert same.tolist() == (scraped <= changed_at).tolist()


@given(st.floats(0, 500), AGES, AGES, AGES)
def test_at_rest_a_flow_is_seen_as_it_is(value: float, lag: int, scrape: int, window: int) -> None:
    assert shown(a_load(messages([value] * 5)), settings(lag, scrape, window)) == pytest.approx([value] * 20)


@pytest.mark.parametrize("make", [messages, connections])
def test_after_a_gap_nothing_from_before_it_is_seen(make: type) -> None:
    load = a_load(make([10.0] * 5 + [float("nan")] * 16 + [90.0] * 5))
    assert shown(load, settings(lag=30, scrape=60, window=120))[4 * 21 :] == [90.0] * 20
