"""A Prometheus of a test's own: backfilled, scraping, and stopped, held or emptied when the test says so."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import yaml

from tests.helpers.processes import PATIENCE_S, free_port, until

PROGRAMS = ("prometheus", "promtool")
SCRAPE_S = 5


class Point(NamedTuple):
    """One series of an instant query's answer."""

    labels: Mapping[str, str]
    value: float


class Silent(Exception):
    """Prometheus gave no answer."""


class PrometheusServer:
    """On a port of its own, which it keeps over restarts; its data and its log lie in `folder`."""

    def __init__(self, folder: Path, targets: Sequence[Path]) -> None:
        self._folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        discovery = [{"files": [str(path) for path in targets], "refresh_interval": "1m"}]
        config = {
            "global": {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S - 1}s"},
            "scrape_configs": [{"job_name": "gateway", "file_sd_configs": discovery}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process: subprocess.Popen[bytes] | None = None

    def backfill(self, lines: Iterable[str]) -> None:
        """Takes OpenMetrics lines into its data; before it is started, and of the past only."""
        (self._folder / "history.om").write_text("\n".join([*lines, "# EOF\n"]))
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=2400h"]
        subprocess.run([*command, "history.om", "data"], cwd=self._folder, check=True, timeout=PATIENCE_S)

    def start(self) -> None:
        command = [
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._ready)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def hold(self) -> None:
        """From now on it takes connections and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def let_go(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        """Starts it anew without its data."""
        self.stop()
        shutil.rmtree(self._folder / "data")
        self.start()

    def query(self, text: str, at: datetime | None = None, timeout_s: float = 5.0) -> list[Point]:
        """An instant query's series. Raises Silent where there is no answer in time."""
        params = {"query": text} if at is None else {"query": text, "time": f"{at.timestamp():.3f}"}
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?{urlencode(params)}", timeout=timeout_s) as answer:
                said: dict[str, Any] = json.load(answer)
        except (urllib.error.URLError, OSError) as error:
            raise Silent(str(error)) from error
        return [Point(series["metric"], float(series["value"][1])) for series in said["data"]["result"]]

    def value(self, text: str) -> float | None:
        """The one series' value; None where there is none, or no answer in time."""
        try:
            points = self.query(text)
        except Silent:
            return None
        assert len(points) <= 1, f"{text} has {len(points)} series"
        return points[0].value if points else None

    def _ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, f"prometheus has ended: see {self._folder / 'log'}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def prometheus_server(
    folder: Path, targets: Sequence[Path] = (), history: Iterable[str] = ()
) -> Iterator[PrometheusServer]:
    """With that history, and scraping what the files of targets name, while the block lasts."""
    server = PrometheusServer(folder, targets)
    if lines := list(history):
        server.backfill(lines)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name) is None]
