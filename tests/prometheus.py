"""A real Prometheus of the test run's own: filled by its backfill tool, on its own port, ended by its process id.

The history is that of two pods over 28 days in minutes, scraped at half past each minute: what a bin of a minute holds
is then one sample, on whichever side of a window's border a version of Prometheus counts a sample that lies on it.
"""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from forecaster.series import FloatArray
from tests.helpers.histories import MINUTE, MONDAY
from tests.helpers.processes import PATIENCE_S, free_port, until

BINS = 28 * 1440
END = MONDAY + BINS * MINUTE
OUTAGE = slice(20_000, 20_045)
"""No pod was scraped, and no mark of staleness was left: the monitoring itself was down."""
MISSED = slice(30_000, 30_003)
"""Shorter than the five minutes that an instant query looks back."""
RESETS = (9_000, 25_000)


@dataclass(frozen=True)
class RunningPrometheus:
    """`connections` [bins] of each pod, NaN while nothing was scraped; `messages` [bins], what a counter read."""

    url: str
    connections: FloatArray
    messages: FloatArray


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPrometheus]:
    """Started for the first test that asks, ended after the last."""
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} on this machine: `apt-get install prometheus` brings both")
    folder = tmp_path_factory.mktemp("prometheus")
    connections, messages = _signals()
    (folder / "history.om").write_text(_openmetrics(connections, messages))
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=2400h"]
    subprocess.run([*backfill, "history.om", "data"], cwd=folder, check=True, timeout=PATIENCE_S)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(_command(url, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until(lambda: _ready(url, process))
        yield RunningPrometheus(url, connections, messages)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _command(url: str, folder: Path) -> list[str]:
    return [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]


def _ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "prometheus has ended: see its log beside its data"
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=PATIENCE_S) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def _signals() -> tuple[FloatArray, FloatArray]:
    t = np.arange(BINS)
    rng = np.random.default_rng(4)
    day = 1.2 + np.sin(2 * np.pi * t / 1440)
    connections = np.round(500 * day * np.exp(0.02 * rng.normal(size=BINS)))
    sent = 60.0 * rng.integers(0, 40, size=BINS)
    messages = np.cumsum(sent)
    for reset in RESETS:
        messages[reset:] -= messages[reset] - sent[reset]
    for gap in (OUTAGE, MISSED):
        connections[gap] = messages[gap] = np.nan
    return connections, messages


def _openmetrics(connections: FloatArray, messages: FloatArray) -> str:
    lines = ["# TYPE connections gauge"]
    lines += [f'connections{{pod="{pod}"}} {v:.0f} {at:.0f}' for pod in "ab" for at, v in _samples(connections)]
    lines += ["# TYPE messages counter"]
    lines += [f'messages_total{{pod="a"}} {v:.0f} {at:.0f}' for at, v in _samples(messages)]
    lines += ["# TYPE burst gauge"]
    lines += [f'burst{{pod="a"}} {v:.0f} {at:.0f}' for at, v in _samples(connections[:30])]
    return "\n".join([*lines, "# EOF\n"])


def _samples(values: FloatArray) -> Iterator[tuple[float, float]]:
    first = (MONDAY + timedelta(seconds=30)).timestamp()
    return ((first + 60 * k, float(v)) for k, v in enumerate(values) if not np.isnan(v))
