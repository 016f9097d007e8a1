"""Events as `kubectl describe` shows them; the same one again is counted, and a failure is nobody's problem."""

from __future__ import annotations

from typing import Any

import pytest

from controller.adapters.kube.api import Api
from controller.adapters.kube.events import Events
from controller.errors import ApiAway
from tests.cluster.control_plane import ControlPlane

FOLDER = "/apis/events.k8s.io/v1/namespaces/default/events"
ABOUT = {
    "apiVersion": "foresail.dev/v1alpha1",
    "kind": "PredictiveAutoscaler",
    "metadata": {"name": "gateway", "namespace": "default", "uid": "0000", "resourceVersion": "1"},
}


@pytest.mark.cluster
async def test_the_same_one_again_is_counted(cluster: ControlPlane) -> None:
    async with await Api.connect(cluster.kubeconfig) as api:
        events = Events(api, "foresail.dev/controller", "one")
        for note in ("to 10", "to 10", "to 10", "to 12"):
            await events.emit(ABOUT, "Normal", "FloorRaised", note, "Decide")
        found = [one for one in (await api.get(FOLDER))["items"] if one["regarding"]["uid"] == "0000"]
        assert {(one["note"], one.get("series", {}).get("count", 1)) for one in found} == {("to 10", 3), ("to 12", 1)}
        assert found[0]["reportingController"] == "foresail.dev/controller"
        for one in found:
            await api.delete(f"{FOLDER}/{one['metadata']['name']}")
        await events.emit(ABOUT, "Normal", "FloorRaised", "to 10", "Decide")  # its series is gone with it
        found = [one for one in (await api.get(FOLDER))["items"] if one["regarding"]["uid"] == "0000"]
        assert [one["note"] for one in found] == ["to 10"]


async def test_a_failure_is_logged_and_lost(caplog: pytest.LogCaptureFixture) -> None:
    class Away:
        async def create(self, path: str, body: Any) -> Any:
            raise ApiAway("away")

        async def patch(self, path: str, change: object, kind: str = "", params: Any = None) -> Any:
            raise ApiAway("away")

    await Events(Away(), "c", "i").emit(ABOUT, "Normal", "FloorRaised", "to 10", "Decide")
    assert "the event FloorRaised was not taken: away" in caplog.text
