"""What the page reads of a running controller: its policies, and of each the last decisions, over its read API.

A controller that is away, slow, of another version, or that does not lead is a state to show, not an exception. What
was read before stays, with the time that it is of.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from controller.adapters.ledger import Entry, ledger_of
from controller.domain import Policy
from controller.errors import BadLedger
from dashboard.sources import Notice, Run

API = 1
"""The version of the read API that is understood."""
TIMEOUT_S = 3.0
_TRIES = 4
"""Behind one name there may be a leader and those who wait; each connection may reach another."""
_MOST_ENTRIES = 1440
_MOST_BYTES = 32 * 2**20
_PAGE = 1000
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Past any proxy: the controller is on this machine or in this cluster."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """All policies of a controller as it told them; `trouble` says why nothing newer is known, where that is so."""

    identity: str
    policies: tuple[Json, ...]
    tick_s: float
    trouble: str = ""


class _Trouble(Exception):
    """Why there was no answer that can be used, in a sentence."""


class _Elsewhere(_Trouble):
    """Another controller leads, or none."""


class ControllerSource:
    """One running controller, or several of which one leads, at a URL; for any number of browsers."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._fleet: Fleet | None = None
        self._runs: dict[str, tuple[Policy, tuple[Entry, ...]]] = {}

    def fleet(self) -> Fleet | Notice:
        """The policies now, or as they were last known, with the trouble; a notice before the first answer."""
        with self._lock:
            try:
                self._fleet = self._told()
                names = {f"{one['namespace']}/{one['name']}" for one in self._fleet.policies}
                self._runs = {name: run for name, run in self._runs.items() if name in names}
            except _Trouble as trouble:
                if self._fleet is None:
                    return Notice(str(trouble), True)
                self._fleet = Fleet(self._fleet.identity, self._fleet.policies, self._fleet.tick_s, str(trouble))
            return self._fleet

    def run(self, name: str) -> Run | Notice:
        """The last decisions of a policy, by its namespace/name; each is asked for once."""
        with self._lock:
            heard = True
            try:
                self._catch_up(name)
            except _Trouble as trouble:
                if name not in self._runs:
                    return Notice(str(trouble), True)
                heard = False
            policy, entries = self._runs[name]
            if not entries:
                return Notice(f"{name}: no decision yet; the first is shown as soon as it is made.", True)
            return Run(policy, entries, heard, "not heard of since")

    def _told(self) -> Fleet:
        last: _Elsewhere | None = None
        for _ in range(_TRIES):
            about = self._json("/v1")
            if about.get("api") != API:
                raise _Trouble(
                    f"{self.url} speaks version {about.get('api')!r} of the read API; this page knows {API}."
                )
            if about.get("leading"):
                try:
                    return Fleet(str(about["identity"]), tuple(self._policies()), float(about["tick_s"]))
                except _Elsewhere as trouble:  # another one may have answered the second question
                    last = trouble
        raise last or _Trouble(
            f"No controller at {self.url} leads now; another may be about to. This page goes on asking."
        )

    def _policies(self) -> list[Json]:
        found: list[Json] = []
        after: str | None = ""
        while after is not None:
            page = self._json("/v1/policies?" + urlencode({"limit": _PAGE, "after": after}))
            found += page["policies"]
            after = page["next"]
        return found

    def _catch_up(self, name: str) -> None:
        before = self._runs.get(name)
        newest = before[1][-1].now if before and before[1] else None
        path = f"/v1/policies/{quote(name)}/ledger"
        for attempt in range(_TRIES):
            try:
                told = self._answer(path + "?" + urlencode(_since(newest)))
                break
            except _Elsewhere:
                if attempt == _TRIES - 1:
                    raise
        try:
            ledger = ledger_of(told, f"{self.url}{path}")
        except BadLedger as error:
            raise _Trouble(f"{error}; is the controller of another version?") from error
        known = before[1] if before else ()
        self._runs[name] = ledger.policy, (*known, *ledger.entries)[-_MOST_ENTRIES:]

    def _json(self, path: str) -> Json:
        try:
            found = json.loads(self._answer(path))
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _Trouble(f"{self.url}: not the read API of a controller; give --controller the URL of one.")
        return found

    def _answer(self, path: str) -> bytes:
        try:
            with _DIRECT.open(self.url + path, timeout=self._timeout_s) as answer:
                if answer.length is None or answer.length > _MOST_BYTES:
                    raise _Trouble(f"{self.url}: an answer of no length, or beyond {_MOST_BYTES // 2**20} MiB.")
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            kind = _Elsewhere if error.code == 503 else _Trouble
            raise kind(f"{self.url} says {error.code}: {_detail(error)}.") from error
        except TimeoutError as error:
            raise _Trouble(f"{self.url} gave no answer within {self._timeout_s:g} s.") from error
        except (OSError, HTTPException) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise _Trouble(f"{self.url} gave no answer within {self._timeout_s:g} s.") from error
            raise _Trouble(f"No controller answers at {self.url}; this page goes on asking.") from error


def _since(newest: datetime | None) -> Json:
    limit = {"limit": _MOST_ENTRIES}
    return limit if newest is None else limit | {"after": newest.isoformat()}


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        found = json.loads(error.read(10_000))
        return str(found["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)
