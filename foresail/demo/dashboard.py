"""What watches the demo from outside: the dashboard, a process of its own on the run's ledger, and the metrics."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry

from controller.metrics import ControllerMetrics, serve_metrics
from foresail.demo.children import COMMAND, child_environ
from foresail.demo.live import Moment
from foresail.demo.pods import HOST
from foresail.errors import UsageError
from foresail.output import err, out

_GONE_WITHIN_S = 5.0


@dataclass(frozen=True)
class Ports:
    """Where the dashboard and the controller's metrics are served."""

    dashboard: int
    metrics: int


class Dashboard:
    """Serves the ledger and the metrics while the block runs; without ports there is neither."""

    def __init__(self, ports: Ports | None, ledger: Path) -> None:
        self._ports = ports
        self._ledger = ledger
        self._process: subprocess.Popen[bytes] | None = None
        self._metrics = ControllerMetrics(CollectorRegistry())
        self._stop_metrics: Callable[[], None] = lambda: None

    @property
    def footer(self) -> str:
        """What the terminal view says about it."""
        assert self._ports is not None
        return f"dashboard: {_at(self._ports.dashboard)}   metrics: {_at(self._ports.metrics)}/metrics   stop: Ctrl-C"

    def record(self, moment: Moment) -> None:
        """From now on the metrics say this."""
        self._metrics.record(moment.entry)

    def __enter__(self) -> Self:
        if self._ports is None:
            return self
        self._stop_metrics = serve_metrics(self._metrics, self._ports.metrics)
        command = [
            *COMMAND, "dashboard", str(self._ledger), "--port", str(self._ports.dashboard),
            "--metrics", f"http://{HOST}:{self._ports.metrics}/metrics", "--wait", "--tether",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=child_environ(os.environ), start_new_session=True,
        )  # fmt: skip
        return self

    def stay(self) -> None:
        """Keeps the dashboard up after the run until Ctrl-C, where somebody is there to press it."""
        if self._ports is not None and self._process is not None and out.is_terminal:
            self._stop_metrics()  # a controller that has ended reports nothing
            self._stop_metrics = lambda: None
            err.print(f"The dashboard stays at {_at(self._ports.dashboard)} until Ctrl-C.")
            with contextlib.suppress(KeyboardInterrupt):
                self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_metrics()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def check_free(ports: Ports) -> None:
    """Raises UsageError where one of the ports cannot be listened on."""
    for what, port in (("dashboard", ports.dashboard), ("metrics", ports.metrics)):
        if not 1 <= port <= 65535:
            raise UsageError(f"--{what}-port {port}; expected 1 to 65535")
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            raise UsageError(
                f"port {port} for the {what}: {error.strerror}; choose another with --{what}-port, or use --headless"
            ) from error
    if ports.dashboard == ports.metrics:
        raise UsageError(f"port {ports.metrics} is given for both; --metrics-port and --dashboard-port differ")


def _at(port: int) -> str:
    return f"http://localhost:{port}"
