"""How the demo starts `foresail` once more as a child process, and keeps what the child complained of last."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import foresail

COMMAND = (sys.executable, "-P", "-m", "foresail")
"""Without -P the user's current folder would be searched first, and a gateway.py in it taken for the package."""
_CHUNK = 65536
_KEPT = 4096


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment given, in which a child finds the very packages that this process runs, installed or not."""
    home = str(Path(foresail.__file__).resolve().parents[1])
    given = environ.get("PYTHONPATH")
    return {**environ, "PYTHONPATH": os.pathsep.join([home, given]) if given else home}


class LastWords:
    """Reads what a child writes to standard error until it ends, lest a full pipe stop it; keeps only the end."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._end = b""
        self._reading = asyncio.create_task(self._read(stream))

    async def line(self) -> str:
        """The last line; returns once the child has closed its end."""
        await self._reading
        lines = self._end.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(_CHUNK):
            self._end = (self._end + chunk)[-_KEPT:]
