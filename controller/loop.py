"""The controller in a cluster: an election, and a tick every fifteen seconds.

A change of a policy or of an HPA that one names brings the next tick forward; a reset of a floor is put right as soon
as it is seen. Only the leader ticks. Whoever is ended gives the lease back and leaves every floor as it is, for the
successor.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from controller.adapters.kube.api import Api
from controller.adapters.kube.lease import Elector, Timing
from controller.cluster_metrics import ClusterMetrics
from controller.errors import ClusterError, ControllerError
from controller.kube_cluster import KubeCluster
from controller.onlooker import Onlooker
from controller.reconcile import Reconciler

Json = dict[str, Any]
MOST_EARLY = 20
"""Ticks in a row that changes bring forward; each that comes by itself makes good for one. Two who fight over an HPA,
or over a policy, would else have us tick, write and tell as often as they do."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoopSettings:
    """How the loop runs.

    namespace  the only one that is looked at; empty: all
    lease_in   the namespace of the lease, and its name
    tick_s     between two ticks
    """

    identity: str
    namespace: str = ""
    lease_in: str = "default"
    lease_name: str = "foresail-controller"
    tick_s: float = 15.0
    timing: Timing = Timing()  # noqa: RUF009  frozen


class Loop:
    """Runs until it is cancelled."""

    def __init__(
        self,
        api: Api,
        cluster: KubeCluster,
        reconciler: Reconciler,
        metrics: ClusterMetrics,
        settings: LoopSettings,
        onlooker: Onlooker | None = None,
    ) -> None:
        """`onlooker` is told when a tick is over; it is the metrics' own where none is given."""
        self._cluster = cluster
        self._reconciler = reconciler
        self._metrics = metrics
        self._onlooker = onlooker or metrics
        self._settings = settings
        self._elector = Elector(api, settings.lease_in, settings.lease_name, settings.identity, settings.timing)
        self._soon = asyncio.Event()
        self._early = MOST_EARLY
        self._busy: set[asyncio.Task[None]] = set()
        metrics.follow(lambda: self.leading, cluster.silences)
        cluster.may_write = lambda: self.leading
        cluster.on_change = self._soon.set
        cluster.on_hpa = self._look_at

    @property
    def leading(self) -> bool:
        return self._elector.leading

    def missing(self) -> str:
        """What is not there yet; empty where all is."""
        return ", ".join(f"{one.path} is not listed yet" for one in self._cluster.reflectors if not one.synced)

    async def run(self) -> None:
        """Everything at once; the end of any part ends the others."""
        async with asyncio.TaskGroup() as group:
            for one in (*self._cluster.reflectors, self._cluster.pods):
                group.create_task(one.run())
            group.create_task(self._elector.run())
            group.create_task(self._ticks())

    async def _ticks(self) -> None:
        for one in self._cluster.reflectors:
            await one.until_synced()
        while True:
            began = time.monotonic()
            self._soon.clear()
            if self.leading:
                await self._tick()
            else:
                self._reconciler.resign()
                self._onlooker.ticked({})
            await self._pause(began)

    async def _pause(self, began: float) -> None:
        """Until the next tick is due, or something has changed; while another leads, until that may have ended."""
        rest = self._settings.tick_s - (time.monotonic() - began) if self.leading else self._settings.timing.retry / 2
        leading = self.leading
        change = self._soon if self._early or not leading else asyncio.Event()
        try:
            async with asyncio.timeout(max(0.0, rest)):
                await change.wait()
            self._early -= leading
            await asyncio.sleep(0.2)  # several changes together are one tick
        except TimeoutError:
            self._early = min(MOST_EARLY, self._early + 1)

    async def _tick(self) -> None:
        began = time.monotonic()
        try:
            found = await self._reconciler.tick(datetime.now(UTC))  # noqa: TID251  where time enters
            self._onlooker.ticked(found)
        except Exception:  # noqa: BLE001  the next tick may succeed
            self._metrics.failed_ticks.inc()
            _LOG.exception("the tick failed")
        self._metrics.tick_seconds.observe(time.monotonic() - began)

    def _look_at(self, hpa: Json, changed: bool) -> None:
        """A reset is put right at once, as often as may be, and by no earlier tick: that would outpace the limit."""
        if self.leading and self._reconciler.was_reset(hpa):
            task = asyncio.get_running_loop().create_task(self._reassert(hpa))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        elif changed:
            self._soon.set()

    async def _reassert(self, hpa: Json) -> None:
        try:
            await self._reconciler.reassert(hpa, datetime.now(UTC))  # noqa: TID251
        except (ClusterError, ControllerError) as error:
            _LOG.warning("a reset was not put right: %s", error)
            self._soon.set()
