"""A predictive HPA on its own replicas: never below the HPA, the line and the season exactly where they are exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.hpa_spec import DEFAULT_SCALE_DOWN, Behavior
from controller.simulation.phpa import HoltWinters, LinearRegression, PredictiveHpa, ReplicaModel
from controller.simulation.replay import HpaAlone, Run, hpa_for, play
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from tests.helpers.builders import a_policy, at
from tests.helpers.worlds import a_load, connections, wave

SPEC = hpa_for(a_policy(max_replicas=60))
WORLD = WorldSettings(pod_start=timedelta(minutes=3))
LOAD = a_load(connections(wave(600, high=800, period=60)))


def played(model: ReplicaModel) -> Run:
    return play(LOAD, {"connections": 20.0}, WORLD, PredictiveHpa(SPEC, model))


@given(st.lists(st.integers(1, 50), min_size=4, max_size=4), st.integers(0, 20))
def test_the_line_is_that_of_least_squares(replicas: list[int], ahead: int) -> None:
    model = LinearRegression(4, ahead)
    made = [model.next(one) for one in replicas]
    assert made[:3] == [None] * 3
    assert made[3] == pytest.approx(np.polyval(np.polyfit(range(4), replicas, 1), 3 + ahead), abs=1e-9)
    model.forget()
    assert model.next(1) is None


def test_a_season_that_repeats_is_foreseen_exactly() -> None:
    season = [3, 5, 9, 4]
    model = HoltWinters(4, ahead=2, alpha=0.3, beta=0.2, gamma=0.5)
    assert [model.next(one) for one in season] == [None] * 4
    assert [model.next(one) for one in season * 2] == pytest.approx([9, 4, 3, 5] * 2)
    model.forget()
    assert model.next(3) is None


@pytest.mark.parametrize("model", [LinearRegression(40, 16), HoltWinters(240, 16, 0.5, 0.01, 0.5)])
def test_it_never_has_fewer_pods_than_the_hpa_and_less_overload(model: ReplicaModel) -> None:
    alone, run = play(LOAD, {"connections": 20.0}, WORLD, HpaAlone(SPEC)), played(model)
    assert (run.columns["desired"] >= run.columns["hpa_alone"]).all()
    assert run.columns["desired"].max() <= 60
    assert score(run).overload_minutes < score(alone).overload_minutes
    again = played(model)
    assert again.records == run.records


def test_what_it_expects_counts_however_short_the_window() -> None:
    """A window of zero remembers nothing; this tick's own expectation is not remembered but new."""
    behavior = Behavior(scale_down=replace(DEFAULT_SCALE_DOWN, stabilization=timedelta(0)))
    scaler = PredictiveHpa(replace(SPEC, behavior=behavior), LinearRegression(2, 4))
    scaler.begin({"connections": 100.0}, at())
    asked = [scaler.tick(at(seconds=15 * k), {"connections": 100.0 * (k + 1)}, 0, 0) for k in range(4)]
    assert all(one.desired > one.hpa_alone for one in asked[1:])
