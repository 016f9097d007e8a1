"""Plays the kubelets: pods of a cluster without nodes start, become ready, or fail, when a test says so."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from tests.cluster.api import Api, ApiError, Json, Watch, timestamp

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class Fate:
    """What becomes of a pod, each counted from when it was created; None: never.

    runs   it leaves Pending, not ready yet
    ready  it is ready; not before it runs
    fails  it has failed, for good
    """

    runs: timedelta | None = AT_ONCE
    ready: timedelta | None = AT_ONCE
    fails: timedelta | None = None

    def status_at(self, age: timedelta) -> str:
        """Failed, Ready, Running or Pending."""
        if self.fails is not None and age >= self.fails:
            return "Failed"
        if self.runs is None or age < self.runs:
            return "Pending"
        return "Ready" if self.ready is not None and age >= self.ready else "Running"


PENDING = Fate(runs=None)
NOT_READY = Fate(ready=None)
FAILED = Fate(fails=AT_ONCE)


def ready_after(delay: timedelta) -> Fate:
    """It runs at once, and is ready after the delay."""
    return Fate(ready=delay)


@contextmanager
def kubelet(api: Api, fate: Callable[[Json], Fate] | None = None) -> Iterator[None]:
    """Until the block ends, every new pod of the cluster has the fate that `fate` gives it; by default ready at once.

    A pod is never bound to a node, so that the API server removes a deleted one by itself.
    """
    node = _Node(api, fate or (lambda _: Fate()))
    node.start()
    try:
        yield
    finally:
        node.stop()


@dataclass
class _Node:
    """Two threads: one watches pods, the other does what is due."""

    api: Api
    fate: Callable[[Json], Fate]
    _due: list[tuple[float, int, Json, str]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        listed = self.api.get("/api/v1/pods")
        for pod in listed["items"]:
            self._plan(pod)
        self._watch = self.api.watch("/api/v1/pods", listed["metadata"]["resourceVersion"])
        self._threads = [threading.Thread(target=self._follow, args=(self._watch,)), threading.Thread(target=self._act)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._watch.stop()
        for thread in self._threads:
            thread.join()

    def _follow(self, watch: Watch) -> None:
        with watch:
            for event in watch:
                if event.type == "ADDED":
                    self._plan(event.object)

    def _plan(self, pod: Json) -> None:
        """Everything that will become of a pod, in the order of time."""
        fate, now = self.fate(pod), time.monotonic()
        moments = sorted({moment for moment in (fate.runs, fate.ready, fate.fails) if moment is not None})
        with self._changed:
            for moment in moments:
                status = fate.status_at(moment)
                if status != "Pending":
                    heapq.heappush(self._due, (now + moment.total_seconds(), next(self._numbers), pod, status))
            self._changed.notify()

    def _act(self) -> None:
        while True:
            with self._changed:
                while not self._ended and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._ended:
                    return
                _, _, pod, status = heapq.heappop(self._due)
            set_status(self.api, pod, status)


def set_status(api: Api, pod: Json, status: str) -> None:
    """Makes a pod Failed, Ready or Running (and not ready), unless it is gone; `pod` follows."""
    now, ready = timestamp(), "True" if status == "Ready" else "False"
    conditions = [
        {"type": kind, "status": said, "lastTransitionTime": now}
        for kind, said in (("PodScheduled", "True"), ("ContainersReady", ready), ("Ready", ready))
    ]
    phase = "Failed" if status == "Failed" else "Running"
    started = pod.get("status", {}).get("startTime", now)
    change = {"status": {"phase": phase, "startTime": started, "conditions": conditions}}
    meta = pod["metadata"]
    try:
        pod |= api.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status", change)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
