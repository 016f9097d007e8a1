"""The controller in a cluster: copies of policies and HPAs, an election, a tick every fifteen seconds.

A change of a policy brings the next tick forward; a reset of a floor is put right as soon as it is seen. Only the
leader ticks. Whoever is ended gives the lease back and leaves every floor as it is, for the successor.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.adapters.kube.api import MERGE_PATCH, Api
from controller.adapters.kube.events import Events
from controller.adapters.kube.hpa_writer import HpaWriter
from controller.adapters.kube.lease import Elector, Timing
from controller.adapters.kube.reflector import Reflector, key_of, version_of
from controller.cluster_metrics import ClusterMetrics
from controller.domain import Ownership
from controller.errors import ClusterError, ControllerError
from controller.hpa_patch import Change
from controller.lead_time import LeadTimes, scaled_by
from controller.onlooker import Onlooker
from controller.originals import gives_back
from controller.ready_pods import ReadyPods
from controller.reconcile import Reconciler
from controller.scaled_objects import VERSION, WithViews, is_view, view, written
from controller.subjects import Key
from controller.telling import Told

Json = dict[str, Any]
GROUP = "/apis/foresail.dev/v1alpha1"
_PLURAL = "predictiveautoscalers"
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


def policies_path(namespace: str = "") -> str:
    """Where the policies are: of one namespace, or of all."""
    return f"{GROUP}/namespaces/{namespace}/{_PLURAL}" if namespace else f"{GROUP}/{_PLURAL}"


def hpas_path(namespace: str = "") -> str:
    """Where the HPAs are: of one namespace, or of all."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/autoscaling/v2{where}/horizontalpodautoscalers"


def scaled_objects_path(namespace: str = "") -> str:
    """Where KEDA's ScaledObjects are, in clusters that have KEDA: of one namespace, or of all."""
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{VERSION}{where}/scaledobjects"


def pods_path(namespace: str = "") -> str:
    """Where the pods are: of one namespace, or of all."""
    return f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"


class KubeCluster:
    """The cluster as `reconcile` sees it, over the API and two reflectors."""

    def __init__(self, api: Api, namespace: str, identity: str) -> None:
        self._api = api
        self._writer = HpaWriter(api)
        self._events = Events(api, "foresail.dev/controller", identity)
        self.on_policy: Callable[[], None] = lambda: None
        self.on_hpa: Callable[[Json], None] = lambda _: None
        self.may_write: Callable[[], bool] = lambda: True
        self._seen: dict[Key, tuple[object, object]] = {}
        self._policies = Reflector(api, policies_path(namespace), self._policy_changed)
        self._hpas = Reflector(api, hpas_path(namespace), self._hpa_changed)
        self._scaled = Reflector(api, scaled_objects_path(namespace), self._scaled_changed, optional=True)
        self._leads = LeadTimes()
        self._ready = ReadyPods()
        self._pods = Reflector(api, pods_path(namespace), self._pod_changed, keep=False)

    def _policy_changed(self, kind: str, one: Json) -> None:
        """What a user changed counts, and not what we wrote into the status."""
        metadata = one["metadata"]
        mark = metadata.get("generation"), metadata.get("deletionTimestamp")
        if kind == "DELETED" or self._seen.get(key_of(one)) != mark:
            self._seen[key_of(one)] = mark
            self.on_policy()

    def _hpa_changed(self, kind: str, one: Json) -> None:
        if kind == "MODIFIED":
            self.on_hpa(one)

    def _scaled_changed(self, kind: str, one: Json) -> None:
        held = view(one, self._hpas.objects) if kind == "MODIFIED" else None
        if held is not None:
            self.on_hpa(held)

    def _pod_changed(self, kind: str, one: Json) -> None:
        self._ready.learn(kind, one)
        if kind != "DELETED":
            self._leads.learn(one)

    def lead_time(self, hpa: Json) -> timedelta | None:
        """As the pods that the HPA scales have shown."""
        return self._leads.of(scaled_by(hpa))

    def measured(self, hpa: Json, now: datetime) -> int | None:
        """The pods of which the HPA's metrics tell."""
        return self._ready.measured(scaled_by(hpa), now)

    @property
    def policies(self) -> Mapping[Key, Json]:
        return self._policies.objects

    @property
    def hpas(self) -> Mapping[Key, Json]:
        """With a view of every ScaledObject."""
        return WithViews(self._hpas.objects, self._scaled.objects)

    @property
    def reflectors(self) -> tuple[Reflector, Reflector, Reflector]:
        """Without which nothing can be decided."""
        return self._policies, self._hpas, self._scaled

    @property
    def pods(self) -> Reflector:
        """Of which lead times are learned, and which of them are measured; nobody waits for it."""
        return self._pods

    @property
    def silences(self) -> Mapping[str, Callable[[], float]]:
        """By resource: for how many seconds nothing was heard of it."""
        return {one.path.rpartition("/")[2]: one.silence_s for one in (*self.reflectors, self.pods)}

    async def write_hpa(self, hpa: Json, change: Change, ownership: Ownership) -> Json:
        """Also what the next tick sees, so that it need not wait for the watch. What is given back is not claimed.

        Raises ClusterError where the lease was lost meanwhile: what a slow tick decided is another's to decide.
        """
        self._only_the_leader()
        if gives_back(change):
            ownership = Ownership.SHARE
        copies = self._scaled.objects if is_view(hpa) else self._hpas.objects
        base, key = version_of(hpa), key_of(hpa)
        if ownership is Ownership.SHARE:
            hpa = _as_held(hpa, await self._writer.drop_claim(hpa))
        after = await self._writer.write(hpa, change, ownership)
        known = copies.get(key)
        if after is not hpa and known is not None and version_of(known) == base:
            copies[key] = after  # the watch may have told of a newer one meanwhile, and tells it once only
        return _as_held(hpa, after)

    def _only_the_leader(self) -> None:
        if not self.may_write():
            raise ClusterError("another leads by now, so nothing is written")

    async def write_status(self, policy: Json, status: Json) -> None:
        self._only_the_leader()
        await self._api.patch(_path_of(policy) + "/status", {"status": _whole(policy, status)}, MERGE_PATCH)

    async def write_finalizers(self, policy: Json, finalizers: list[str]) -> None:
        self._only_the_leader()
        change = {"metadata": {"finalizers": finalizers, "resourceVersion": policy["metadata"]["resourceVersion"]}}
        await self._api.patch(_path_of(policy), change, MERGE_PATCH)

    async def tell(self, regarding: Json, told: Told) -> None:
        await self._events.emit(regarding, told.kind, told.reason, told.note, told.action)


def _as_held(before: Json, after: Json) -> Json:
    """What was written, as it is held: of a ScaledObject its view."""
    return written(before, after) if is_view(before) and after is not before else after


def _path_of(policy: Json) -> str:
    return f"{policies_path(policy['metadata']['namespace'])}/{policy['metadata']['name']}"


def _whole(policy: Json, status: Json) -> Json:
    """For a merge patch: what is no longer said is null."""
    return {**dict.fromkeys(policy.get("status", {}).keys() - status.keys()), **status}


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
        self._busy: set[asyncio.Task[None]] = set()
        metrics.follow(lambda: self.leading, cluster.silences)
        cluster.may_write = lambda: self.leading
        cluster.on_policy = self._soon.set
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
        """Until the next tick is due, or a policy has changed; while another leads, until that may have ended."""
        rest = self._settings.tick_s - (time.monotonic() - began) if self.leading else self._settings.timing.retry / 2
        try:
            async with asyncio.timeout(max(0.0, rest)):
                await self._soon.wait()
            await asyncio.sleep(0.2)  # several changes together are one tick
        except TimeoutError:
            pass

    async def _tick(self) -> None:
        began = time.monotonic()
        try:
            found = await self._reconciler.tick(datetime.now(UTC))  # noqa: TID251  where time enters
            self._onlooker.ticked(found)
        except Exception:  # noqa: BLE001  the next tick may succeed
            self._metrics.failed_ticks.inc()
            _LOG.exception("the tick failed")
        self._metrics.tick_seconds.observe(time.monotonic() - began)

    def _look_at(self, hpa: Json) -> None:
        if self.leading and self._reconciler.was_reset(hpa):
            task = asyncio.get_running_loop().create_task(self._reassert(hpa))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    async def _reassert(self, hpa: Json) -> None:
        try:
            await self._reconciler.reassert(hpa, datetime.now(UTC))  # noqa: TID251
        except (ClusterError, ControllerError) as error:
            _LOG.warning("a reset was not put right: %s", error)
            self._soon.set()
