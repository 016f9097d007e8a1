"""What a running controller serves: probes, metrics and a read API for the dashboard. Nothing can be changed here.

/healthz         the event loop answers
/readyz          the copies of the cluster are there
/metrics         Prometheus' exposition
/v1              which controller this is, whether it leads, and how often it decides
/v1/policies     every policy's newest decision, or why it is not followed; `limit` of them `after` a namespace/name
/v1/policies/{namespace}/{name}         one of them
/v1/policies/{namespace}/{name}/ledger  its last decisions as a ledger, JSON lines: at most `limit`, `after` a time

A controller that does not lead decides nothing: it answers 503 where decisions are asked for, and /v1 says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from controller.adapters.ledger import header_line
from controller.deciding import Outcome
from controller.onlooker import Decided, Onlooker
from controller.recent import MOST, Recent
from controller.subjects import Key, Refusal

Json = dict[str, Any]
API = 1
"""Version of the read API; it is raised with a change that a reader of the one before would not understand."""
MOST_POLICIES = 1000
JSON_LINES = "application/x-ndjson"


@dataclass(frozen=True)
class Whose:
    """Which controller is asked.

    leading  says whether it decides now
    tick_s   between two decisions
    """

    version: str
    identity: str
    tick_s: float
    leading: Callable[[], bool]


class Looks(Onlooker):
    """The newest of every policy, for whoever looks on."""

    def __init__(self) -> None:
        self._newest: dict[Key, Decided] = {}
        self._refused: dict[Key, Refusal] = {}

    def decided(self, one: Decided) -> None:
        self._newest[one.key] = one

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        self._refused = {key: one for key, one in found.items() if isinstance(one, Refusal)}
        for gone in self._newest.keys() - (found.keys() - self._refused.keys()):
            del self._newest[gone]

    def page(self, limit: int, after: str) -> tuple[list[Json], str | None]:
        """Policies by name, and after which the next page begins; None where this is the last."""
        known = sorted(f"{namespace}/{name}" for namespace, name in self._newest.keys() | self._refused.keys())
        names = [name for name in known if name > after]
        shown = [one for name in names[:limit] if (one := self.short(name)) is not None]
        return shown, names[limit - 1] if len(names) > limit else None

    def short(self, name: str) -> Json | None:
        """A policy as the list has it; None for one that is not known."""
        namespace, _, rest = name.partition("/")
        who, key = {"namespace": namespace, "name": rest}, (namespace, rest)
        if key in self._newest:
            return who | _short(self._newest[key])
        refusal = self._refused.get(key)
        return None if refusal is None else who | {"refused": refusal.reason, "because": refusal.message}

    def whole(self, name: str) -> Json | None:
        """A policy with its reasons and forecasts; None for one that is not known."""
        short = self.short(name)
        one = self._newest.get((short["namespace"], short["name"])) if short is not None else None
        return short if one is None or short is None else short | _details(one.outcome)


def application(
    ready: Callable[[], str], registry: CollectorRegistry, looks: Looks, recent: Recent, whose: Whose
) -> FastAPI:
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

    _read_api(app, looks, recent, whose)
    return app


def _read_api(app: FastAPI, looks: Looks, recent: Recent, whose: Whose) -> None:
    @app.get("/v1")
    async def about() -> Json:
        return {
            "api": API, "version": whose.version, "identity": whose.identity, "leading": whose.leading(),
            "tick_s": whose.tick_s,
        }  # fmt: skip

    @app.get("/v1/policies")
    async def policies(limit: Annotated[int, Query(ge=1, le=MOST_POLICIES)] = MOST_POLICIES, after: str = "") -> Json:
        _check_leads(whose)
        page, following = looks.page(limit, after)
        return {"policies": page, "next": following}

    @app.get("/v1/policies/{namespace}/{name}")
    async def policy(namespace: str, name: str) -> Json:
        _check_leads(whose)
        found = looks.whole(f"{namespace}/{name}")
        if found is None:
            raise HTTPException(404, _unknown(looks, f"{namespace}/{name}"))
        return found

    @app.get("/v1/policies/{namespace}/{name}/ledger")
    def ledger(
        namespace: str, name: str, limit: Annotated[int, Query(ge=1, le=MOST)] = 240, after: datetime | None = None
    ) -> Response:
        _check_leads(whose)
        if after is not None and after.utcoffset() is None:
            raise HTTPException(422, f"after={after.isoformat()}: without its zone; give it in UTC, with a Z")
        followed = recent.policy((namespace, name))
        if followed is None:
            raise HTTPException(404, _unknown(looks, f"{namespace}/{name}"))
        lines = [header_line(followed), *recent.lines((namespace, name), after, limit)]
        return Response(b"".join(lines), media_type=JSON_LINES)


def _check_leads(whose: Whose) -> None:
    if not whose.leading():
        raise HTTPException(503, f"{whose.identity} does not lead: it decides nothing; ask the one that does")


def _unknown(looks: Looks, name: str) -> str:
    page, _ = looks.page(10, "")
    known = ", ".join(f"{one['namespace']}/{one['name']}" for one in page) or "none"
    return f"no decisions of {name}; known are {known}"


def _short(one: Decided) -> Json:
    outcome, decision = one.outcome, one.outcome.decision
    return {
        "id": one.id,
        "at": decision.at.isoformat(),
        "mode": outcome.policy.mode.value,
        "floor": decision.floor,
        "previous": decision.previous,
        "wanted": decision.wanted,
        "target": decision.target,
        "hpa_alone": outcome.observed.hpa_wish,
        "replicas": outcome.observed.replicas,
        "ready": outcome.observed.ready,
        "limited": outcome.limited,
        "held": outcome.held or None,
        "failed": one.failed or None,
        "problems": dict(one.problem),
        "rulings": {f.signal: f.verdict.ruling.value for f in outcome.forecasts if f.verdict is not None},
        "summary": decision.summary(),
    }


def _details(outcome: Outcome) -> Json:
    return {
        "reasons": [asdict(one) for one in outcome.decision.reasons],
        "readings": [asdict(one) for one in outcome.observed.readings],
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
