"""What the HPA alone would hold, beside the real HPA controller.

* an HPA that the API server takes and this version does not understand: its floor is moved all the same;
* a rollout, whose surge the HPA divides its metrics by and does not report.
"""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.kube.api import Api
from controller.cluster_metrics import ClusterMetrics
from controller.originals import ANNOTATION
from controller.ready_pods import SEEN_AFTER
from tests.cluster.metrics_server import Measured
from tests.controller.live import Stage, World, alone, apply, controller, make_policy, the_hpa, until

pytestmark = pytest.mark.cluster
OF_NO_FIT = {
    "type": "Object",
    "object": {
        "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"},
        "metric": {"name": "hits"},
        "target": {"type": "Utilization", "averageValue": "5"},
    },
}
"""A metric that the server takes and that no known HPA controller makes anything of."""


async def test_a_floor_is_raised_and_given_back_where_the_hpa_is_not_understood(stage: Stage, owner: Api) -> None:
    made = the_hpa(stage.namespace, low=11)
    made["spec"]["metrics"].append(OF_NO_FIT)
    await apply(owner, made)
    await make_policy(owner, stage)
    async with controller(stage, World(peak=1150.0)):
        await until(lambda: stage.hpa["spec"]["minReplicas"] == 12)
        await until(lambda: stage.condition("Degraded") == ("True", "HpaNotUnderstood"))
        assert stage.condition("Ready") == ("True", "Followed")
        assert "hpaAlone" not in stage.policy["status"]
        await until(lambda: stage.event("HpaNotUnderstood") is not None)
        warned = stage.event("HpaNotUnderstood")
        assert warned is not None
        assert (warned["type"], "the target has the type Utilization" in warned["note"]) == ("Warning", True)
        stage.edit(mode="Paused")
        await until(lambda: ANNOTATION not in stage.hpa["metadata"].get("annotations", {}))
        assert stage.hpa["spec"]["minReplicas"] == 11


async def test_a_rollouts_surge_is_no_lower_load(stage: Stage, owner: Api) -> None:
    made = the_hpa(stage.namespace)
    made["spec"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 0}}  # less shows at once
    await apply(owner, made)
    stage.board.external_metrics[stage.namespace, "connections"] = [Measured("700")]
    await make_policy(owner, stage, mode="Observe")
    metrics = ClusterMetrics(CollectorRegistry())
    async with controller(stage, World(load=700.0), metrics=metrics):
        await until(lambda: stage.pods == 10)
        await until(lambda: alone(metrics) == 10)
        stage.cluster.api.patch(f"/apis/apps/v1/namespaces/{stage.namespace}/deployments/gateway", {"spec": {
            "minReadySeconds": 300, "strategy": {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}},
            "template": {"metadata": {"annotations": {"release": "two"}}},
        }})  # fmt: skip
        await until(lambda: _shown(stage) == ("53847m", 10))
        await asyncio.sleep(SEEN_AFTER.total_seconds() + 1)
        for _ in range(8):
            await asyncio.sleep(0.5)
            assert (alone(metrics), _shown(stage)) == (10, ("53847m", 10))


def _shown(stage: Stage) -> tuple[str, int]:
    """The mean that the HPA reports, and the replicas that it says it is of."""
    status = stage.hpa["status"]
    current = status["currentMetrics"] or [{"external": {"current": {"averageValue": ""}}}]
    return current[0]["external"]["current"]["averageValue"], status["currentReplicas"]
