"""`foresail gateway`: serves and drains as a process; whatever it cannot do is one line and exit code 2."""

from __future__ import annotations

import signal
import socket
from contextlib import closing

import httpx
import pytest

from foresail.cli import main
from tests.helpers.processes import foresail, free_port, until


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it refuses: one line, and nothing on standard output."""
    assert main(["gateway", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("foresail gateway: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_asked_to_stop(number: signal.Signals) -> None:
    port = free_port()
    with foresail("gateway", "--port", str(port), FORESAIL_GATEWAY_DRAIN_WINDOW_S="0") as process:

        def ready() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        until(ready)
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 0
    assert f"gateway listens on 127.0.0.1 port {port}" in said
    assert "gateway drains" in said


def test_a_port_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        assert f"port {port} on 127.0.0.1 is in use" in refusal(capsys, "--port", str(port))


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a..b"])
def test_an_address_of_somewhere_else_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"cannot listen on {host} port 0" in refusal(capsys, "--host", host, "--port", "0")


@pytest.mark.parametrize("port", ["abc", "-1", "65536", ""])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"FORESAIL_GATEWAY_PORT is '{port}'" in refusal(capsys, f"--port={port}")


def test_a_setting_that_is_none_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESAIL_GATEWAY_MAX_CONECTIONS", "5")
    said = refusal(capsys)
    assert "FORESAIL_GATEWAY_MAX_CONECTIONS is no setting" in said
    assert "FORESAIL_GATEWAY_MAX_CONNECTIONS" in said


def test_a_setting_that_is_not_allowed_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESAIL_GATEWAY_ALLOWED_ORIGINS", "chat.example\nhttps://b.example")
    monkeypatch.setenv("FORESAIL_GATEWAY_MAX_ROOMS", "many")
    assert "FORESAIL_GATEWAY_MAX_ROOMS is 'many'" in refusal(capsys)
