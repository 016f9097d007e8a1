"""Writes to the user's HPA in the way that its policy states, so that their next apply does not fail because of it.

Share leaves no claim: a JSON patch of the values, and then one that removes our entry from the managed fields. One
request that does both does not work, because the server books the change to us after reading it. What a crash between
the two leaves behind is removed with the next look (`drop_claim`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from controller.domain import Ownership
from controller.errors import ApiRefused, Conflict, NotFound, TooMany
from controller.hpa_patch import Change, operations, without_claim
from controller.scaled_objects import FIELD, VERSION, is_view

Json = dict[str, Any]
MANAGER = "foresail"
_JSON_PATCH = "application/json-patch+json"
_APPLY = "application/apply-patch+yaml"
_AT_ONCE = 8
_UNPROCESSABLE = 422
_FAILED_TEST = "the server rejected our request due to an error in our request"
_ATTEMPTS = 4
_LOG = logging.getLogger(__name__)


class Server(Protocol):
    """What a writer needs of the API."""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Json: ...

    async def patch(
        self, path: str, change: object, kind: str = ..., params: Mapping[str, str] | None = None
    ) -> Json: ...


def hpa_path(namespace: str, name: str) -> str:
    """Where an HPA is."""
    return f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"


def _path_of(hpa: Json) -> str:
    namespace, name = hpa["metadata"]["namespace"], hpa["metadata"]["name"]
    if is_view(hpa):
        return f"/apis/{VERSION}/namespaces/{namespace}/scaledobjects/{name}"
    return hpa_path(namespace, name)


class HpaWriter:
    """Changes HPAs, at most eight at once."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._room = asyncio.Semaphore(_AT_ONCE)
        self.writes = 0

    async def write(self, hpa: Json, change: Change, ownership: Ownership) -> Json:
        """The HPA afterwards; as it is where nothing differs.

        An owner's 0 can be given back only while the server has the feature gate HPAScaleToZero. Where it has it no
        longer, or a note was made up, 1 is the least that it takes: a hand-back must come to its end.

        Raises Conflict where another changed it since it was read, or, with Respect, holds the field.
        """
        if not operations(hpa, change):
            return hpa
        async with self._room:
            try:
                return await self._written(hpa, change, ownership)
            except ApiRefused as error:
                if error.status != _UNPROCESSABLE or change.floor != 0 or is_view(hpa):
                    raise
                _LOG.warning("%s: a minReplicas of 0 is not taken, so that it is 1: %s", _path_of(hpa), error)
                return await self._written(hpa, replace(change, floor=1), ownership)

    async def _written(self, hpa: Json, change: Change, ownership: Ownership) -> Json:
        path = _path_of(hpa)
        if ownership is Ownership.SHARE:
            return await self._unclaimed(path, await self._patch(path, operations(hpa, change)))
        return await self._applied(path, hpa, change, force=ownership is Ownership.FORCE)

    async def drop_claim(self, hpa: Json) -> Json:
        """Removes a claim that was left behind; the HPA afterwards."""
        if not without_claim(hpa, MANAGER):
            return hpa
        async with self._room:
            return await self._unclaimed(_path_of(hpa), hpa)

    async def _unclaimed(self, path: str, hpa: Json, *, applied: bool = True) -> Json:
        """Tries again on what is there by then: the value is written, only the entry is still to go."""
        for _ in range(_ATTEMPTS):
            removal = without_claim(hpa, MANAGER, applied=applied)
            if not removal:
                return hpa
            try:
                return await self._patch(path, removal)
            except Conflict:
                hpa = await self._server.get(path)
            except NotFound:
                return hpa
        _LOG.warning("%s: our entry among the managed fields is still there; it goes with the next look", path)
        return hpa

    async def _patch(self, path: str, wanted: list[Json]) -> Json:
        for attempt in range(_ATTEMPTS):
            try:
                self.writes += 1
                return await self._server.patch(path, wanted, _JSON_PATCH, {"fieldManager": MANAGER})
            except ApiRefused as error:
                if error.status == _UNPROCESSABLE and _FAILED_TEST in error.message:
                    raise Conflict(f"PATCH {path}", 409, "Conflict", error.message) from error
                if not isinstance(error, TooMany):
                    raise
                if attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(min(error.retry_after or 1.0, 10.0))
        raise AssertionError("unreachable")

    async def _applied(self, path: str, hpa: Json, change: Change, *, force: bool) -> Json:
        """Server-side apply of the floor and its note; what a body leaves out would be given up.

        Targets lie in a list that is owned as a whole, so that they are patched.
        """
        if change.floor is not None:
            names = ("name", "namespace", "resourceVersion")
            body = {
                "apiVersion": VERSION if is_view(hpa) else "autoscaling/v2",
                "kind": "ScaledObject" if is_view(hpa) else "HorizontalPodAutoscaler",
                "metadata": {
                    **{name: hpa["metadata"][name] for name in names},
                    "annotations": {key: value for key, value in change.annotations.items() if value is not None},
                },
                "spec": {FIELD if is_view(hpa) else "minReplicas": change.floor},
            }
            self.writes += 1
            hpa = await self._server.patch(
                path, body, _APPLY, {"fieldManager": MANAGER, "force": "true" if force else "false"}
            )
        rest = operations(hpa, Change(targets=change.targets, annotations=change.annotations))
        if not rest:
            return hpa
        return await self._unclaimed(path, await self._patch(path, rest), applied=False)
