"""A controller that begins anew, with its HPA, its policy and Prometheus only, comes to what one that ran on says.

A real Prometheus with 28 days of history, the shipped model with its calibration and its gate, and the whole tick; the
cluster is one in memory, of which the successor gets a copy, and time is an argument.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from controller.adapters.prometheus_feed import Feed
from controller.live_forecasts import LiveForecasts
from controller.onlooker import Decided, Onlooker
from controller.reconcile import Reconciler
from forecaster.predict import load_forecaster
from forecaster.prometheus import PrometheusSource
from forecaster.series import FloatArray
from forecaster.verdict import Ruling
from foresail.models import find_model
from tests.controller.test_hpa_wish import average
from tests.controller.test_reconcile import KEY, Memory
from tests.controller.test_subjects import a_policy
from tests.helpers.histories import MINUTE
from tests.prometheus import END, RunningPrometheus

Json = dict[str, Any]
TICK = timedelta(minutes=1)
BEGIN = END - timedelta(minutes=28)
RESTART = END - timedelta(minutes=20)
TARGET = 70
CLOSE = 1e-6
"""Of what a forecast says: how the runtime adds up depends on how many are made together."""
WARM = timedelta(minutes=7)
"""After which nothing is left of what a successor could not know: the floor's hold of two minutes, and what the HPA by
itself would have held for the five minutes of its stabilization."""


class Told(Onlooker):
    """What a controller decided, by when."""

    def __init__(self) -> None:
        self.by_time: dict[datetime, Decided] = {}

    def decided(self, one: Decided) -> None:
        self.by_time[one.outcome.decision.at] = one


@dataclass
class Runs:
    """One controller over its own copy of the cluster, and what it decided."""

    cluster: Memory
    reconciler: Reconciler
    forecasts: LiveForecasts
    told: dict[datetime, Decided]
    load: FloatArray

    async def tick(self, now: datetime, *, settle: bool = True) -> None:
        follow(self.cluster.hpas[KEY], now, self.load)
        await self.reconciler.tick(now)
        if settle:
            await self.forecasts.settled()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def follow(hpa: Json, now: datetime, load: FloatArray) -> None:
    """As the HPA controller would write it: the load of that minute over its pods, and the pods that are wanted."""
    total = float(load[int((now - END) / MINUTE) - 1])
    wish = math.ceil(total / TARGET)
    pods = max(wish, hpa["spec"]["minReplicas"])
    _, shown = average(total, pods, str(TARGET))
    hpa["status"] |= {"currentReplicas": pods, "desiredReplicas": pods, "currentMetrics": [shown]}


def begun(cluster: Memory, prometheus: RunningPrometheus, stack: ExitStack) -> Runs:
    """A controller that has just begun."""
    feed = stack.enter_context(closing(Feed(lambda url: PrometheusSource(url))))
    forecasts = LiveForecasts(load_forecaster(find_model("base")))
    told, load = Told(), 2 * prometheus.connections
    return Runs(cluster, Reconciler(cluster, feed, forecasts, prometheus.url, told), forecasts, told.by_time, load)


@pytest.mark.timeout(300)
async def test_a_successor_says_what_one_that_ran_on_says(prometheus: RunningPrometheus, stack: ExitStack) -> None:
    signal = {"name": "connections", "kind": "Stock", "query": "sum(connections)", "capacityPerPod": "60"}
    bounds, budget = {"minReplicas": 2, "maxReplicas": 39}, {"extraPodHoursPercent": 100}
    first = begun(Memory(a_policy(mode="Active", bounds=bounds, budget=budget, signals=[signal])), prometheus, stack)
    first.cluster.hpas[KEY]["spec"]["metrics"] = [average(0, 1, str(TARGET))[0]]
    now = BEGIN
    while now < RESTART:
        await first.tick(now)
        now += TICK
    copied = Memory()
    copied.policies, copied.hpas = deepcopy(first.cluster.policies), deepcopy(first.cluster.hpas)
    second = begun(copied, prometheus, stack)
    await second.tick(now, settle=False)
    early = second.told[now].outcome
    assert early.held == "the first forecasts are being made"
    assert early.decision.floor == first.cluster.hpas[KEY]["spec"]["minReplicas"] > 2
    while now < END:
        await asyncio.gather(first.tick(now), second.tick(now))
        now += TICK
    compared = [at for at in first.told if at >= RESTART + TICK]
    for at in compared:
        ran, began = first.told[at].outcome, second.told[at].outcome
        for one, other in zip(ran.forecasts, began.forecasts, strict=True):
            assert (one.origin, one.window, one.verdict, one.model) == (
                other.origin, other.window, other.verdict, other.model
            ), at  # fmt: skip
            np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=CLOSE)
            np.testing.assert_allclose(one.peak, other.peak, rtol=CLOSE)
        assert ran.decision.wanted == began.decision.wanted, at
        if at >= RESTART + WARM:
            assert (ran.decision.floor, ran.change) == (began.decision.floor, began.change), at
    rulings = {one.verdict.ruling for at in compared for one in first.told[at].outcome.forecasts if one.verdict}
    assert rulings & {Ruling.ACCEPT, Ruling.BASELINE}
    floors = {first.told[at].outcome.decision.floor for at in compared}
    assert len(floors) > 1, "nothing moved, so that nothing was compared"
