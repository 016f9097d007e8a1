"""What a running controller serves: probes, metrics, and the decisions as the dashboard reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.ledger import entry_line, ledger_of
from controller.cluster_metrics import ClusterMetrics
from controller.onlooker import Decided
from controller.recent import Recent
from controller.server import API, Looks, Whose, application
from controller.subjects import Key, Refusal
from tests.controller.test_policy_gauges import everything
from tests.controller.test_recorder import decisions

KEY = ("chat", "gateway")


@dataclass
class Served:
    """A controller of which a test says what it has decided."""

    looks: Looks = field(default_factory=Looks)
    recent: Recent = field(default_factory=Recent)
    metrics: ClusterMetrics = field(default_factory=lambda: ClusterMetrics(CollectorRegistry()))
    missing: str = ""
    leading: bool = True

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        whose = Whose("0.1.0", "one", 15.0, lambda: self.leading)
        app = application(lambda: self.missing, self.metrics.registry, self.looks, self.recent, whose)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://c") as client:
            yield client

    def decide(self, one: Decided) -> None:
        self.looks.decided(one)
        self.metrics.decided(one)
        self.recent.add(one.key, one.outcome.policy, one.outcome.decision.at, entry_line(one.entry))


def with_policies(*keys: Key) -> Served:
    served = Served()
    for key in keys:
        served.decide(everything(key))
    return served


async def test_probes_and_metrics() -> None:
    served = with_policies(KEY)
    async with served.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        served.missing = "policies are not listed yet"
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "policies are not listed yet\n")
        served.missing = ""
        assert (await client.get("/readyz")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'foresail_floor_replicas{namespace="chat",policy="gateway"} 9.0' in text


async def test_it_says_which_controller_it_is() -> None:
    async with Served().client() as client:
        assert (await client.get("/v1")).json() == {
            "api": API, "version": "0.1.0", "identity": "one", "leading": True, "tick_s": 15.0
        }  # fmt: skip


async def test_policies_are_listed_page_by_page_those_that_are_refused_too() -> None:
    names = [f"w{k}" for k in range(5)]
    served = with_policies(*(("chat", name) for name in names))
    refusal = Refusal("HpaNotFound", "no HPA bad in chat")
    found: dict[Key, object] = {("chat", name): everything(("chat", name)).outcome for name in names}
    served.looks.ticked(found | {("chat", "bad"): refusal})  # type: ignore[arg-type]
    async with served.client() as client:
        whole = (await client.get("/v1/policies")).json()
        assert whole["next"] is None
        assert [one["name"] for one in whole["policies"]] == ["bad", *names]
        assert whole["policies"][0]["refused"] == "HpaNotFound"
        paged: list[object] = []
        after: str | None = ""
        while len(paged) < len(names) + 1:
            page = (await client.get("/v1/policies", params={"limit": 2, "after": after})).json()
            assert 1 <= len(page["policies"]) <= 2
            paged += page["policies"]
            after = page["next"]
        assert after is None
        assert paged == whole["policies"]
        served.looks.ticked({})
        assert (await client.get("/v1/policies")).json() == {"policies": [], "next": None}


async def test_a_policy_is_told_with_its_reasons_and_forecasts() -> None:
    served, one = with_policies(KEY), everything(KEY)
    async with served.client() as client:
        found = (await client.get("/v1/policies/chat/gateway")).json()
        assert (found["id"], found["floor"], found["failed"]) == (one.id, 9, "away")
        assert found["summary"] == one.outcome.decision.summary()
        assert found["rulings"] == {"connections": "Baseline"}
        assert len(found["reasons"]) == len(one.outcome.decision.reasons)
        assert found["forecasts"][0]["verdict"].startswith("Baseline ridge: ")
        for path in ("", "/ledger"):
            unknown = await client.get(f"/v1/policies/chat/nobody{path}")
            assert (unknown.status_code, unknown.json()["detail"]) == (
                404, "no decisions of chat/nobody; known are chat/gateway"
            )  # fmt: skip


async def test_the_last_decisions_are_a_ledger() -> None:
    served, made = Served(), decisions(5)
    for one in made:
        served.decide(one)
    async with served.client() as client:

        async def asked(**params: object) -> list[str | None]:
            answer = await client.get("/v1/policies/chat/gateway/ledger", params=params)  # type: ignore[arg-type]
            ledger = ledger_of(answer.content, "answer")
            assert ledger.policy == made[-1].outcome.policy
            return [entry.id for entry in ledger.entries]

        ids = [one.id for one in made]
        assert await asked() == ids
        assert await asked(limit=2) == ids[-2:]
        assert await asked(after=made[2].outcome.decision.at.isoformat()) == ids[3:]
        assert await asked(after=made[4].outcome.decision.at.isoformat()) == []


@pytest.mark.parametrize("query", ["limit=0", "limit=100000", "limit=x", "after=noon", "after=2026-03-02T20:00:00"])
async def test_a_question_that_makes_no_sense_is_refused(query: str) -> None:
    async with with_policies(KEY).client() as client:
        assert (await client.get(f"/v1/policies/chat/gateway/ledger?{query}")).status_code == 422


async def test_whoever_does_not_lead_says_so() -> None:
    served = with_policies(KEY)
    served.leading = False
    async with served.client() as client:
        for path in ("/v1/policies", "/v1/policies/chat/gateway", "/v1/policies/chat/gateway/ledger"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (503, "one does not lead")
        assert (await client.get("/v1")).json()["leading"] is False


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_changed(method: str) -> None:
    async with with_policies(KEY).client() as client:
        for path in ("/v1", "/v1/policies", "/v1/policies/chat/gateway", "/v1/policies/chat/gateway/ledger"):
            assert (await client.request(method, path)).status_code == 405
