"""What a running controller serves: probes, metrics and a read API for the dashboard.

/healthz         the event loop answers
/readyz          the copies of the cluster are there
/metrics         Prometheus' exposition
/v1/policies     every policy's newest outcome; /v1/policies/{namespace}/{name} one of them, with its last decisions
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from controller.deciding import Outcome
from controller.onlooker import Decided, Onlooker
from controller.subjects import Key, Refusal

Json = dict[str, Any]
_REMEMBERED = 240
"""Decisions of a policy that the API has: an hour of ticks."""


class Looks(Onlooker):
    """The newest outcomes of every policy, for whoever looks on."""

    def __init__(self) -> None:
        self._outcomes: dict[Key, deque[Json]] = {}

    def decided(self, one: Decided) -> None:
        self._outcomes.setdefault(one.key, deque(maxlen=_REMEMBERED)).append(_shown(one.outcome))

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        for gone in self._outcomes.keys() - found.keys():
            del self._outcomes[gone]

    def newest(self) -> list[Json]:
        return [
            {"namespace": namespace, "name": name, **one[-1]}
            for (namespace, name), one in sorted(self._outcomes.items())
        ]

    def of(self, key: Key) -> list[Json]:
        """The last decisions, newest last; nothing for a policy that is not known."""
        return list(self._outcomes.get(key, ()))


def application(ready: Callable[[], str], registry: CollectorRegistry, looks: Looks) -> FastAPI:
    """The HTTP application. `ready` says what is still missing, nothing where all is there."""
    app = FastAPI(title="Foresail controller", docs_url=None, redoc_url=None)

    @app.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> PlainTextResponse:
        missing = ready()
        return PlainTextResponse(missing + "\n" if missing else "ok\n", status_code=503 if missing else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/policies")
    async def policies() -> list[Json]:
        return looks.newest()

    @app.get("/v1/policies/{namespace}/{name}")
    async def policy(namespace: str, name: str) -> list[Json]:
        found = looks.of((namespace, name))
        if not found:
            known = ", ".join(f"{one['namespace']}/{one['name']}" for one in looks.newest()) or "none"
            raise HTTPException(404, f"no decisions of {namespace}/{name}; known are {known}")
        return found

    return app


def _shown(outcome: Outcome) -> Json:
    decision = outcome.decision
    return {
        "at": decision.at.isoformat(),
        "mode": outcome.policy.mode.value,
        "floor": decision.floor,
        "wanted": decision.wanted,
        "target": decision.target,
        "hpa_alone": outcome.observed.hpa_wish,
        "replicas": outcome.observed.replicas,
        "ready": outcome.observed.ready,
        "summary": decision.summary(),
        "reasons": [asdict(one) for one in decision.reasons],
        "forecasts": [
            {
                "signal": one.signal,
                "model": one.model,
                "origin": one.origin.isoformat(),
                "levels": one.levels,
                "quantiles": one.quantiles,
                "peak": one.peak,
                "verdict": None if one.verdict is None else one.verdict.sentence(),
            }
            for one in outcome.forecasts
        ],
    }
