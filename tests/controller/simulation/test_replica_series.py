"""A given replica series: played tick by tick, taken up again after a gap, refused where it is another load's."""

from __future__ import annotations

import numpy as np
import pytest

from controller.simulation.clairvoyant import Plan
from controller.simulation.replay import play
from controller.simulation.replica_series import ReplicaSeries
from controller.simulation.world import WorldSettings
from tests.helpers.worlds import a_load, connections


def test_it_is_played_tick_by_tick_and_taken_up_after_a_gap() -> None:
    load = a_load(connections([*[60.0] * 2, *[float("nan")] * 16, *[80.0] * 2]))
    replicas = 3 + np.arange(len(load)) % 5
    run = play(load, {"connections": 20.0}, WorldSettings(), ReplicaSeries(Plan(4, replicas, 0), load))
    assert run.replicas == 4
    assert [record.desired for record in run.records] == replicas.tolist()
    assert run.records[72].ready == replicas[71]


def test_the_plan_of_another_load_is_refused() -> None:
    with pytest.raises(ValueError, match="a plan of 3 ticks for a load of 4"):
        ReplicaSeries(Plan(1, np.ones(3, dtype=np.int64), 0), a_load(connections([1.0])))
