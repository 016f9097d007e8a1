"""The session with a server: what it sends, how refusals arrive, and what is wrong before any request."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecaster.errors import BadSource
from forecaster.http_session import Refusal, checked_url, open_session
from tests.helpers.http_servers import Answer, a_server, failed, vector


def refused(answer: Answer) -> Refusal:
    with a_server(lambda _: answer) as server, open_session(None, None, {}) as session:
        with pytest.raises(Refusal) as raised:
            session.get(server.url, timeout=20)
        return raised.value


def test_headers_and_the_newest_token_go_with_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    with a_server(lambda _: vector()) as server, open_session(token, None, {"X-Scope-OrgID": "chat"}) as session:
        session.get(server.url, timeout=20)
        token.write_text("second")
        session.get(server.url, timeout=20)
    assert [asked.headers["Authorization"] for asked in server.asked] == ["Bearer first", "Bearer second"]
    assert {asked.headers["X-Scope-OrgID"] for asked in server.asked} == {"chat"}


def test_credentials_in_netrc_are_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with a_server(lambda _: vector()) as server, open_session(None, None, {"Authorization": "Basic eA=="}) as session:
        session.get(server.url, timeout=20)
    assert server.asked[0].headers["Authorization"] == "Basic eA=="


@pytest.mark.parametrize(
    ("answer", "status", "said", "busy"),
    [
        (failed(422, "execution", "many-to-many matching"), 422, "execution: many-to-many matching", False),
        (failed(503, "timeout", "query timed out"), 503, "timeout: query timed out", True),
        (Answer(b"slow\n down", 429), 429, "slow down", True),
        (Answer(b"<html>" + 1000 * b"x", 502), 502, "<html>" + 294 * "x" + "…", True),
        (Answer(b"[1]", 400), 400, "[1]", False),
        (Answer(b'{"error": "x"}', 401), 401, '{"error": "x"}', False),
        (Answer(b"", 404), 404, "Not Found", False),
    ],
)
def test_a_refusal_has_the_servers_own_words(answer: Answer, status: int, said: str, busy: bool) -> None:
    refusal = refused(answer)
    assert (refusal.status, str(refusal), refusal.busy) == (status, f"HTTP {status}: {said}", busy)


@pytest.mark.parametrize("url", ["http://prometheus:9090", "https://mimir.example/prometheus", "http://[::1]:9090"])
def test_an_address_is_kept_but_for_its_last_slash(url: str) -> None:
    assert checked_url(url) == checked_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "prometheus:9090",
        "ftp://prometheus",
        "http://",
        "http://x:port",
        "http://x:99999",
        "http://x/?a=b",
        "http://x y",
        "http://x\n",
        "",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadSource, match="is no address of a Prometheus; expected for example http://prometheus:9090"):
        checked_url(url)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(BadSource, match="give credentials by a token file or a header") as raised:
        checked_url("https://me:secret@prometheus")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("headers", [{"": "x"}, {"a b": "x"}, {"a": "x\r\ny: z"}, {"a": "ä"}])
def test_a_header_that_cannot_be_sent_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSource, match="cannot be sent"):
        open_session(None, None, headers)


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"two\nlines", b"\xff\xfe"])
def test_a_token_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(BadSource, match=r"holds no token; expected one line|the token cannot be read"):
        open_session(tmp_path / "token", None, {})


def test_files_that_are_missing_or_no_certificates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSource, match=r"none: the token cannot be read .*; name a file that holds it"):
        open_session(tmp_path / "none", None, {})
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("none", "ca.pem"):
        with pytest.raises(BadSource, match=rf"{name}: holds no certificates .*; expected a CA in PEM format"):
            open_session(None, tmp_path / name, {})
