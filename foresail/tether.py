"""Ends a child process when its parent is gone, whatever ended the parent.

The parent holds the writing end of the child's standard input. The kernel closes it when the parent dies, even by
SIGKILL, and the child reads end-of-file. Works alike on Linux and macOS.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

GRACE_S = 3.0


def exit_with_parent() -> None:
    """From now on: when standard input ends, this process is asked to stop, and after a moment made to."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, name="tether", daemon=True).start()
