"""The cluster as a tick sees it: copies of policies and HPAs that follow the API server, and what is written to them.

A change of a policy, or of an HPA that a policy names, is told as soon as the server tells it; our own writes are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.adapters.kube.api import MERGE_PATCH, Api
from controller.adapters.kube.events import Events
from controller.adapters.kube.hpa_writer import HpaWriter
from controller.adapters.kube.reflector import Reflector, key_of, only_its_version, version_of, without_claims
from controller.domain import Ownership
from controller.errors import ClusterError
from controller.hpa_patch import Change
from controller.lead_time import LeadTimes, scaled_by
from controller.originals import gives_back
from controller.ready_pods import Counted, ReadyPods
from controller.rollout_watch import RolloutWatch
from controller.rollouts import Rollouts
from controller.scaled_objects import VERSION, WithViews, is_view, key_of_scaled, view, written
from controller.subjects import Key, named_by
from controller.telling import Told

Json = dict[str, Any]
GROUP = "/apis/foresail.dev/v1alpha1"
_PLURAL = "predictiveautoscalers"


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
        self.on_change: Callable[[], None] = lambda: None
        self.on_hpa: Callable[[Json, bool], None] = lambda _, __: None
        self.may_write: Callable[[], bool] = lambda: True
        self._seen: dict[Key, tuple[object, object]] = {}
        self._named: set[Key] | None = None
        """What policies name; None where one has changed: to ask them all for each of n HPAs takes n times n."""
        self._specs: dict[Key, int] = {}
        """Of every HPA and ScaledObject, what its spec was when the watch last told of it."""
        self._ours: dict[Key, list[int]] = {}
        """What we wrote and the watch has not told of yet, the oldest first."""
        self._writing: set[Key] = set()
        self._policies = Reflector(api, policies_path(namespace), self._policy_changed, keep=without_claims)
        self._hpas = Reflector(api, hpas_path(namespace), self._hpa_changed)
        self._scaled = Reflector(api, scaled_objects_path(namespace), self._scaled_changed, optional=True)
        self._leads = LeadTimes()
        self._ready = ReadyPods()
        self._rolling = RolloutWatch()
        self._pods = Reflector(api, pods_path(namespace), self._pod_changed, keep=only_its_version)

    def _policy_changed(self, kind: str, one: Json) -> None:
        """What a user changed counts, and not what we wrote into the status."""
        metadata = one["metadata"]
        mark = metadata.get("generation"), metadata.get("deletionTimestamp")
        if kind == "DELETED":
            self._seen.pop(key_of(one), None)
        elif self._seen.get(key_of(one)) != mark:
            self._seen[key_of(one)] = mark
        else:
            return
        self._named = None
        self.on_change()

    def _hpa_changed(self, kind: str, one: Json) -> None:
        """One that came, went, or of which another wrote the spec counts; the HPA controller's status does not."""
        changed = self._is_news(kind, one)
        if kind == "MODIFIED":
            self.on_hpa(one, changed)
        elif changed:
            self.on_change()

    def _scaled_changed(self, kind: str, one: Json) -> None:
        changed = self._is_news(kind, one)
        held = view(one, self._hpas.objects)
        if kind == "MODIFIED" and held is not None:
            self.on_hpa(held, changed)
        elif changed:
            self.on_change()

    def _is_news(self, kind: str, one: Json) -> bool:
        """Whether a policy names it, and what it asks for is not what was last seen of it or written by us."""
        key, mark = _copy_key(one), None if kind == "DELETED" else _mark(one)
        if mark is None:
            self._ours.pop(key, None)
        before, ours = self._specs.pop(key, None), self._ours.get(key, [])
        if mark is not None:
            self._specs[key] = mark
        if mark in ours:
            del ours[: ours.index(mark) + 1]
            return False
        if mark == before or key in self._writing:  # the watch may be faster than the answer to our write
            return False
        if self._named is None:
            self._named = named_by(self.policies.values())
        return key in self._named

    def _pod_changed(self, kind: str, one: Json) -> None:
        gone = self._ready.learn(kind, one)
        if kind != "DELETED":
            self._leads.learn(one)
        elif gone is not None and not any(scaled_by(hpa) == gone for hpa in self._hpas.objects.values()):
            self._leads.forget(gone)

    def lead_time(self, hpa: Json) -> timedelta | None:
        """As the pods that the HPA scales have shown."""
        return self._leads.of(scaled_by(hpa))

    def counted(self, hpa: Json, now: datetime) -> Counted:
        """The pods of which the HPA's metrics tell."""
        return self._ready.counted(scaled_by(hpa), now)

    def rollouts(self, hpa: Json, known: Rollouts, now: datetime) -> Rollouts:
        """With what its pods tell by now; until all of them are listed they tell nothing."""
        if not self._pods.synced:
            return known
        target = scaled_by(hpa)
        return known.after(*self._rolling.look(target, self._ready.of(target), known.template, now), now)

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
        base, key = version_of(hpa), _copy_key(hpa)
        self._writing.add(key)
        try:
            if ownership is Ownership.SHARE:
                hpa = _as_held(hpa, await self._writer.drop_claim(hpa))
            after = await self._writer.write(hpa, change, ownership)
        finally:
            self._writing.discard(key)
        known = copies.get(key_of(hpa))
        if after is not hpa and known is not None and version_of(known) == base:
            copies[key_of(hpa)] = after  # the watch may have told of a newer one meanwhile, and tells it once only
        if after is not hpa and _mark(after) != self._specs.get(key):
            self._ours.setdefault(key, []).append(_mark(after))
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


def _copy_key(one: Json) -> Key:
    """Under which the spec of an HPA or of a ScaledObject is remembered."""
    namespace, name = key_of(one)
    return key_of_scaled(namespace, name) if is_view(one) else (namespace, name)


def _mark(one: Json) -> int:
    return hash(json.dumps(one["spec"], sort_keys=True))


def _path_of(policy: Json) -> str:
    return f"{policies_path(policy['metadata']['namespace'])}/{policy['metadata']['name']}"


def _whole(policy: Json, status: Json) -> Json:
    """For a merge patch: what is no longer said is null."""
    return {**dict.fromkeys(policy.get("status", {}).keys() - status.keys()), **status}
