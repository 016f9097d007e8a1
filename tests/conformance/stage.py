"""What the controller asks and answers, as it happens, for many HPAs at once, each in a namespace of its own.

Two places tell: the metrics server, which is asked in the midst of a sync, and the API server's audit log, in which the
controller reads a Scale, writes it, and writes the HPA's status. The first question of a sync is held back until the
player lets it go: meanwhile everything that the rest of the sync will look at can be put in place.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.cluster.api import Json
from tests.cluster.control_plane import CONTROLLER_MANAGER
from tests.cluster.metrics_server import Measured, Usage

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "RequestResponse",
            "users": [CONTROLLER_MANAGER],
            "resources": [
                {"group": "apps", "resources": ["deployments/scale"]},
                {"group": "autoscaling", "resources": ["horizontalpodautoscalers/status"]},
            ],
        },
        {"level": "None"},
    ],
}
LONGEST_HOLD_S = 40.0
"""The API server waits a minute for an answer."""


def audit_flags(folder: Path) -> dict[str, str]:
    """Flags of an API server that writes down what `follow_audit` reads."""
    policy = folder / "audit-policy.yaml"
    policy.write_text(yaml.safe_dump(POLICY))
    audit_log(folder).touch()
    return {"audit-policy-file": str(policy), "audit-log-path": str(audit_log(folder))}


def audit_log(folder: Path) -> Path:
    return folder / "audit.log"


class Noticed(NamedTuple):
    """One thing that the controller asked of the API server, and when.

    what  "get scale", "put scale" or "put status"
    code  the API server's HTTP status
    body  what was read or written
    """

    what: str
    at: float
    code: int = 200
    body: Json | None = None


@dataclass(frozen=True)
class Answers:
    """What the metrics APIs answer to one HPA; what is absent is answered with 404."""

    external: Mapping[str, Sequence[Measured]] = field(default_factory=dict)
    objects: Mapping[str, Measured] = field(default_factory=dict)
    pods: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    usage: Mapping[str, Usage] | None = None


class Seat:
    """One HPA's place on the stage.

    questions  how many metrics its HPA has: each is asked for once in a sync
    """

    def __init__(self, questions: int) -> None:
        self.answers = Answers()
        self.noticed: queue.SimpleQueue[Noticed] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._questions = questions
        self._asked = 0
        self._turn = threading.Lock()
        self._go = threading.Event()

    def next(self, patience_s: float) -> Noticed | None:
        """What the controller asks next of the API server, or None where it asks nothing for so long."""
        try:
            return self.noticed.get(timeout=patience_s)
        except queue.Empty:
            return None

    def is_held(self, patience_s: float) -> bool:
        """Whether the sync has come, or comes within that time, to its first question."""
        try:
            self._waiting.get(timeout=patience_s)
        except queue.Empty:
            return False
        return True

    def release(self) -> float:
        """Lets the sync that is held go on, and tells when."""
        at = time.time()  # noqa: TID251  the clock that the controller reads
        self._go.set()
        return at

    def hold(self) -> None:
        """From now on the first question of a sync waits."""
        self._go.clear()

    def forget(self) -> None:
        """Lets go what is held for a controller that is gone, and begins anew."""
        self._go.set()
        with self._turn:
            self._asked = 0
        while self.next(0.0) is not None or self.is_held(0.0):
            pass

    def question(self) -> Answers:
        """Called for each question; the first of a sync waits here."""
        with self._turn:
            first = self._asked % self._questions == 0
            self._asked += 1
        if first:
            self._waiting.put(None)
            self._go.wait(LONGEST_HOLD_S)
        return self.answers


class Stage:
    """The metrics of all HPAs, by namespace; who has no seat is told nothing."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}

    def seat(self, namespace: str, questions: int) -> Seat:
        seat = self._seats[namespace] = Seat(questions)
        return seat

    def resources(self, namespace: str, selector: str) -> Mapping[str, Usage] | None:
        return self._ask(namespace).usage

    def pods(self, namespace: str, metric: str, selector: str) -> Mapping[str, Measured] | None:
        return self._ask(namespace).pods.get(metric)

    def object(self, namespace: str, described: str, metric: str, selector: str) -> Measured | None:
        return self._ask(namespace).objects.get(metric)

    def external(self, namespace: str, metric: str, selector: str) -> Sequence[Measured] | None:
        return self._ask(namespace).external.get(metric)

    def notice(self, namespace: str, noticed: Noticed) -> None:
        if namespace in self._seats:
            self._seats[namespace].noticed.put(noticed)

    def _ask(self, namespace: str) -> Answers:
        return self._seats[namespace].question() if namespace in self._seats else Answers()


@contextmanager
def follow_audit(log: Path, notice: Callable[[str, Noticed], None]) -> Iterator[None]:
    """Tells of what the controller does, as the API server writes it down, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_follow, args=(log, notice, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _follow(log: Path, notice: Callable[[str, Noticed], None], ended: threading.Event) -> None:
    rest = ""
    with log.open() as file:
        while not ended.wait(0.01):
            *lines, rest = (rest + file.read()).split("\n")
            for line in lines:
                event = json.loads(line)
                notice(event["objectRef"]["namespace"], _noticed(event))


def _noticed(event: Json) -> Noticed:
    what = "put status" if event["objectRef"]["subresource"] == "status" else f"{_VERBS[event['verb']]} scale"
    at = datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp()
    body = event.get("responseObject" if what == "get scale" else "requestObject")
    return Noticed(what, at, event["responseStatus"]["code"], body)


_VERBS = {"get": "get", "update": "put"}
