"""`foresail load`: plays a trace with real clients against a real gateway process, and tells what became of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from foresail.cli import main
from tests.helpers.histories import a_series, write_history
from tests.helpers.processes import foresail, free_port, until


@contextmanager
def gateway(connections: int = 1000) -> Iterator[int]:
    """A gateway process and its port."""
    port = free_port()
    limits = {"FORESAIL_GATEWAY_MAX_CONNECTIONS": str(connections), "FORESAIL_GATEWAY_DRAIN_WINDOW_S": "0"}
    with foresail("gateway", "--port", str(port), **limits) as process:
        try:
            until(lambda: "ready" in page(port, "/readyz"))
            yield port
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0


def page(port: int, path: str) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).text
    except httpx.TransportError:
        return ""


def url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/ws?client_type=service"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Twenty minutes that rise from 100 to 1000, halfway through."""
    return write_history(tmp_path / "history.csv", a_series(np.repeat([100.0, 1000.0], 10)))


def play(history: Path, *options: str) -> tuple[int, dict[str, float]]:
    told = history.with_suffix(".json")
    code = main(["load", str(history), "--hours", "0.5", "--speed", "600", "--json", str(told), *options])
    return code, json.loads(told.read_text()) if told.exists() else {}


def test_clients_come_chat_and_go_as_the_trace_says(history: Path) -> None:
    with gateway() as port:
        code, told = play(history, "--url", url(port), "--clients", "40", "--messages", "6", "--session", "5")
        assert code == 0
        assert 'websocket_connections_total{endpoint="/ws",status="active"} 0.0' in page(port, "/metrics")
        accepted = 'websocket_handshake_duration_seconds_count{outcome="accepted"} '
        assert f"{accepted}{told['connections_opened']:.1f}" in page(port, "/metrics")
    assert told["clients_at_most"] == 40
    assert told["connections_opened"] > 40  # some left, and others came
    assert (told["connections_refused"], told["connections_broken"]) == (0, 0)
    assert told["messages_sent"] > 100
    assert told["messages_delivered"] > told["messages_sent"]
    assert 0 < told["clock_speed"] <= 600.001


def test_a_full_gateway_takes_no_more_than_it_admits(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(connections=10) as port:
        code, told = play(history, "--url", url(port), "--clients", "20")
    assert code == 0
    assert told["clients_at_most"] == 10
    assert told["connections_refused"] > 0
    assert "connections refused" in capsys.readouterr().out


def refusal(capsys: pytest.CaptureFixture[str], history: Path, *options: str) -> str:
    code, told = play(history, *options)
    assert (code, told) == (2, {})
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_what_is_not_installed_is_named(
    history: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "websockets"] + ["foresail.demo.crowd"]:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delattr("foresail.demo.crowd", raising=False)
    monkeypatch.setitem(sys.modules, "websockets", None)
    said = refusal(capsys, history, "--url", "ws://127.0.0.1:1/ws")
    assert said.startswith("foresail load: load needs websockets")
    assert said.endswith("; install foresail[gateway]\n")


def test_a_gateway_that_is_not_there_is_named(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = url(free_port())
    assert f"cannot connect to {there}" in refusal(capsys, history, "--url", there)


def test_a_wrong_path_is_refused_by_the_gateway_and_told(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway() as port:
        assert "check address and path" in refusal(capsys, history, "--url", f"ws://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "wrong",
    ["http://127.0.0.1/ws", "127.0.0.1:80", "ws://", "ws://h:port/ws", "ws://h:0/", "ws://[::1/ws", "ws://h/#a"],
)
def test_what_is_no_websocket_url_is_refused(wrong: str, history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"--url {wrong}; expected ws://HOST:PORT/ws" in refusal(capsys, history, "--url", wrong)


@pytest.mark.parametrize(
    ("option", "value"),
    [("clients", "0"), ("clients", "20001"), ("speed", "0"), ("speed", "nan"), ("hours", "0"), ("from", "1"),
     ("session", "0"), ("messages", "-1"), ("seed", "-1")],
)  # fmt: skip
def test_an_option_out_of_its_bounds_is_refused(
    option: str, value: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, history, "--url", "ws://127.0.0.1:1/ws", f"--{option}", value)
    assert f"--{option} {value}; expected " in said


def test_a_part_with_nothing_to_play_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = write_history(tmp_path / "quiet.csv", a_series([0.0] * 30))
    assert "nothing but zeros, in the part to play" in refusal(capsys, quiet, "--url", "ws://127.0.0.1:1/ws")


def test_a_damaged_history_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.write_text(history.read_text() + "2026-01-05T00:00:00Z,5\n")
    assert "line 22: timestamp" in refusal(capsys, history, "--url", "ws://127.0.0.1:1/ws")
