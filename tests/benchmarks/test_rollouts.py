"""The benchmark of rollouts: what happens when, what each arm leaves out, and where each loss counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from benchmarks.rollouts import SCENARIOS, Scenario, begins_of, compare, factors, masks, measure, ratios, written_into
from controller.rollouts import BEFORE, SETTLES
from forecaster.baselines import BASELINES
from forecaster.series import Kind
from forecaster.windows import CONTEXT
from tests.helpers.histories import MINUTE, a_series

DAY, WEEK = 1440, 7 * 1440
STEADY = a_series(np.full(4 * WEEK, 100.0), MINUTE)
NIGHTLY = Scenario("rolling", "nightly")


def test_what_is_nightly_comes_every_day_within_minutes_of_one_minute() -> None:
    begins = begins_of(STEADY, NIGHTLY, np.random.default_rng(2))
    assert len(begins) in (27, 28)
    assert begins.min() > CONTEXT
    assert np.abs(np.diff(begins) - DAY).max() <= 20
    assert len(set(begins % DAY)) > 5


@pytest.mark.parametrize(
    ("shape", "low", "high", "minutes"),
    [("rolling", 5 / 6, 1.03, 60), ("silent", 1, 1, 0), ("storm", 1, 2, 4), ("scale-in", 0.95, 1, 10)],
)
def test_a_load_changes_for_as_long_as_it_takes(shape: str, low: float, high: float, minutes: int) -> None:
    after = written_into(STEADY, np.array([2000]), shape).values
    assert set(np.flatnonzero(after != 100)) <= set(range(2000, 2000 + minutes))
    assert after.min() == pytest.approx(100 * low)
    assert after.max() == pytest.approx(100 * high, rel=0.001)
    assert factors(shape, np.array([-1.0])).tolist() == [1.0]


def test_each_arm_leaves_out_what_it_says() -> None:
    begins = np.array([2000, 2000 + DAY + 5, 9000])
    arms = masks(STEADY, begins, NIGHTLY)
    start = STEADY.time(2000)
    assert arms["untold"] == ()
    assert (arms["all"][0].start, arms["all"][0].end) == (start - BEFORE, start + timedelta(minutes=10) + SETTLES)
    assert arms["first"] == (arms["all"][0], arms["all"][2])
    assert masks(STEADY, begins, Scenario("scale-in", "nightly")).keys() == {"untold", "all"}


def test_who_repeats_yesterday_gains_by_forgetting_once_and_loses_by_forgetting_what_recurs() -> None:
    noise = np.random.default_rng(0).normal(0, 1, size=len(STEADY))
    series, rule = replace(STEADY, values=STEADY.values + noise), BASELINES["same-time-yesterday"]
    once = ratios([compare(rule, series, np.array([3 * WEEK + 2 * DAY + 600]), Scenario("rolling", "random"))])
    assert once["echo: all"] == once["echo: first"] < 0.7
    assert once["at it: all"] == pytest.approx(1, abs=1e-6)
    begins = np.arange(3 * DAY + 600, len(STEADY) - CONTEXT, DAY)
    nightly = ratios([compare(rule, series, begins, NIGHTLY)])
    assert nightly["at it: all"] > 2
    assert nightly["at it: first"] == pytest.approx(1, abs=1e-6)


def test_scenarios_have_names_of_their_own() -> None:
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS)


def test_what_is_asked_for_is_measured_of_signals_of_its_kind() -> None:
    noise = np.random.default_rng(0).normal(0, 1, size=len(STEADY))
    stock = replace(STEADY, values=STEADY.values + noise, name="stock", kind=Kind.STOCK)
    flow = replace(stock, name="flow", kind=Kind.FLOW)
    made = dict(measure(BASELINES["same-time-yesterday"], [stock, flow], 2, [SCENARIOS[0], NIGHTLY]))
    assert {name: one["draws"] for name, one in made.items()} == {"rolling, random": 2, "rolling, nightly": 1}
    for one in made.values():
        assert one.keys() == {"draws", "geometric mean", "stock"}
        assert one["geometric mean"] == pytest.approx(one["stock"])
