"""A ledger of every policy in one folder, in parts, of which the oldest go when the folder holds too much.

FOLDER/NAMESPACE/NAME/20260302T200001.250Z.jsonl is a whole ledger that `foresail ledger verify` and the dashboard read.
Another part begins where one is full, where what the policy says has changed, and where the controller began anew.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from controller.adapters.ledger import Entry, LedgerWriter
from controller.domain import Memory, Policy
from controller.subjects import Key

_PARTS = 4
"""So many parts of each policy the folder has room for; with one the history would begin anew each time it is full."""


@dataclass
class _Open:
    policy: Policy
    path: Path
    writer: LedgerWriter


class LedgerFolder:
    """For one thread at a time. What cannot be written raises OSError or BadLedger."""

    def __init__(self, root: Path, limit: int) -> None:
        """`limit` is in bytes, of all ledgers together."""
        self._root = root
        self._limit = limit
        self._open: dict[Key, _Open] = {}
        self._sizes = {path: path.stat().st_size for path in root.glob("*/*/*.jsonl")}

    @property
    def size(self) -> int:
        """Bytes of all ledgers in the folder."""
        return sum(self._sizes.values()) + sum(one.writer.size for one in self._open.values())

    def append(self, key: Key, policy: Policy, entry: Entry, line: bytes) -> None:
        """Writes a decision into the newest part of its policy; `line` is the entry as `entry_line` gives it."""
        part = self._open.get(key)
        if part is None or part.policy != policy or part.writer.size + len(line) > self._of_a_part:
            part = self._begin(key, policy, entry)
        part.writer.append_line(line)

    def give_up(self, key: Key) -> None:
        """After a failure: the next decision begins another part. Whoever reads leaves out a half-written last line."""
        with contextlib.suppress(OSError):
            if key in self._open:
                self._end(key)

    def forget(self, known: Collection[Key]) -> None:
        """Closes the parts of all policies but these; the files stay until the room is needed."""
        for gone in self._open.keys() - set(known):
            self._end(gone)

    def close(self) -> None:
        self.forget(())

    @property
    def _of_a_part(self) -> int:
        return self._limit // (_PARTS * max(1, len(self._open)))

    def _begin(self, key: Key, policy: Policy, entry: Entry) -> _Open:
        if key in self._open:
            self._end(key)
        folder = self._root / key[0] / key[1]
        folder.mkdir(parents=True, exist_ok=True)
        name = (entry.id or "").rpartition("-")[0]
        part = _Open(policy, path := folder / f"{name}.jsonl", LedgerWriter(path, policy, _left(entry)))
        self._open[key] = part
        self._make_room()
        return part

    def _end(self, key: Key) -> None:
        part = self._open.pop(key)
        self._sizes[part.path] = part.writer.size
        part.writer.close()

    def _make_room(self) -> None:
        """Removes the oldest parts that are no longer written, until all open ones may fill up; names sort by time."""
        room = self._limit - len(self._open) * self._of_a_part
        for path in sorted(self._sizes, key=lambda path: path.name):
            if sum(self._sizes.values()) <= room:
                return
            path.unlink(missing_ok=True)
            del self._sizes[path]


def _left(entry: Entry) -> Memory | None:
    return entry.memory if entry.memory.decided_at is not None else None
