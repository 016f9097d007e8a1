"""A tethered child ends with its parent: asked first, made to after a moment, and not before its parent is gone."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.helpers.processes import ROOT, alive, until

CHILD = """
import signal, threading
from foresail import tether
{before}
tether.exit_with_parent()
print("here", flush=True)
threading.Event().wait()
"""
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_the_end_of_standard_input_asks_the_child_to_stop() -> None:
    with start(CHILD.format(before="")) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "here\n"
        child.stdin.close()
        assert child.wait() == -signal.SIGTERM


def test_a_child_that_does_not_follow_is_made_to() -> None:
    with start(CHILD.format(before=f"tether.GRACE_S = 0.1; {DEAF}")) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "here\n"
        child.stdin.close()
        assert child.wait() == 1


def test_what_is_written_to_the_child_does_not_end_it() -> None:
    with start(CHILD.format(before="")) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        child.stdin.write("not the end\n" * 1000)
        child.stdin.flush()
        assert alive([child.pid]) == {child.pid}
        child.stdin.close()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_parent_ends_the_child(number: signal.Signals) -> None:
    with start(PARENT, CHILD.format(before="")) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive([child]) == {child}
        parent.send_signal(number)
        parent.wait()
        until(lambda: not alive([child]))
