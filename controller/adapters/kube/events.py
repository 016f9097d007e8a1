"""Events: what happened to an object, where `kubectl describe` shows it. An event that fails is logged and lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from controller.errors import ClusterError, NotFound

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)
_LONGEST = 1000
_KEPT = 200


class Server(Protocol):
    """What events need of the API."""

    async def create(self, path: str, body: Json) -> Json: ...

    async def patch(
        self, path: str, change: object, kind: str = ..., params: Mapping[str, str] | None = None
    ) -> Json: ...


class Events:
    """Events of one controller. The same one again is counted in a series and not written anew."""

    def __init__(self, server: Server, controller: str, instance: str) -> None:
        self._server = server
        self._controller = controller
        self._instance = instance
        self._series: dict[tuple[str, str, str], tuple[str, int]] = {}

    async def emit(self, regarding: Json, kind: str, reason: str, note: str, action: str) -> None:
        """`kind` is Normal or Warning; `reason` and `action` are words in CamelCase. Never raises."""
        namespace = regarding["metadata"].get("namespace") or "default"
        folder = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        key = (regarding["metadata"].get("uid", ""), reason, note)
        try:
            if key in self._series and await self._again(folder, key):
                return
            made = await self._server.create(folder, self._event(regarding, kind, reason, note, action))
            self._series[key] = made["metadata"]["name"], 1
            while len(self._series) > _KEPT:
                self._series.pop(next(iter(self._series)))
        except ClusterError as error:
            _LOG.warning("the event %s was not taken: %s", reason, error)

    async def _again(self, folder: str, key: tuple[str, str, str]) -> bool:
        name, count = self._series[key]
        series = {"count": count + 1, "lastObservedTime": _now()}
        try:
            await self._server.patch(f"{folder}/{name}", {"series": series})
        except NotFound:  # events are kept for an hour
            del self._series[key]
            return False
        self._series[key] = name, count + 1
        return True

    def _event(self, regarding: Json, kind: str, reason: str, note: str, action: str) -> Json:
        metadata = regarding["metadata"]
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name'][:200]}.{uuid4().hex[:16]}"},
            "eventTime": _now(),
            "reportingController": self._controller,
            "reportingInstance": self._instance[:128],
            "type": kind,
            "reason": reason,
            "action": action,
            "note": note[:_LONGEST],
            "regarding": {
                "apiVersion": regarding["apiVersion"],
                "kind": regarding["kind"],
                "namespace": metadata.get("namespace", ""),
                "name": metadata["name"],
                "uid": metadata.get("uid", ""),
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: TID251  when it happened is now
