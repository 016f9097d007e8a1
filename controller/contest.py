"""Whether another writes the floor too, and what comes of it: as the managed fields and the resets tell. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from controller.domain import Ownership
from controller.status import CONTESTED, Condition

Json = dict[str, Any]
MOST_RESETS = 20
"""Times an hour that an owner's reset is put right at once; after that only with the ticks."""
_HOUR = timedelta(hours=1)
_FLOORS = ("f:minReplicas", "f:minReplicaCount")


class Resets:
    """The resets of the last hour that were put right at once."""

    def __init__(self) -> None:
        self._at: deque[datetime] = deque()

    def count(self, now: datetime) -> int:
        while self._at and now - self._at[0] >= _HOUR:
            self._at.popleft()
        return len(self._at)

    def too_many(self, now: datetime) -> bool:
        return self.count(now) >= MOST_RESETS

    def add(self, now: datetime) -> None:
        self._at.append(now)


def holders(hpa: Json) -> Iterator[tuple[str, str]]:
    """Manager and operation (Apply or Update) of every entry of the managed fields that holds the floor."""
    for entry in hpa["metadata"].get("managedFields") or []:
        spec = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        if any(name in spec for name in _FLOORS):
            yield entry.get("manager", ""), entry.get("operation", "")


def contested(hpa: Json, manager: str, ownership: Ownership, resets: int, failed: str) -> Condition:
    """The condition; `manager` is our name, `failed` why the newest write was not taken, empty where it was."""
    held = list(holders(hpa))
    others = ", ".join(sorted({name for name, _ in held if name != manager}))
    if failed and others and ownership is Ownership.RESPECT:
        return Condition(
            CONTESTED, True, "FieldHeld",
            f"the floor belongs to {others}, and with ownership Respect that is left alone; leave it out of their"
            " manifest, or let the policy say ownership: Share",
        )  # fmt: skip
    if resets >= MOST_RESETS:
        return Condition(
            CONTESTED, True, "ResetTooOften",
            f"the floor was reset {resets} times within an hour and is now put back with the ticks only, which may cost"
            " pods in between; leave minReplicas out of whatever keeps applying it",
        )  # fmt: skip
    if (manager, "Apply") in held:
        return Condition(
            CONTESTED, True, "Claimed",
            f"the floor is claimed by {manager}, as ownership {ownership.value} asks; a server-side apply of another"
            " that names it fails unless it forces (Helm 4: --force-conflicts); or let the policy say ownership: Share",
        )  # fmt: skip
    return Condition(CONTESTED, False, "Uncontested")
