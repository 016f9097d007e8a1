"""What a running controller serves: probes, metrics, and the decisions as the dashboard reads them."""

from __future__ import annotations

import httpx
from prometheus_client import CollectorRegistry

from controller.cluster_metrics import ClusterMetrics
from controller.onlooker import Decided
from controller.server import Looks, application
from tests.controller.test_deciding import RISE, a_subject, decided


async def test_what_is_served() -> None:
    looks, metrics, missing = Looks(), ClusterMetrics(CollectorRegistry()), ["policies are not listed yet"]
    app = application(lambda: ", ".join(missing), metrics.registry, looks)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://c") as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "policies are not listed yet\n")
        missing.clear()
        assert (await client.get("/readyz")).status_code == 200
        outcome = decided(a_subject(), RISE)
        for _ in range(2):
            looks.decided(Decided(("chat", "gateway"), outcome, {}))
            metrics.decided(Decided(("chat", "gateway"), outcome, {}))
        (newest,) = (await client.get("/v1/policies")).json()
        assert (newest["namespace"], newest["name"], newest["floor"]) == ("chat", "gateway", 9)
        assert len((await client.get("/v1/policies/chat/gateway")).json()) == 2
        assert newest["summary"] == outcome.decision.summary()
        unknown = await client.get("/v1/policies/chat/nobody")
        assert (unknown.status_code, unknown.json()["detail"]) == (
            404, "no decisions of chat/nobody; known are chat/gateway"
        )  # fmt: skip
        text = (await client.get("/metrics")).text
        assert 'foresail_floor_replicas{namespace="chat",policy="gateway"} 9.0' in text
        looks.ticked({})
        assert (await client.get("/v1/policies")).json() == []
