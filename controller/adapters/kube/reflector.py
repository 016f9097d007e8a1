"""Keeps a copy of all objects of one kind, as the API server has them: list, then watch, and again when that breaks.

Written here and not taken from the client, whose informer begins anew without a pause while the server is away and
never notices a connection that is half open (measured; see docs/decisions).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from controller.errors import ApiRefused, ClusterError, Forbidden, Gone, NotFound, TooMany

Json = dict[str, Any]
Key = tuple[str, str]
"""Namespace and name."""
OnChange = Callable[[str, Json], None]
"""Called with ADDED, MODIFIED or DELETED, and the object."""

_PAGE = 500
_SHORT_S = 1.0
"""A watch that ends sooner, and has said nothing, is no watch: something in between may end each of them at once."""
_PATIENT_FOR = 3
"""Refusals in a row of a watch from one version; then it is listed anew, as after a restore of an older etcd."""
_LOG = logging.getLogger(__name__)


class Server(Protocol):
    """What a reflector needs of the API."""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Json: ...

    def watch(self, path: str, params: Mapping[str, str], silence_s: float) -> AsyncIterator[Json]: ...


@dataclass(frozen=True)
class Patience:
    """Seconds.

    silence   after which a watch counts as broken; the server sends a bookmark a minute, if nothing else
    watch     after which the server is asked to end a watch; half as much again, by chance
    first     pause after a failure, doubled with each further one up to `longest`; half of each is by chance
    """

    silence: float = 90.0
    watch: float = 300.0
    first: float = 0.2
    longest: float = 30.0

    def pause(self, failures: int) -> float:
        """The pause after so many failures in a row."""
        whole = min(self.longest, self.first * 2.0 ** min(failures - 1, 20))
        return whole * (0.5 + random.random() / 2)


class Reflector:
    """All objects below one path.

    objects  by namespace and name, raw JSON; empty until `synced`
    synced   whether the list has come at least once
    seen_at  of time.monotonic, when the server was last heard of
    """

    def __init__(
        self,
        server: Server,
        path: str,
        on_change: OnChange | None = None,
        patience: Patience | None = None,
        *,
        keep: Callable[[Json], Json] = lambda one: one,
        optional: bool = False,
    ) -> None:
        """`keep` is what is kept of an object, its name and version at least; it is told of whole.

        With `optional` a kind that the server does not have, or does not show us, has no objects; it may come later.
        """
        self.path = path
        self.objects: dict[Key, Json] = {}
        self.synced = False
        self.seen_at = time.monotonic()
        self.attempts = 0
        self._server = server
        self._on_change = on_change or (lambda _, __: None)
        self._patience = patience or Patience()
        self._keep = keep
        self._optional = optional
        self._version = ""
        self._changed = asyncio.Event()

    def silence_s(self) -> float:
        """Seconds since the server was last heard of."""
        return time.monotonic() - self.seen_at

    async def run(self) -> None:
        """Follows the server until it is cancelled; nothing that the server does ends it."""
        failures = 0
        while True:
            heard, began = self.seen_at, time.monotonic()
            try:
                self.attempts += 1
                if not self._version:
                    await self._list()
                await self._watch()
                followed = self.seen_at > heard or time.monotonic() - began > _SHORT_S
                failures = 0 if followed else failures + 1
            except Gone:
                self._version = ""
                failures = 0 if self.seen_at > heard else failures + 1
            except (NotFound, Forbidden) as error:
                failures += 1
                if self._optional:
                    self._nothing()
                elif failures in (1, 10, 100):
                    _LOG.warning("following %s: %s", self.path, error)
            except ClusterError as error:
                failures = 1 if self.seen_at > heard else failures + 1
                self._doubt(error, failures)
                if failures in (1, 10, 100):
                    _LOG.warning("following %s: %s", self.path, error)
            if failures:
                await asyncio.sleep(self._patience.pause(failures))

    def _nothing(self) -> None:
        """The kind is not there, which is an answer too."""
        for key in list(self.objects):
            self._tell("DELETED", self.objects.pop(key))
        self._version, self.seen_at, self.synced = "", time.monotonic(), True
        self._changed.set()

    def _doubt(self, error: ClusterError, failures: int) -> None:
        """After refusals in a row it is the version that the server does not know."""
        if isinstance(error, ApiRefused) and not isinstance(error, TooMany) and failures > _PATIENT_FOR:
            self._version = ""

    async def until_synced(self) -> None:
        """Returns when the first list is there."""
        while not self.synced:
            await self._changed.wait()
            self._changed.clear()

    async def _list(self) -> None:
        """Everything, page by page; what is gone meanwhile is told as deleted."""
        found: dict[Key, Json] = {}
        params = {"limit": str(_PAGE)}
        while True:
            page = await self._server.get(self.path, params)
            found |= {key_of(one): one for one in page.get("items", [])}
            following = page["metadata"].get("continue")
            if not following:
                break
            params = {"limit": str(_PAGE), "continue": following}
        self.seen_at = time.monotonic()
        for key in self.objects.keys() - found.keys():
            self._tell("DELETED", self.objects.pop(key))
        for key, one in found.items():
            known = self.objects.get(key)
            self.objects[key] = self._keep(one)
            if known is None or version_of(known) != version_of(one):
                self._tell("ADDED" if known is None else "MODIFIED", one)
        self._version = page["metadata"]["resourceVersion"]
        self.synced = True
        self._changed.set()

    async def _watch(self) -> None:
        length = self._patience.watch * (1 + random.random() / 2)
        params = {
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": f"{max(1, length):.0f}",
        }
        async for event in self._server.watch(self.path, params, self._patience.silence):
            self.seen_at = time.monotonic()
            one = event["object"]
            self._version = version_of(one)
            if event["type"] == "DELETED":
                self.objects.pop(key_of(one), None)
            elif event["type"] != "BOOKMARK":
                self.objects[key_of(one)] = self._keep(one)
            if event["type"] != "BOOKMARK":
                self._tell(event["type"], one)

    def _tell(self, kind: str, one: Json) -> None:
        try:
            self._on_change(kind, one)
        except Exception:  # noqa: BLE001  whoever listens must not end the listening
            _LOG.exception("a change of %s was not taken", key_of(one))


def only_its_version(one: Json) -> Json:
    """To be kept of kinds of which there are many: they are told, and let go."""
    names = ("name", "namespace", "resourceVersion")
    return {"metadata": {name: one["metadata"][name] for name in names if name in one["metadata"]}}


def without_claims(one: Json) -> Json:
    """To be kept where nobody asks who holds which field: that is half of an object's memory."""
    return {**one, "metadata": {name: part for name, part in one["metadata"].items() if name != "managedFields"}}


def key_of(one: Json) -> Key:
    """Namespace and name of an object; the namespace is empty where it has none."""
    return one["metadata"].get("namespace", ""), one["metadata"]["name"]


def version_of(one: Json) -> str:
    version: str = one["metadata"]["resourceVersion"]
    return version
