"""What the users of a policy are told: events as something flips, and its status when it is due.

Statuses are written after every HPA, and only for some seconds of a tick: what explains a decision must not hold the
next one up. What is left waits for the next tick, and nobody waits for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from controller.errors import ClusterError
from controller.status import due
from controller.subjects import Key
from controller.telling import Told, events_of

Json = dict[str, Any]
STATUSES_S = 2.0
"""Of a tick that statuses may take."""
_AT_ONCE = 8
_NEVER = datetime.min.replace(tzinfo=UTC)
_LOG = logging.getLogger(__name__)


class Scribe(Protocol):
    """Whoever writes them into the cluster."""

    async def write_status(self, policy: Json, status: Json) -> None: ...

    async def tell(self, regarding: Json, told: Told) -> None: ...


@dataclass
class _Said:
    """Of one policy: `status` as it was written, and when; `told` as events were last made of it."""

    status: Json = field(default_factory=dict)
    written_at: datetime | None = None
    told: Json = field(default_factory=dict)


class Statuses:
    """Of all policies of one controller."""

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe
        self._said: dict[Key, _Said] = {}
        self._due: list[tuple[Json, _Said, Json]] = []

    def begin(self, keys: Collection[Key]) -> None:
        """A tick begins, and these are the policies that there are."""
        for gone in self._said.keys() - keys:
            del self._said[gone]
        self._due = []

    def clear(self) -> None:
        """Forgets what was said: another says it from now on."""
        self._said.clear()

    def last(self, key: Key, policy: Json) -> Json:
        """What was told last, by us or by whoever led before."""
        mine = self._said.get(key)
        said: Json = (mine.told if mine else {}) or policy.get("status", {})
        return said

    async def tell(self, key: Key, policy: Json, status: Json, now: datetime, more: Iterable[Told] = ()) -> None:
        """Events at once, `more` of them first; the status is kept until `write`, if it is due."""
        for told in [*more, *events_of(self.last(key, policy), status)]:
            await self._scribe.tell(policy, told)
        mine = self._said.setdefault(key, _Said())
        mine.told = status
        if due(mine.status or policy.get("status", {}), status, mine.written_at, now):
            self._due.append((policy, mine, status))

    async def write(self, now: datetime) -> None:
        """Those first that wait longest; what is left after some seconds waits for the next tick."""
        waiting = deque(sorted(self._due, key=lambda one: one[1].written_at or _NEVER))
        until = time.monotonic() + STATUSES_S

        async def write_some() -> None:
            while waiting and time.monotonic() < until:
                policy, mine, status = waiting.popleft()
                try:
                    await self._scribe.write_status(policy, status)
                except ClusterError as error:
                    _LOG.warning("%s: the status was not taken: %s", policy["metadata"]["name"], error)
                else:
                    mine.status, mine.written_at = status, now

        await asyncio.gather(*(write_some() for _ in range(_AT_ONCE)))
