"""What becomes of a raised floor when its controllers end: one by SIGTERM, both by SIGKILL, and nobody is left."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controller.kube_cluster import policies_path
from controller.originals import ANNOTATION
from tests.cluster.workloads import an_external_metric, an_hpa
from tests.e2e.controllers import a_policy, controller, environment, make_crd
from tests.e2e.recurrence import Recurrence
from tests.e2e.stage import CONNECTIONS, Scene, Stage, now
from tests.helpers.processes import PATIENCE_S, ROOT, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

FLOOR = 6
WITHIN = timedelta(seconds=120)
"""Of the last renewal, the hand-back begins."""


def floor(scene: Scene) -> int:
    return int(scene.hpa()["spec"]["minReplicas"])


def renewed(scene: Scene) -> datetime:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{scene.namespace}/leases/foresail-controller"
    return datetime.fromisoformat(scene.api.get(path)["spec"]["renewTime"])


def watchdog(stage: Stage, scene: Scene) -> str:
    """What the CronJob runs every minute; what it said."""
    command = [sys.executable, "-m", "foresail", "controller", "restore", "--if-stale", "45s"]
    done = subprocess.run(
        [*command, "--kubeconfig", str(stage.cluster.kubeconfig)], cwd=ROOT, env=environment(scene, "watchdog"),
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    return done.stderr


def test_the_floor_stays_with_a_successor_and_walks_back_without_one(stage: Stage, tmp_path: Path) -> None:
    make_crd(stage)
    usual = Recurrence(now() + timedelta(hours=8))
    history = usual.history("dead-man", now())
    with stage.scene("dead-man", lambda: usual.calm, replicas=2, history=history) as scene:
        scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, "28")], high=12))
        original = scene.hpa()["spec"]
        event = {"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z", "minReplicas": FLOOR}
        policy = a_policy(scene, "Active", events=[event], rampDown={"hold": "1m", "percentPerMinute": 50})
        scene.api.create(policies_path("dead-man"), policy)
        with controller(stage, scene, tmp_path, "one") as one:
            scene.reaches(FLOOR, patience_s=240)
            with controller(stage, scene, tmp_path, "two") as two:
                one.terminate()
                one.wait(30)
                before = renewed(scene)
                until(lambda: renewed(scene) > before, patience_s=PATIENCE_S)
                assert "nothing to do" in watchdog(stage, scene)
                assert floor(scene) == FLOOR
                two.kill()
                two.wait(30)
        last = renewed(scene)
        until(lambda: "→" in watchdog(stage, scene), patience_s=WITHIN.total_seconds())
        assert now() - last <= WITHIN
        assert floor(scene) == FLOOR // 2
        for _ in range(4):
            if scene.hpa()["spec"] != original:
                watchdog(stage, scene)
        assert scene.hpa()["spec"] == original
        assert ANNOTATION not in scene.hpa()["metadata"].get("annotations", {})
