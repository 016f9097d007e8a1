"""Real processes: which are there, whose children they are, and waiting for what they do. Linux and macOS."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
"""For a machine that is slow, or busy with other things: whoever waits for it waits for something that never comes."""


def until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Returns as soon as the condition holds; fails where it never does."""
    pause, deadline = threading.Event(), time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_s:g} s in vain"
        pause.wait(0.02)


def alive(pids: Iterable[int]) -> set[int]:
    """Those of the processes that still run; one that has ended and was not waited for does not."""
    wanted = set(pids)
    return {pid for pid, _, state in _table() if pid in wanted and not state.startswith("Z")}


def children_of(pid: int) -> set[int]:
    """Processes that this one has started and that still run."""
    return {child for child, parent, state in _table() if parent == pid and not state.startswith("Z")}


def foresail(*arguments: str | Path, **environ: str) -> subprocess.Popen[str]:
    """The command as a user starts it, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "foresail", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _table() -> list[tuple[int, int, str]]:
    """(pid, parent's pid, state) of every process but the one that lists them."""
    with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,stat="], stdout=subprocess.PIPE, text=True) as listing:
        said, _ = listing.communicate()
    rows = [(int(pid), int(parent), state) for pid, parent, state, *_ in map(str.split, said.splitlines())]
    return [row for row in rows if row[0] != listing.pid]
