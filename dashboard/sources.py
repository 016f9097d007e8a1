"""What the page reads: the ledger, as far as it is written, and the running controller's metrics, where there are any.

A file that is not there yet, a damaged one and an endpoint that does not answer are states to show, not exceptions.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from controller.adapters.ledger import Entry, Ledger, follow_ledger, read_ledger
from controller.domain import Policy
from controller.errors import BadLedger

if TYPE_CHECKING:
    from controller.metrics import Reported

OVER_AFTER_S = 30.0
"""A run whose ledger has not grown for so long, in real time, is taken to be over."""
_TIMEOUT_S = 0.5
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy: the controller is on this machine or in this cluster."""


@dataclass(frozen=True)
class Run:
    """A ledger as far as it is written; `live` is whether it grew of late, `over` what to say where it did not."""

    policy: Policy
    entries: tuple[Entry, ...]
    live: bool
    over: str = "the run is over"


@dataclass(frozen=True)
class Notice:
    """Why there is nothing to draw, in a sentence; `live` is whether that may change by itself."""

    text: str
    live: bool


class LedgerSource:
    """A ledger that is read as it grows: each byte once, whoever asks and however often."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """`clock` gives the seconds since the epoch that the file's times are in."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Ledger | None = None
        self._file: tuple[int, int] | None = None
        self._entries: list[Entry] = []

    def read(self) -> Run | Notice:
        """The ledger now. A file that another took the place of is read from its start."""
        with self._lock:
            try:
                stat = self._path.stat()
            except OSError as error:
                return Notice(
                    f"{self._path}: no ledger yet ({error.strerror}). It is shown as soon as it is there.", True
                )
            live = self._clock() - stat.st_mtime < OVER_AFTER_S
            if stat.st_size == 0:
                return Notice(f"{self._path}: still empty; the first decision is shown as soon as it is written.", True)
            if self._file != (stat.st_dev, stat.st_ino) or (self._seen and stat.st_size < self._seen.end):
                self._seen, self._entries = None, []
            self._file = stat.st_dev, stat.st_ino
            try:
                policy = self._catch_up()
            except BadLedger as error:
                return Notice(str(error), live)
            if not self._entries:
                return Notice(f"{self._path}: no decision yet; the first is shown as soon as it is written.", True)
            return Run(policy, tuple(self._entries), live)

    def _catch_up(self) -> Policy:
        self._seen = read_ledger(self._path) if self._seen is None else follow_ledger(self._path, self._seen)
        self._entries.extend(self._seen.entries)
        return self._seen.policy


class MetricsSource:
    """The running controller's /metrics."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(self) -> Reported | Notice:
        """The newest decision that the controller reports, or why there is none."""
        from controller.metrics import reported

        try:
            with _DIRECT.open(self.url, timeout=_TIMEOUT_S) as answer:
                found = reported(answer.read().decode())
        except (OSError, HTTPException):
            return Notice(f"No controller answers at {self.url}: the run has ended, or is elsewhere.", True)
        except ValueError:
            return Notice(f"{self.url}: not the metrics of a controller; give --metrics the URL of one.", True)
        return found or Notice(f"{self.url}: no decision reported yet.", True)
