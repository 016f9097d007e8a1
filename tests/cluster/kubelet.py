"""Plays the kubelets: pods of a cluster without nodes start, become ready, or fail, when a test says so.

Where a test gives `Processes`, a real process runs in each pod; it is ready when its time has come and it says so. An
API server that is away is waited for, as a kubelet would.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Protocol

import urllib3

from tests.cluster.api import Api, ApiError, Json, Watch, timestamp

AT_ONCE = timedelta(0)
_AGAIN_S = 0.2
_PODS = "/api/v1/pods"


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


class Processes(Protocol):
    """What runs in the pods. No method may wait for long: one thread serves all pods."""

    def start(self, pod: Json) -> str:
        """Starts what runs in the pod; the pod's IP address."""

    def ready(self, pod: Json) -> bool:
        """Whether it says that it is; asked again until it does."""

    def end(self, pod: Json) -> None:
        """Tells it to end: the pod is gone."""


@contextmanager
def kubelet(api: Api, fate: Callable[[Json], Fate] | None = None, processes: Processes | None = None) -> Iterator[None]:
    """Until the block ends, every new pod of the cluster has the fate that `fate` gives it; by default ready at once.

    A pod is never bound to a node, so that the API server removes a deleted one by itself.
    """
    node = _Node(api, fate or (lambda _: Fate()), processes or _Nothing())
    node.start()
    try:
        yield
    finally:
        node.stop()


class _Nothing:
    """Pods in which nothing runs."""

    def start(self, pod: Json) -> str:
        return ""

    def ready(self, pod: Json) -> bool:
        return True

    def end(self, pod: Json) -> None:
        pass


@dataclass
class _Node:
    """Two threads: one watches pods, the other does what is due."""

    api: Api
    fate: Callable[[Json], Fate]
    processes: Processes
    _pods: dict[str, Json] = field(default_factory=dict)
    _due: list[tuple[float, int, Json, str]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=count)

    def start(self) -> None:
        self._watch = self._open()
        self._threads = [threading.Thread(target=self._follow), threading.Thread(target=self._act)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._changed:
            self._ended.set()
            self._changed.notify()
        self._watch.stop()
        for thread in self._threads:
            thread.join()

    def _open(self) -> Watch:
        """Makes up for what happened while nobody watched, and watches from there on."""
        listed = self.api.get(_PODS)
        there = {pod["metadata"]["uid"]: pod for pod in listed["items"]}
        for uid in self._pods.keys() - there.keys():
            self._end(uid)
        for uid in there.keys() - self._pods.keys():
            self._begin(there[uid])
        return self.api.watch(_PODS, listed["metadata"]["resourceVersion"])

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                with self._watch as watch:
                    for event in watch:
                        if event.type == "ADDED":
                            self._begin(event.object)
                        elif event.type == "DELETED":
                            self._end(event.object["metadata"]["uid"])
            except urllib3.exceptions.HTTPError:  # the API server has gone
                pass
            while not self._ended.wait(_AGAIN_S):
                try:
                    self._watch = self._open()
                    break
                except (urllib3.exceptions.HTTPError, ApiError):
                    continue
        with self._watch:  # closed; it may have been opened after the last look
            pass

    def _begin(self, pod: Json) -> None:
        """Starts what runs in it, and plans everything that will become of it, in the order of time."""
        self._pods[pod["metadata"]["uid"]] = pod
        if address := self.processes.start(pod):
            pod["status"] |= {"podIP": address, "podIPs": [{"ip": address}]}
        fate, now = self.fate(pod), time.monotonic()
        moments = sorted({moment for moment in (fate.runs, fate.ready, fate.fails) if moment is not None})
        with self._changed:
            for moment in moments:
                status = fate.status_at(moment)
                if status != "Pending":
                    self._push(now + moment.total_seconds(), pod, status)
            self._changed.notify()

    def _end(self, uid: str) -> None:
        if pod := self._pods.pop(uid, None):
            self.processes.end(pod)

    def _push(self, at: float, pod: Json, status: str) -> None:
        heapq.heappush(self._due, (at, next(self._numbers), pod, status))

    def _act(self) -> None:
        while True:
            with self._changed:
                while not self._ended.is_set() and (not self._due or self._due[0][0] > time.monotonic()):
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._ended.is_set():
                    return
                _, _, pod, status = heapq.heappop(self._due)
            if pod["metadata"]["uid"] in self._pods and not self._done(pod, status):
                with self._changed:
                    self._push(time.monotonic() + _AGAIN_S, pod, status)

    def _done(self, pod: Json, status: str) -> bool:
        """Whether the API server knows of the status; not where the pod itself is not so far."""
        if status == "Ready" and not self.processes.ready(pod):
            return False
        try:
            set_status(self.api, pod, status)
        except urllib3.exceptions.HTTPError:
            return False
        except ApiError as error:
            if error.status < 500:
                raise
            return False
        return True


def set_status(api: Api, pod: Json, status: str) -> None:
    """Makes a pod Failed, Ready or Running (and not ready), unless it is gone; `pod` follows."""
    now, ready = timestamp(), "True" if status == "Ready" else "False"
    conditions = [
        {"type": kind, "status": said, "lastTransitionTime": now}
        for kind, said in (("PodScheduled", "True"), ("ContainersReady", ready), ("Ready", ready))
    ]
    phase = "Failed" if status == "Failed" else "Running"
    started = pod.get("status", {}).get("startTime", now)
    addresses = {key: value for key, value in pod.get("status", {}).items() if key in ("podIP", "podIPs")}
    change = {"status": {"phase": phase, "startTime": started, "conditions": conditions, **addresses}}
    meta = pod["metadata"]
    try:
        pod |= api.patch(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status", change)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
