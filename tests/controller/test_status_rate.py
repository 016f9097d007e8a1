"""Where nothing turns, a status is written at most every five minutes, however often the tick comes and the load moves.

The reconciler as it runs, over a cluster in memory that counts what is written and when; the clock is the ticks' own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from controller.adapters.prometheus_feed import Fed, SignalKey
from controller.live_forecasts import LiveForecasts
from controller.reconcile import Reconciler
from controller.status import AT_MOST_EVERY
from forecaster.baselines import BASELINES
from tests.controller.test_reconcile import Memory
from tests.controller.test_subjects import a_policy
from tests.helpers.builders import at
from tests.helpers.worlds import connections, wave

Json = dict[str, Any]
TICK = timedelta(seconds=15)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Moving:
    """A load that is another in every minute, by a little."""

    def __init__(self, now: datetime) -> None:
        self._began = now - 3000 * MINUTE
        self._levels = wave(3000 + 90, low=8490, high=8510, period=7)

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]:
        known = (now - self._began) // MINUTE
        return {key: Fed(connections(self._levels[:known], start=self._began)) for key in keys}


class Dated(Memory):
    """Knows when each status was written."""

    def __init__(self, *policies: Json) -> None:
        super().__init__(*policies)
        self.now, self.written_at = at(), list[datetime]()

    async def write_status(self, policy: Json, status: Json) -> None:
        self.written_at.append(self.now)
        await super().write_status(policy, status)


def said(status: Json) -> object:
    """What a person acts upon: the floor, and the conditions but for their wording."""
    conditions = [(one["type"], one["status"], one["reason"]) for one in status["conditions"]]
    return status.get("floor"), status.get("wanted"), conditions


async def followed(cluster: Dated, length: timedelta, midway: Callable[[], None] = lambda: None) -> None:
    """Ticks for so long; `midway` is called before the tick in the middle."""
    forecasts = LiveForecasts(BASELINES["last-value"])
    reconciler = Reconciler(cluster, Moving(at()), forecasts, "http://prometheus")
    for k in range(length // TICK):
        cluster.now = at(seconds=1) + k * TICK
        if k == length // TICK // 2:
            midway()
        await reconciler.tick(cluster.now)
        await forecasts.settled()


async def test_what_only_counts_on_is_written_every_five_minutes_and_not_more_often() -> None:
    """The floor goes down a few times in the hour, by its budget, and each time that is written at once."""
    cluster = Dated(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    await followed(cluster, HOUR)
    writes = list(pairwise(zip(cluster.written_at, cluster.statuses, strict=True)))
    waited = [later - earlier for (earlier, was), (later, now) in writes if said(was) == said(now)]
    assert min(waited) >= AT_MOST_EVERY
    assert len(waited) >= 5  # it does count on: else nothing would have to wait
    transitions = [now for (_, was), (_, now) in writes if said(was) != said(now)]
    assert 1 < len(cluster.events) <= len(transitions)  # nothing is told that is not written too


async def test_a_transition_is_written_at_once_whenever_the_last_one_was() -> None:
    policy = a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30})
    cluster, turned = Dated(policy), list[datetime]()

    def observe() -> None:
        policy["spec"]["mode"] = "Observe"
        turned.append(cluster.now)

    await followed(cluster, 8 * MINUTE, observe)
    assert turned[0] in cluster.written_at
    assert turned[0] - max(one for one in cluster.written_at if one < turned[0]) < AT_MOST_EVERY
