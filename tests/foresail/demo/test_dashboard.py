"""The dashboard beside the demo: a process that serves while the block runs, and no longer."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from foresail.demo.dashboard import Dashboard, Ports, check_free
from foresail.errors import UsageError
from tests.helpers.demos import a_moment
from tests.helpers.processes import alive, children_of, free_port, until


def test_it_serves_while_the_block_runs_although_there_is_no_ledger_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dashboard.py").write_text("")  # somebody's own, where the command is given
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    port, before = free_port(), children_of(os.getpid())

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/_stcore/health", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    ports = Ports(port, free_port())
    with Dashboard(ports, tmp_path / "ledger.jsonl") as dashboard:
        assert f"http://localhost:{port}" in dashboard.footer
        until(answers)
        dashboard.record(a_moment([]))
        said = httpx.get(f"http://127.0.0.1:{ports.metrics}/metrics", trust_env=False).text
        assert "foresail_floor_replicas 2.0" in said
        started = children_of(os.getpid()) - before
        assert started
    assert not alive(started)
    check_free(ports)


def test_without_a_port_there_is_no_process(tmp_path: Path) -> None:
    before = children_of(os.getpid())
    with Dashboard(None, tmp_path / "ledger.jsonl") as dashboard:
        assert children_of(os.getpid()) <= before
        dashboard.stay()  # returns at once


def test_it_does_not_stay_where_nobody_could_end_it(tmp_path: Path) -> None:
    with Dashboard(Ports(free_port(), free_port()), tmp_path / "ledger.jsonl") as dashboard:
        dashboard.stay()  # standard output is no terminal here


def test_a_port_in_use_is_refused() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"port {port} for the dashboard: .* choose another with --dashboard-port"
        ):
            check_free(Ports(port, free_port()))
        with pytest.raises(UsageError, match=rf"port {port} for the metrics: .* choose another with --metrics-port"):
            check_free(Ports(free_port(), port))


@pytest.mark.parametrize("port", [0, -1, 65536, 10**9])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"--dashboard-port {port}; expected 1 to 65535"):
        check_free(Ports(port, free_port()))
