"""`foresail dashboard` as a process: serves the page, says only where, ends when asked; bad calls are refused."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from foresail.cli import main
from tests.dashboard.runs import an_hour, write
from tests.helpers.processes import PATIENCE_S, ROOT, foresail, free_port, until


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return write(tmp_path / "ledger.jsonl", an_hour()[:5])


@contextmanager
def ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Whatever the test does, the process is gone afterwards."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def healthy(process: subprocess.Popen[str], port: int) -> bool:
    assert process.poll() is None, process.stderr.read() if process.stderr else ""
    with httpx.Client(trust_env=False) as client:
        try:
            return client.get(f"http://127.0.0.1:{port}/_stcore/health").text == "ok"
        except httpx.TransportError:
            return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_stop_and_says_only_where(ledger: Path, number: signal.Signals) -> None:
    port = free_port()
    with ending(foresail("dashboard", ledger, "--port", str(port))) as process:
        until(lambda: healthy(process, port))
        process.send_signal(number)
        said, complained = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert said == ""
    assert complained.split() == f"dashboard: http://127.0.0.1:{port} stop: Ctrl-C".split()


def test_it_serves_before_there_is_a_ledger(tmp_path: Path) -> None:
    port = free_port()
    with ending(foresail("dashboard", tmp_path / "later.jsonl", "--wait", "--port", str(port))) as process:
        until(lambda: healthy(process, port))


def test_tethered_it_ends_with_its_parent(ledger: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "foresail", "dashboard", str(ledger), "--port", str(port), "--tether"]
    with ending(
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ) as process:
        until(lambda: healthy(process, port))
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        until(lambda: process.poll() is not None)


def test_a_ledger_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.jsonl"
    assert main(["dashboard", str(missing)]) == 2
    assert f"{missing}: no such file; name a ledger" in capsys.readouterr().err


def test_a_folder_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", str(tmp_path), "--wait"]) == 2
    assert f"{tmp_path}: a folder" in capsys.readouterr().err


def test_a_port_in_use_is_refused(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["dashboard", str(ledger), "--port", str(port)]) == 2
    assert f"127.0.0.1:{port}: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "65536"], ["--metrics", "localhost:9464"]])
def test_a_value_that_is_not_allowed_is_refused(
    ledger: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", str(ledger), *arguments]) == 2
    assert f"{arguments[0]} " in (said := capsys.readouterr().err)
    assert "expected" in said


def test_it_serves_the_page_of_a_controller_that_is_not_there_yet() -> None:
    port = free_port()
    controller = f"http://127.0.0.1:{free_port()}"
    with ending(foresail("dashboard", "--controller", controller, "--port", str(port))) as process:
        until(lambda: healthy(process, port))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--controller", "localhost:8081"], "expected a URL such as http://127.0.0.1:8081"),
        (["runs/other.jsonl", "--controller", "http://c"], "leave LEDGER, --metrics and --wait out"),
        (["--wait", "--controller", "http://c"], "leave LEDGER, --metrics and --wait out"),
    ],
)
def test_a_controller_that_cannot_be_meant_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", *arguments]) == 2
    assert said in capsys.readouterr().err
