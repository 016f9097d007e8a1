"""Gives memory that is free back to the system, where the C library can: glibc keeps it for what may come.

A batch of forecasts takes tens of megabytes for seconds, once a minute, and a container is billed for what it keeps.
"""

from __future__ import annotations

import ctypes


def give_back() -> bool:
    """Whether some was given back; never where the library has no `malloc_trim`, as musl and macOS have none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    return bool(trim(0))
