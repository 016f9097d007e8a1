"""Keeps what was decided: in memory for the read API and, where a folder is named, in a ledger of every policy.

Writing happens beside the ticks, in one thread: a tick leaves its decisions here and goes on. A disk that is full or
too slow costs lines of the ledger, which is said in the log, and never a tick.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from controller.adapters.ledger import entry_line
from controller.deciding import Outcome
from controller.errors import BadLedger
from controller.ledger_folder import LedgerFolder
from controller.onlooker import Decided, Onlooker
from controller.recent import Recent
from controller.subjects import Key, Refusal

_MOST_WAITING = 20_000
_LOG = logging.getLogger(__name__)


class Recorder(Onlooker):
    """Needs a running event loop."""

    def __init__(self, recent: Recent, folder: LedgerFolder | None = None) -> None:
        self._recent = recent
        self._folder = folder
        self._waiting: list[Decided] = []
        self._thread = ThreadPoolExecutor(1, "recorder")
        self._work: asyncio.Future[None] | None = None
        self._known: set[Key] | None = None
        self._failing = ""

    def decided(self, one: Decided) -> None:
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(one)

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        known = {key for key, one in found.items() if isinstance(one, Outcome)}
        if (self._waiting or known != self._known) and (self._work is None or self._work.done()):
            batch, self._waiting, self._known = self._waiting, [], known
            self._work = asyncio.get_running_loop().run_in_executor(self._thread, self._record, batch, known)

    async def settled(self) -> None:
        """Returns when what was left so far is written."""
        if self._work is not None:
            await self._work

    async def close(self) -> None:
        """Writes what is left."""
        await self.settled()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._finish, self._waiting)
        self._thread.shutdown()

    def _finish(self, left: list[Decided]) -> None:
        for one in left:
            self._keep(one)
        if self._folder is not None:
            self._folder.close()

    def _record(self, batch: list[Decided], known: set[Key]) -> None:
        for one in batch:
            self._keep(one)
        self._recent.forget(known)
        if self._folder is not None:
            self._folder.forget(known)

    def _keep(self, one: Decided) -> None:
        entry = one.entry
        line = entry_line(entry)
        self._recent.add(one.key, one.outcome.policy, entry.now, line)
        if self._folder is None or one.outcome.held or one.failed:
            return  # a ledger holds what was planned and done: all else its inputs would not give again
        try:
            self._folder.append(one.key, one.outcome.policy, entry, line)
            self._failing = ""
        except (OSError, BadLedger) as error:
            self._folder.give_up(one.key)
            if str(error) != self._failing:
                _LOG.warning("the ledger is not written, decisions go on without: %s", error)
            self._failing = str(error)
