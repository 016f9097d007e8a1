"""A rise that recurs every day, with real sockets: the pods that it needs are ready before it, and the other way round.

The load of fourteen days lies in a real Prometheus; today's is made by real clients. The controller is a process with
its own kubeconfig. Its model, its gate and its planner are those that ship. Three workloads meet the same rise side by
side: under the lever Floor, under both levers, and under a policy that only observes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.kube_cluster import policies_path
from controller.originals import ANNOTATION
from tests.cluster.api import Json
from tests.cluster.workloads import an_external_metric, an_hpa
from tests.e2e.controllers import PER_POD, a_policy, controller, make_crd, status
from tests.e2e.recurrence import Recurrence
from tests.e2e.stage import CONNECTIONS, Scene, Stage, now
from tests.e2e.versions import Versions, left_alone, versions
from tests.helpers.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

LEAD = timedelta(minutes=6)
"""From the start of a scenario to the rise: the controller's first forecasts are there by then."""
TARGET = str(round(0.7 * PER_POD))


@dataclass
class Followed:
    """A workload under a policy, all versions of its HPA, and its HPA as it was."""

    scene: Scene
    seen: Versions
    original: Json

    def edit(self, **spec: object) -> None:
        self.scene.api.patch(f"{policies_path(self.scene.namespace)}/web", {"spec": spec})

    def handed_back(self) -> bool:
        hpa = self.scene.hpa()
        return hpa["spec"] == self.original["spec"] and ANNOTATION not in hpa["metadata"].get("annotations", {})


@contextmanager
def a_workload(stage: Stage, folder: Path, namespace: str, usual: Recurrence, **spec: object) -> Iterator[Followed]:
    """With two weeks of the same rise behind it, and a controller of its own that observes."""
    history = usual.history(namespace, now())
    with stage.scene(namespace, lambda: usual.at(now()), replicas=2, history=history) as scene:
        scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, TARGET)], high=12))
        original = scene.hpa()
        scene.api.create(policies_path(namespace), a_policy(scene, "Observe", **spec))
        with versions(stage.api, namespace) as seen, controller(stage, scene, folder, "one"):
            yield Followed(scene, seen, original)


def ready_by(scene: Scene, pods: int, limit: datetime) -> datetime | None:
    """When so many pods were ready; None where that was not before the limit."""
    until(lambda: scene.replicas()[1] >= pods or now() > limit, patience_s=(limit - now()).total_seconds() + 30)
    return now() if scene.replicas()[1] >= pods else None


def test_a_rise_that_recurs_meets_pods_that_are_ready(stage: Stage, tmp_path: Path) -> None:
    usual = Recurrence(now() + LEAD, calm=40, busy=200)
    make_crd(stage)
    both = {"levers": ["Floor", "Target"], "target": {"metric": CONNECTIONS, "min": "20", "max": "36"}}
    with ExitStack() as stack:
        floor, target, observed = (
            stack.enter_context(a_workload(stage, tmp_path, name, usual, **spec))
            for name, spec in (("spike", {}), ("spike-target", both), ("spike-observed", {}))
        )
        for one in (floor, target, observed):
            until(lambda one=one: "skill" in status(one.scene), patience_s=240)  # type: ignore[misc]
            assert one.handed_back()
        for one in (floor, target):
            one.edit(mode="Active")
        for one in (floor, target):
            _check_that_it_is_early(one.scene, usual)
        for one in (floor, target, observed):
            until(lambda one=one: one.scene.users.connected == usual.busy, patience_s=480)  # type: ignore[misc]
        for one in (floor, target):
            assert one.scene.users.lost == 0
            one.edit(mode="Paused")
        _check_that_nothing_was_changed(observed)
        assert any(value != TARGET for value in target.seen.targets())
        assert floor.seen.targets() == [TARGET]
        for one in (floor, target):
            until(one.handed_back, patience_s=300)  # a hold of two minutes, then the ramp
            assert one.scene.users.lost == 0


def _check_that_it_is_early(scene: Scene, usual: Recurrence) -> None:
    """At the top of the rise 5 pods are full."""
    there = ready_by(scene, 5, usual.rise_at + usual.climb)
    assert there is not None, f"only {scene.replicas()} pods: {status(scene).get('decision')}"
    assert there <= usual.rise_at + usual.climb / 2, f"{scene.namespace}: {there - usual.rise_at} after the rise began"


def _check_that_nothing_was_changed(observed: Followed) -> None:
    """Of all its versions none but the HPA controller's own: what differs between them is the status."""
    assert len(observed.seen.seen) > 1
    for one in observed.seen.seen:
        assert one is not None
        assert left_alone(one) == left_alone(observed.original)
    policy = observed.scene.api.get(f"{policies_path(observed.scene.namespace)}/web")
    assert "finalizers" not in policy["metadata"]
    deployment = observed.scene.api.get(f"/apis/apps/v1/namespaces/{observed.scene.namespace}/deployments/web")
    for one in (observed.scene.hpa(), deployment):
        assert "foresail" not in {entry["manager"] for entry in one["metadata"]["managedFields"]}
