"""A rise that recurs every day, with real sockets: the pods that it needs are ready before it, and the other way round.

The load of fourteen days lies in a real Prometheus; today's is made by real clients. The controller is a process with
its own kubeconfig. Its model, its gate and its planner are those that ship.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.loop import policies_path
from controller.originals import ANNOTATION
from tests.cluster.workloads import an_external_metric, an_hpa
from tests.e2e.controllers import PER_POD, a_policy, controller, make_crd, status
from tests.e2e.recurrence import Recurrence
from tests.e2e.stage import CONNECTIONS, Scene, Stage, now
from tests.helpers.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

LEAD = timedelta(minutes=5)
"""From the start of a scenario to the rise: the controller's first forecasts are there by then."""


def ready_by(scene: Scene, pods: int, limit: datetime) -> datetime | None:
    """When so many pods were ready; None where that was not before the limit."""
    until(lambda: scene.replicas()[1] >= pods or now() > limit, patience_s=(limit - now()).total_seconds() + 30)
    return now() if scene.replicas()[1] >= pods else None


def test_a_rise_that_recurs_meets_pods_that_are_ready(stage: Stage, tmp_path: Path) -> None:
    usual = Recurrence(now() + LEAD, calm=40, busy=200)
    end = now() - timedelta(seconds=30)
    make_crd(stage)
    with stage.scene("spike", lambda: usual.at(now()), replicas=2, history=usual.history("spike", end)) as scene:
        target = str(round(0.7 * PER_POD))
        scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, target)], high=12))
        original = scene.hpa()["spec"]
        scene.api.create(policies_path("spike"), a_policy(scene, "Observe"))
        with controller(stage, scene, tmp_path, "one"):
            until(lambda: status(scene).get("decision") is not None and "skill" in status(scene), patience_s=180)
            assert scene.hpa()["spec"] == original
            assert ANNOTATION not in scene.hpa()["metadata"].get("annotations", {})
            scene.api.patch(f"{policies_path('spike')}/web", {"spec": {"mode": "Active"}})
            # At the top of the rise 5 pods are full.
            there = ready_by(scene, 5, usual.rise_at + usual.climb)
            assert there is not None, f"only {scene.replicas()} pods: {status(scene).get('decision')}"
            assert there <= usual.rise_at + usual.climb / 2, f"{there - usual.rise_at} after the rise began"
            until(lambda: scene.users.connected == usual.busy, patience_s=480)
            assert scene.users.lost == 0
            scene.api.patch(f"{policies_path('spike')}/web", {"spec": {"mode": "Paused"}})
            until(lambda: scene.hpa()["spec"] == original, patience_s=300)  # a hold of two minutes, then the ramp
            assert ANNOTATION not in scene.hpa()["metadata"].get("annotations", {})
            assert scene.users.lost == 0
