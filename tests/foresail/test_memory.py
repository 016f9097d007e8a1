"""Memory that was let go leaves the process, and where that cannot be done nothing happens."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

import pytest

from foresail.memory import give_back

_MIB = 2**20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is free, and can give it back")
def test_what_was_let_go_leaves_the_process() -> None:
    """Blocks too small for pages of their own, with one left above them that keeps the heap from shrinking."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = (
        ctypes.c_void_p,
        [ctypes.c_size_t],
        [ctypes.c_void_p],
    )
    blocks = [libc.malloc(64 * 1024) for _ in range(64 * 16)]
    for block in blocks:
        ctypes.memset(block, 1, 64 * 1024)
    full, last = resident(), libc.malloc(64)
    for block in blocks:
        libc.free(block)
    assert give_back()
    assert resident() < full - 32 * _MIB
    libc.free(last)


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not give_back()
