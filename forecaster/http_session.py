"""An HTTP session with one server: its token, certificates and headers, and error statuses as exceptions.

Everything that leads to a server is checked before the first request, so that a wrong file is not taken for a server
that is away.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from forecaster.errors import BadSource

_BUSY = {408, 425, 429}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def open_session(token_file: Path | None, ca_file: Path | None, headers: Mapping[str, str]) -> requests.Session:
    """A session that sends the token and headers, trusts the CA alone, and raises `Refusal` for an error's status.

    Raises BadSource where a header or a file cannot be used; the token's file is read again for each request, because
    Kubernetes rotates tokens.
    """
    session = requests.Session()
    session.headers.update(_checked_headers(headers))
    session.auth = _Token(token_file)
    session.hooks["response"].append(_refuse)
    if ca_file is not None:
        _check_certificates(ca_file)
        session.verify = str(ca_file)  # to be given with each request too, or REQUESTS_CA_BUNDLE would win
    return session


def checked_url(url: str) -> str:
    """The address without a slash at its end. Raises BadSource where it is none, or has credentials in it."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        good = False
    if not good or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise BadSource(f"{url!r} is no address of a Prometheus; expected for example http://prometheus:9090")
    if parts.username is not None:
        raise BadSource("the address has a user name in it; give credentials by a token file or a header")
    return url.rstrip("/")


class Refusal(Exception):
    """An answer with an error's status, and the server's own words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"HTTP {status}: {said}")
        self.status = status
        self.busy = status in _BUSY or status >= 500


def _refuse(response: requests.Response, *_: object, **__: object) -> None:
    """Raises `Refusal` for an error's status; the client library would keep its text only."""
    if response.status_code < 400:
        return
    try:
        body = response.json()
        said = f"{body['errorType']}: {body['error']}"
    except (requests.JSONDecodeError, LookupError, TypeError):
        said = " ".join(response.text.split()) or response.reason or "without a word"
    raise Refusal(response.status_code, said if len(said) <= 300 else f"{said[:300]}…")


class _Token(AuthBase):
    """Sets the bearer token, if there is one; being there, it keeps requests from looking into ~/.netrc."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            self._read(path)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._path is not None:
            request.headers["Authorization"] = f"Bearer {self._read(self._path)}"
        return request

    @staticmethod
    def _read(path: Path) -> str:
        try:
            token = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSource(f"{path}: the token cannot be read ({error}); name a file that holds it") from error
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise BadSource(f"{path}: holds no token; expected one line without spaces")
        return token


def _checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise BadSource(f"the header {name!r} cannot be sent; expected a name of letters and dashes, and a value")
    return headers


def _check_certificates(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:  # ssl's own errors are among them
        raise BadSource(f"{path}: holds no certificates ({error}); expected a CA in PEM format") from error
