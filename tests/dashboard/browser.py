"""A real Chromium without a window, told what to do over its DevTools socket: pages as an operator sees them."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.helpers.processes import PATIENCE_S, until

Json = dict[str, Any]
NAMES = ("chromium", "chromium-browser", "google-chrome")
DESK, PHONE = (1440, 900), (414, 896)


def program() -> str | None:
    """Where a Chromium is; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0
        self._call("Page.enable")

    def open(self, url: str, size: tuple[int, int] = DESK, dark: bool = False) -> None:
        """Goes there, on a screen of so many pixels, with the colours that the reader's system asks for."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._call("Page.navigate", {"url": url})

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        asked = {"expression": script, "returnByValue": True, "awaitPromise": True}
        found = self._call("Runtime.evaluate", asked)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Returns as soon as the expression holds in the page, which may not be there yet to be asked."""

        def holds() -> bool:
            with suppress(AssertionError):
                return bool(self.ask(script))
            return False

        until(holds)

    def picture(self) -> bytes:
        """The whole page as a PNG, to look at."""
        height = self.ask("Math.max(...[...document.querySelectorAll('*')].map(one => one.scrollHeight))")
        width = self.ask("innerWidth")
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics)
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, params: Json | None = None) -> Json:
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params or {}}))
        while True:
            told: Json = json.loads(self._socket.recv(PATIENCE_S))
            if told.get("id") == self._asked:
                assert "error" not in told, told
                result: Json = told["result"]
                return result


@contextmanager
def a_browser(chromium: str) -> Iterator[Browser]:
    """Chromium, which is gone afterwards with all that it has written."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        where = [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--remote-allow-origins=*"]
        with subprocess.Popen(
            [chromium, *flags, *where, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                with connect(_socket_of(Path(profile)), max_size=None, open_timeout=PATIENCE_S) as socket:
                    yield Browser(socket)
            finally:
                process.terminate()


def _socket_of(profile: Path) -> str:
    """Of the first tab, once it is there: Chromium says where it listens before it has one."""
    told = profile / "DevToolsActivePort"
    until(lambda: told.exists() and len(told.read_text().splitlines()) == 2)
    port = told.read_text().splitlines()[0]
    until(lambda: bool(_tabs(port)))
    return _tabs(port)[0]


def _tabs(port: str) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE_S) as answer:
        tabs = json.loads(answer.read())
    return [str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page"]
