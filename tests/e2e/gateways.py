"""A real gateway process in every pod, at the pod's own address, found by Prometheus and by clients while it serves."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.cluster.api import Json
from tests.helpers.processes import ROOT, free_port

DRAIN_S = 2.0
_GONE_WITHIN_S = 20.0
_HOSTS = 250


class Gateway(NamedTuple):
    """What runs in one pod, and at which address and port."""

    namespace: str
    pod: str
    at: str
    process: subprocess.Popen[bytes]

    @property
    def http(self) -> str:
        return f"http://{self.at}"


class Gateways:
    """All of them, by their pod's uid; `tests.cluster.kubelet.Processes`.

    Prometheus finds those of a namespace in `targets(namespace)` from their start to their end; clients find those that
    have said that they are ready.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._addresses = _addresses()
        self._port = free_port()
        self._running: dict[str, Gateway] = {}
        self._serving: set[str] = set()
        self._ending: list[Gateway] = []
        self._lock = threading.Lock()

    def targets(self, namespace: str) -> Path:
        """The file that a Prometheus of this namespace discovers its targets from."""
        path = self._folder / f"{namespace}.json"
        if not path.exists():
            path.write_text("[]")
        return path

    def serving(self, namespace: str) -> list[str]:
        """Addresses of the sockets of those that are ready."""
        with self._lock:
            found = [one for uid, one in self._running.items() if uid in self._serving and one.namespace == namespace]
        return [f"ws://{one.at}/ws?client_type=service" for one in found]

    def count(self, namespace: str) -> int:
        """Processes that run and were not told to end."""
        with self._lock:
            return sum(one.namespace == namespace for one in self._running.values())

    def start(self, pod: Json) -> str:
        meta, address = pod["metadata"], next(self._addresses)
        command = [sys.executable, "-m", "foresail", "gateway", "--tether"]
        command += ["--host", address, "--port", str(self._port)]
        with (self._folder / f"{meta['name']}.log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=_environ(), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        with self._lock:
            self._running[meta["uid"]] = Gateway(meta["namespace"], meta["name"], f"{address}:{self._port}", process)
            self._tell_prometheus(meta["namespace"])
        return address

    def ready(self, pod: Json) -> bool:
        uid = pod["metadata"]["uid"]
        gateway = self._running[uid]
        ended = gateway.process.poll()
        assert ended is None, f"{gateway.pod} ended with {ended}: see its log in {self._folder}"
        if not _says_yes(f"{gateway.http}/readyz"):
            return False
        with self._lock:
            self._serving.add(uid)
        return True

    def end(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        with self._lock:
            gateway = self._running.pop(uid)
            self._serving.discard(uid)
            self._ending.append(gateway)
            self._tell_prometheus(gateway.namespace)
        gateway.process.terminate()

    def close(self) -> None:
        """Ends all that run, and returns when all are gone."""
        with self._lock:
            left = [*self._running.values(), *self._ending]
        for gateway in left:
            gateway.process.terminate()
        for gateway in left:
            try:
                gateway.process.wait(_GONE_WITHIN_S)
            except subprocess.TimeoutExpired:
                gateway.process.kill()
                gateway.process.wait()
            assert gateway.process.stdin
            gateway.process.stdin.close()

    def _tell_prometheus(self, namespace: str) -> None:
        """Replaces the file in one go: Prometheus may be reading it."""
        groups = [
            {"targets": [one.at], "labels": {"namespace": namespace, "pod": one.pod}}
            for one in self._running.values()
            if one.namespace == namespace
        ]
        fresh = self._folder / f"{namespace}.new"
        fresh.write_text(json.dumps(groups))
        fresh.replace(self.targets(namespace))


@contextmanager
def gateways(folder: Path) -> Iterator[Gateways]:
    """None of them is left when the block ends."""
    running = Gateways(folder)
    try:
        yield running
    finally:
        running.close()


def _environ() -> Mapping[str, str]:
    others = {key: value for key, value in os.environ.items() if not key.startswith("FORESAIL_GATEWAY_")}
    return others | {
        "FORESAIL_GATEWAY_DRAIN_WINDOW_S": f"{DRAIN_S:g}",
        "FORESAIL_GATEWAY_FLUSH_TIMEOUT_S": "1",
        "OMP_NUM_THREADS": "1",
    }


def _addresses() -> Iterator[str]:
    """Of this machine's own 127.0.0.0/8, in a part that no other test run is likely to use; Linux serves all of it."""
    first, second = 64 + secrets.randbelow(128), secrets.randbelow(250)
    return (f"127.{first}.{(second + n // _HOSTS) % 250}.{1 + n % _HOSTS}" for n in count())


def _says_yes(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
