"""An HPA with triggers: never fewer pods than without, yesterday's load ahead of time, a schedule by the hour."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from controller.simulation.replay import HpaAlone, hpa_for, play
from controller.simulation.triggers import HpaWithTriggers, Trigger, cron, yesterday
from controller.simulation.world import WorldSettings
from forecaster.series import DAY
from tests.helpers.builders import a_policy
from tests.helpers.worlds import MINUTE, START, a_load, connections, wave

SPEC = hpa_for(a_policy(max_replicas=60))
LOAD = a_load(connections(wave(180), start=START + DAY))
CAPACITIES = {"connections": 20.0}


def desired(*triggers: Trigger) -> list[int]:
    run = play(LOAD, CAPACITIES, WorldSettings(), HpaWithTriggers(SPEC, triggers))
    return [record.desired for record in run.records]


def test_without_triggers_it_is_the_hpa() -> None:
    alone = play(LOAD, CAPACITIES, WorldSettings(), HpaAlone(SPEC))
    assert desired() == [record.desired for record in alone.records]


def test_yesterdays_load_is_answered_ahead_of_its_time() -> None:
    history = connections([float(k) for k in range(2 * 1440)])
    query = yesterday(history, 14_000, 3 * MINUTE).query
    assert query(START + DAY + 10 * MINUTE) == 13
    assert query(START + 10 * MINUTE) == 0
    assert yesterday(connections([float("nan")] * 9), 14_000, timedelta(0)).query(START + DAY) == 0


def test_the_future_is_no_yesterday() -> None:
    with pytest.raises(ValueError, match="yesterday's load 1 day"):
        yesterday(connections([1.0]), 14_000, DAY)


def test_the_same_load_as_yesterday_is_met_earlier() -> None:
    history = connections([*wave(180), *[0.0] * (1440 - 180), *wave(180)])
    with_it = np.array(desired(yesterday(history, SPEC.metrics[0].target, 5 * MINUTE)))
    alone = np.array(desired())
    # From another count the tolerance of a tenth holds elsewhere.
    assert (with_it >= 0.9 * alone).all()
    assert np.argmax(with_it >= 15) + 12 <= np.argmax(alone >= 15)


def test_a_schedule_has_the_usual_peak_of_each_hour() -> None:
    days = np.repeat([[1.0] * 12 + [9.0] * 12, [1.0] * 12 + [5.0] * 12, [1.0] * 12 + [100.0] * 12], 60, axis=1)
    trigger = cron(connections(days.ravel().tolist()), 2.0, 10 * MINUTE)
    assert trigger.query(START) == 1
    assert trigger.query(START + timedelta(hours=11, minutes=49)) == 1
    assert trigger.query(START + timedelta(hours=11, minutes=50)) == 5
    assert max(desired(cron(connections([1.0] * 60 * 12), 0.05, timedelta(0)))) == 20


def test_an_hour_that_was_never_seen_asks_for_nothing() -> None:
    assert cron(connections([4.0] * 60), 2.0, timedelta(0)).query(START + timedelta(hours=5)) == 0
