"""The limit of open files: every client is one, and macOS starts a shell with 256."""

from __future__ import annotations

import resource

from foresail.errors import UsageError


def allow_open_files(count: int) -> None:
    """Raises this process's own limit to `count` where it is lower; processes started later inherit it.

    Raises UsageError where the system allows fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    except (ValueError, OSError):
        raise UsageError(
            f"{count} open files are needed, the system allows {soft} and no more than {hard}; "
            "choose fewer clients, or have the limit raised (ulimit -n)"
        ) from None
