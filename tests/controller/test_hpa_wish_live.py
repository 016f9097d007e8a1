"""An HPA that the API server takes and this version does not understand: its floor is moved all the same."""

from __future__ import annotations

import pytest

from controller.adapters.kube.api import Api
from controller.originals import ANNOTATION
from tests.controller.live import Stage, World, apply, controller, make_policy, the_hpa, until

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
