"""What is told of a real API server's objects, and what is written to them: another's changes count, ours do not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest

from controller.adapters.kube.api import Api
from controller.adapters.kube.hpa_writer import hpa_path
from controller.domain import Ownership
from controller.errors import ClusterError, Conflict
from controller.hpa_patch import Change
from controller.kube_cluster import KubeCluster, hpas_path, policies_path
from controller.lead_time import FEWEST
from controller.originals import FINALIZER
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.workloads import an_external_metric, an_hpa
from tests.controller.test_lead_time import a_pod
from tests.controller.test_subjects import a_policy
from tests.helpers.processes import until
from tests.test_crd import CRD

pytestmark = pytest.mark.cluster
Json = dict[str, Any]
NAMESPACE = "kube-cluster"


@dataclass
class Scene:
    """A cluster that is followed, and what it told: each HPA that was modified, by whom, and how often else."""

    api: Api
    cluster: KubeCluster
    modified: list[tuple[int, bool]] = field(default_factory=list)
    changes: int = 0

    @property
    def news(self) -> int:
        """How often another changed a spec that counts; statuses, which the HPA controller writes, come between."""
        return sum(by_another for _, by_another in self.modified)

    def hpa(self, name: str = "gateway") -> Json:
        return self.cluster.hpas[NAMESPACE, name]

    async def apply(self, name: str = "gateway", **change: Any) -> None:
        """As another does it; returns when it was seen."""
        after = await self.api.patch(hpa_path(NAMESPACE, name), change)
        await self.sees(name, after)

    async def make(self, name: str = "gateway") -> None:
        made = an_hpa(name, [an_external_metric("connections", "70")], low=2)
        await self.sees(name, await self.api.create(hpas_path(NAMESPACE), made))

    async def sees(self, name: str, one: Json) -> None:
        """That version or a later one: versions of one server's objects grow."""
        wanted = int(one["metadata"]["resourceVersion"])

        def seen() -> bool:
            found = self.cluster.hpas.get((NAMESPACE, name))
            return found is not None and int(found["metadata"]["resourceVersion"]) >= wanted

        await asyncio.to_thread(until, seen)

    async def raise_to(self, floor: int) -> Json:
        """As a tick does: the HPA controller writes its status when it likes, and then the next tick tries anew."""
        while True:
            seen = self.hpa()
            try:
                return await self.cluster.write_hpa(seen, Change(floor=floor), Ownership.SHARE)
            except Conflict:
                await asyncio.to_thread(until, partial(self.differs, seen))

    def differs(self, seen: Json) -> bool:
        """Whether another version is known by now."""
        return bool(self.hpa()["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"])


@pytest.fixture
async def scene(cluster: ControlPlane) -> AsyncIterator[Scene]:
    """A policy that names an HPA which is not there yet."""
    make_namespace(cluster.api, NAMESPACE)
    with contextlib.suppress(ApiError):
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    async with await Api.connect(cluster.kubeconfig) as api:
        scene = Scene(api, KubeCluster(api, NAMESPACE, "one"))

        def changed() -> None:
            scene.changes += 1

        scene.cluster.on_change = changed
        scene.cluster.on_hpa = lambda one, by_another: scene.modified.append((one["spec"]["minReplicas"], by_another))
        tasks = [asyncio.create_task(one.run()) for one in scene.cluster.reflectors]
        for one in scene.cluster.reflectors:
            await one.until_synced()
        policy = a_policy()
        policy["metadata"] = {"name": "gateway", "namespace": NAMESPACE}
        await api.create(policies_path(NAMESPACE), policy)
        await asyncio.to_thread(until, lambda: scene.changes == 1)
        yield scene
        await api.delete(f"{policies_path(NAMESPACE)}/gateway")
        for name in [key[1] for key in scene.cluster.hpas]:
            await api.delete(hpa_path(NAMESPACE, name))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_hpa_that_a_policy_names_is_news_when_it_comes_and_when_it_goes(scene: Scene) -> None:
    await scene.make("another")
    assert scene.changes == 1
    await scene.make()
    assert scene.changes == 2
    await scene.api.delete(hpa_path(NAMESPACE, "gateway"))
    await asyncio.to_thread(until, lambda: scene.changes == 3)


async def test_what_another_writes_into_the_spec_is_news_and_nothing_else_is(scene: Scene) -> None:
    await scene.make()
    await scene.make("another")
    await scene.apply(spec={"maxReplicas": 20})
    assert scene.modified.count((2, True)) == 1
    await scene.apply(metadata={"labels": {"release": "two"}})
    await scene.apply("another", spec={"maxReplicas": 20})
    condition = {"type": "AbleToScale", "status": "True", "reason": "Test", "message": "", "lastTransitionTime": None}
    status = {"currentReplicas": 2, "desiredReplicas": 2, "conditions": [condition]}
    patched = await scene.api.patch(f"{hpa_path(NAMESPACE, 'gateway')}/status", {"status": status})
    await scene.sees("gateway", patched)
    assert len(scene.modified) >= 4
    assert scene.modified.count((2, True)) == 1
    assert scene.changes == 2


async def test_what_we_write_is_no_news(scene: Scene) -> None:
    await scene.make()
    for floor in range(3, 9):
        after = await scene.raise_to(floor)
        assert scene.hpa()["spec"]["minReplicas"] == floor
        await scene.sees("gateway", after)
    await scene.apply(spec={"minReplicas": 2})
    assert [one for one in scene.modified if one[1]] == [(2, True)]


async def test_a_write_of_nothing_does_not_put_an_older_copy_back(scene: Scene) -> None:
    """What the watch told of meanwhile is told once only: a copy that went back to before it would stay there."""
    await scene.make()
    before = scene.hpa()
    await scene.apply(metadata={"labels": {"release": "two"}})
    await scene.cluster.write_hpa(before, Change(floor=2), Ownership.SHARE)
    assert scene.hpa()["metadata"]["labels"]["release"] == "two"
    await scene.raise_to(3)
    assert scene.hpa()["spec"]["minReplicas"] == 3


async def test_whoever_lost_the_lease_meanwhile_writes_nothing(scene: Scene) -> None:
    """A tick may outlast the lease, with a Prometheus that takes its time: what it decided is another's to decide."""
    await scene.make()
    scene.cluster.may_write = lambda: False
    policy = next(iter(scene.cluster.policies.values()))
    with pytest.raises(ClusterError, match="another leads by now"):
        await scene.cluster.write_hpa(scene.hpa(), Change(floor=7), Ownership.SHARE)
    with pytest.raises(ClusterError, match="another leads by now"):
        await scene.cluster.write_status(policy, {"floor": 7})
    with pytest.raises(ClusterError, match="another leads by now"):
        await scene.cluster.write_finalizers(policy, [FINALIZER])
    assert (await scene.api.get(hpa_path(NAMESPACE, "gateway")))["spec"]["minReplicas"] == 2


async def test_a_policy_that_is_made_later_makes_news_of_the_hpa_that_it_names(scene: Scene) -> None:
    await scene.make("another")
    await scene.apply("another", spec={"maxReplicas": 20})
    assert scene.news == 0
    later = a_policy("later", hpaRef={"name": "another"})
    later["metadata"] = {"name": "later", "namespace": NAMESPACE}
    await scene.api.create(policies_path(NAMESPACE), later)
    await asyncio.to_thread(until, lambda: scene.changes == 2)
    await scene.apply("another", spec={"maxReplicas": 21})
    assert scene.news == 1
    await scene.api.delete(f"{policies_path(NAMESPACE)}/later")
    await asyncio.to_thread(until, lambda: scene.changes == 3)
    await scene.apply("another", spec={"maxReplicas": 22})
    assert scene.news == 1


class Ends:
    """Pods of two workloads, of which one is scaled, that are listed and then all deleted."""

    def __init__(self) -> None:
        owners = ("web-5d4f", "report-5d4f")
        self.pods = [a_pod(f"{k}", 40, owner=owner) for owner in owners for k in range(FEWEST)]
        self.may_end = asyncio.Event()

    async def get(self, path: str, _: object = None) -> Json:
        hpa = an_hpa("web", [])
        hpa["metadata"] |= {"namespace": "chat", "resourceVersion": "1"}
        for pod in self.pods:
            pod["metadata"]["resourceVersion"] = "1"
        return {"metadata": {"resourceVersion": "1"}, "items": self.pods if path.endswith("/pods") else [hpa]}

    async def watch(self, path: str, *_: object) -> AsyncIterator[Json]:
        await self.may_end.wait()
        if path.endswith("/pods"):
            for pod in self.pods:
                yield {"type": "DELETED", "object": pod}
        await asyncio.Event().wait()


async def test_lead_times_outlive_the_pods_of_what_an_hpa_scales_and_of_nothing_else() -> None:
    """A workload at zero is not to be learned anew, and a job a minute not to be kept for a year."""
    ends = Ends()
    cluster = KubeCluster(cast("Api", ends), "", "one")
    web, report = an_hpa("web", []), an_hpa("report", [])
    for hpa in (web, report):
        hpa["metadata"]["namespace"] = "chat"
    tasks = [asyncio.create_task(one.run()) for one in (cluster.reflectors[1], cluster.pods)]
    for one in (cluster.reflectors[1], cluster.pods):
        await one.until_synced()
    lead = cluster.lead_time(web)
    assert lead is not None
    assert cluster.lead_time(report) == lead
    ends.may_end.set()
    await asyncio.to_thread(until, lambda: not cluster.pods.objects)
    assert cluster.lead_time(web) == lead
    assert cluster.lead_time(report) is None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
