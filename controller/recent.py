"""The last decisions of every policy, as lines of a ledger, in a bounded amount of memory.

The lines are kept compressed. All policies together take no more than was granted; each has the same share of it, and
what is oldest goes first.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from controller.domain import Policy
from controller.subjects import Key

BYTES = 64 * 2**20
MOST = 1440
"""Decisions of a policy: six hours of ticks."""


@dataclass
class _Kept:
    policy: Policy
    lines: deque[tuple[datetime, bytes]] = field(default_factory=deque)
    size: int = 0


class Recent:
    """Written from one thread, read from others."""

    def __init__(self, limit: int = BYTES) -> None:
        """`limit` is in bytes."""
        self._limit = limit
        self._kept: dict[Key, _Kept] = {}
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes that the lines take now."""
        with self._lock:
            return sum(kept.size for kept in self._kept.values())

    def add(self, key: Key, policy: Policy, at: datetime, line: bytes) -> None:
        """The newest decision of a policy; `policy` is as it was followed."""
        packed = zlib.compress(line, 1)
        with self._lock:
            kept = self._kept.setdefault(key, _Kept(policy))
            kept.policy = policy
            kept.lines.append((at, packed))
            kept.size += len(packed)
            share = self._limit // len(self._kept)
            while len(kept.lines) > MOST or (kept.size > share and len(kept.lines) > 1):
                kept.size -= len(kept.lines.popleft()[1])

    def forget(self, known: Collection[Key]) -> None:
        """All but these."""
        with self._lock:
            for gone in self._kept.keys() - set(known):
                del self._kept[gone]

    def policy(self, key: Key) -> Policy | None:
        """As it was followed last; None for one of which nothing is kept."""
        with self._lock:
            kept = self._kept.get(key)
            return None if kept is None else kept.policy

    def lines(self, key: Key, after: datetime | None = None, most: int = MOST) -> list[bytes]:
        """The newest lines after a moment, at most so many, newest last; none for a policy that is not known."""
        with self._lock:
            kept = self._kept.get(key)
            found = [] if kept is None else list(self._newest(kept, after, most))
        return [zlib.decompress(packed) for packed in reversed(found)]

    def _newest(self, kept: _Kept, after: datetime | None, most: int) -> Iterator[bytes]:
        for count, (at, packed) in enumerate(reversed(kept.lines)):
            if count == most or (after is not None and at <= after):
                return
            yield packed
