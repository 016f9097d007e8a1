"""A small real HTTP server that answers as a test says: late, not at all, half, or with whatever body."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """One response; `missing` bytes are promised and never sent, `hangs` answers nothing until the server ends."""

    body: bytes
    status: int = 200
    missing: int = 0
    hangs: bool = False


@dataclass
class Server:
    """What was asked so far, in order."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def a_server(answer: Callable[[Asked], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serves on a port of its own until the block ends; `answer` runs in its threads, for one request at a time."""
    ended, turn = threading.Event(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()))
            with turn:
                server.asked.append(asked)
                given = answer(asked)
            if given.hangs:
                ended.wait()
                return
            self.send_response(given.status)
            self.send_header("Content-Length", str(len(given.body) + given.missing))
            self.end_headers()
            self.wfile.write(given.body)
            self.close_connection = self.close_connection or given.missing > 0

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: standard error belongs to the tests."""

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        if tls is not None:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        server = Server(f"http{'s' if tls else ''}://127.0.0.1:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            ended.set()
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that did not wait for the end is what some tests are about."""


def matrix(*series: tuple[Mapping[str, str], Sequence[tuple[float, str]]]) -> Answer:
    """What Prometheus answers to a range query."""
    result = [{"metric": labels, "values": [list(point) for point in points]} for labels, points in series]
    return succeeded({"resultType": "matrix", "result": result})


def vector(*labels: Mapping[str, str]) -> Answer:
    """What Prometheus answers to a query at one moment."""
    result = [{"metric": one, "value": [0, "1"]} for one in labels]
    return succeeded({"resultType": "vector", "result": result})


def succeeded(data: object) -> Answer:
    return Answer(json.dumps({"status": "success", "data": data}).encode())


def failed(status: int, kind: str, error: str) -> Answer:
    """What Prometheus answers where it cannot."""
    return Answer(json.dumps({"status": "error", "errorType": kind, "error": error}).encode(), status)
