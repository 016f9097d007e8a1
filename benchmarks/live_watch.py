"""A controller as a process, seen from outside: what it exports, what the API server has counted, what the system says.

And a listener that stands where the API server was, and counts who comes.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.control_plane import ControlPlane
from tests.e2e.prometheus_server import PrometheusServer
from tests.helpers.processes import ROOT, free_port

_WRITTEN = ("horizontalpodautoscalers", "predictiveautoscalers", "events")
_VERBS = ("POST", "PUT", "PATCH", "DELETE", "APPLY")


@dataclass
class Watched:
    """A controller as a process, and what is read of it from outside."""

    process: subprocess.Popen[bytes]
    port: int
    ticks: list[float] = field(default_factory=list)
    _seen: tuple[float, float] = (0.0, 0.0)

    def metrics(self) -> dict[str, float]:
        """Sums over all labels."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            return {}
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                if not one.name.endswith("_bucket"):
                    found[one.name] = found.get(one.name, 0.0) + one.value
        return found

    def look(self) -> dict[str, float]:
        """The metrics; a tick that has ended since the last look is noted."""
        assert self.process.poll() is None, "the controller has ended"
        said = self.metrics()
        count, total = (said.get(f"foresail_tick_duration_seconds_{part}", 0.0) for part in ("count", "sum"))
        if count > self._seen[0]:
            self.ticks.append((total - self._seen[1]) / (count - self._seen[0]))
            self._seen = count, total
        return said

    def watch(self, length: timedelta) -> None:
        end = time.monotonic() + length.total_seconds()
        while time.monotonic() < end:
            self.look()
            time.sleep(2)  # noqa: TID251  what is measured is what happens meanwhile

    def rss_mib(self) -> float:
        said = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True)
        return int(said.stdout) / 1024

    def cpu_s(self) -> float:
        """Of the processor, in its own code and in the kernel, since it was started."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def controller(cluster: ControlPlane, prometheus: PrometheusServer, log: Path) -> Iterator[Watched]:
    port = free_port()
    settings = {"PROMETHEUS_URL": prometheus.url, "IDENTITY": "one", "PORT": str(port)}
    environ = {**os.environ, "OMP_NUM_THREADS": "1", **{f"FORESAIL_CONTROLLER_{k}": v for k, v in settings.items()}}
    command = [sys.executable, "-m", "foresail", "controller", "run", "--kubeconfig", str(cluster.kubeconfig)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield Watched(process, port)
    finally:
        process.terminate()
        process.wait(60)


def requests_of(cluster: ControlPlane) -> Counter[tuple[str, str]]:
    """(verb, resource) of the writes so far, as the API server counts them, but for leases."""
    request = urllib.request.Request(f"{cluster.url}/metrics", headers={"Authorization": "Bearer admin"})
    tls = ssl.create_default_context(cafile=str(cluster.certificate))
    with urllib.request.urlopen(request, context=tls, timeout=30) as answer:
        text = answer.read().decode()
    lines = "\n".join(one for one in text.splitlines() if "apiserver_request_total" in one)
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(lines + "\n"):
        for one in family.samples:
            of = one.labels
            if of.get("verb") in _VERBS and of.get("resource") in _WRITTEN:
                what = of["resource"] + (f"/{of['subresource']}" if of.get("subresource") else "")
                found[of["verb"], what] += int(one.value)
    return found


def written(before: Counter[tuple[str, str]], after: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{verb} {what}": count for (verb, what), count in sorted((after - before).items())}


@dataclass
class Refuser:
    """Stands where the API server was: takes every connection, counts it and resets it."""

    port: int
    attempts: int = 0
    _ended: bool = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Refuser]:
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            listener.settimeout(0.2)
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            try:
                yield self
            finally:
                self._ended = True
                thread.join()

    def _serve(self, listener: socket.socket) -> None:
        while not self._ended:
            with contextlib.suppress(TimeoutError):
                came, _ = listener.accept()
                self.attempts += 1
                came.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                came.close()
