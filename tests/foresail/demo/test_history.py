"""The demo's memory: a bin is the mean of its ticks, is over when the last of them is, and known a lag later."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.load import TICK
from forecaster.series import Kind, Series
from foresail.demo.history import Recorder
from tests.helpers.builders import MINUTE, at

LAG = timedelta(seconds=30)


def a_history(values: list[float], step: timedelta = MINUTE, name: str = "connections") -> Series:
    """Ends at 20:00."""
    return Series(at() - len(values) * step, step, np.array(values, dtype=np.float64), Kind.STOCK, name)


@given(st.lists(st.floats(0, 1e6), max_size=40))
def test_a_bin_is_the_mean_of_its_ticks(ticks: list[float]) -> None:
    recorder = Recorder([a_history([1.0, 2.0])], TICK)
    for k, value in enumerate(ticks):
        assert recorder.record({"connections": value}) == (k % 4 == 3)
    (series,) = recorder.series
    assert len(series) == 2 + len(ticks) // 4
    for k in range(len(ticks) // 4):
        assert series.values[2 + k] == np.mean(ticks[4 * k : 4 * k + 4])
    assert series.start == at() - 2 * MINUTE


def test_signals_of_different_steps_close_their_own_bins() -> None:
    recorder = Recorder([a_history([1.0]), a_history([1.0], 2 * MINUTE, "messages")], TICK)
    closed = [recorder.record({"connections": 4.0, "messages": 6.0}) for _ in range(8)]
    assert closed == [False, False, False, True] * 2
    connections, messages = recorder.series
    assert connections.values.tolist() == [1.0, 4.0, 4.0]
    assert messages.values.tolist() == [1.0, 6.0]


def test_a_bin_is_known_a_lag_after_its_end() -> None:
    recorder = Recorder([a_history([1.0])], TICK)
    for _ in range(8):
        recorder.record({"connections": 5.0})
    (before,) = recorder.readings(at(seconds=89), LAG)
    (after,) = recorder.readings(at(seconds=90), LAG)
    assert (before.value, before.at) == (1.0, at())
    assert (after.value, after.at) == (5.0, at(minutes=1))


def test_a_reading_is_the_newest_bin_that_was_measured() -> None:
    (reading,) = Recorder([a_history([3.0, np.nan])], TICK).readings(at(minutes=1), LAG)
    assert (reading.value, reading.at) == (3.0, at(minutes=-1))


def test_where_nothing_was_measured_there_is_no_reading() -> None:
    assert Recorder([a_history([np.nan, np.nan])], TICK).readings(at(minutes=1), LAG) == ()
    assert Recorder([a_history([3.0])], TICK).readings(at(minutes=-1), LAG) == ()
