"""The benchmark of restarts: where they fall, what they do to a load, and that each loss counts where it belongs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.restarts import KINDS, around, compare, ratios, restarts, shape, told, with_restarts
from forecaster.baselines import BASELINES
from forecaster.windows import CONTEXT
from tests.helpers.histories import MINUTE, MONDAY, a_series

DAY, WEEK = 1440, 7 * 1440
STEADY = a_series(np.full(4 * WEEK, 100.0), MINUTE)


@pytest.mark.parametrize("late", [0, 3 * DAY + 500])
def test_there_is_one_a_week_on_a_workday_by_day(late: int) -> None:
    series = replace(STEADY, start=MONDAY + late * MINUTE)
    begins = restarts(series, "other-minute", np.random.default_rng(1))
    times = [series.time(int(k)) for k in begins]
    assert len(times) in (3, 4)
    assert all(time.weekday() < 5 and 6 <= time.hour < 18 for time in times)
    assert len({(time.weekday(), time.hour, time.minute) for time in times}) > 1
    assert begins.min() > CONTEXT


def test_those_of_the_same_minute_are_a_week_apart() -> None:
    begins = restarts(STEADY, "same-minute", np.random.default_rng(3))
    assert len(begins) >= 3
    assert set(np.diff(begins)) == {WEEK}


@pytest.mark.parametrize(("kind", "low", "minutes"), [("rolling", 5 / 6, 10), ("hard", 0.1, 4)])
def test_clients_leave_and_come_back_in_a_wave(kind: str, low: float, minutes: int) -> None:
    after = with_restarts(STEADY, np.array([2000]), kind).values
    assert (after[:2000] == 100).all()
    np.testing.assert_allclose(after[2000 : 2000 + minutes], 100 * low)
    assert after[2000 + minutes] > 102
    assert (np.diff(after[2000 + minutes : 2060]) < 0).all()
    assert (after[2060:] == 100).all()
    assert shape(kind, np.array([-1.0])).tolist() == [1.0]


def test_what_is_told_is_what_is_left_out_of_the_echo() -> None:
    begins = np.array([2000, 3000])
    marked = around(STEADY, begins)
    assert np.flatnonzero(marked[:2500]).tolist() == list(range(1995, 2026))
    assert np.flatnonzero(around(STEADY, begins, timedelta(days=1))).min() == 1995 + DAY
    incidents = told(STEADY, begins)
    assert [(one.start, one.end) for one in incidents] == [
        (STEADY.time(1995), STEADY.time(2025)),
        (STEADY.time(2995), STEADY.time(3025)),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_yesterdays_restart_costs_who_repeats_yesterday_and_nothing_once_it_is_told(kind: str) -> None:
    noise = np.random.default_rng(0).normal(0, 1, size=len(STEADY))
    series = replace(STEADY, values=STEADY.values + noise)
    begins = np.array([3 * WEEK + 2 * DAY + 600])
    found = ratios([compare(BASELINES["same-time-yesterday"], series, begins, kind)])
    assert found["echo_untold_to_clean"] > 2
    assert found["echo_told_to_clean"] < 1.05
    assert found["restart_told_to_untold"] == pytest.approx(1, abs=1e-6)
    assert found["all_told_to_untold"] < 1
