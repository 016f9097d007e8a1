"""The process's limit of open files, raised to what its connections need before the first of them comes."""

from __future__ import annotations

import resource

from gateway.errors import BadSettings

FILES_BESIDES = 128
"""Open files that are no WebSocket: the reserve for HTTP, the listener, the event loop, the standard streams."""


def allow_connections(max_connections: int) -> None:
    """Raises the soft limit of open files where it is too low for so many connections.

    Raises BadSettings where the system does not allow it: a process at its limit accepts nobody, probes included.
    """
    needed = max_connections + FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError):
        raise BadSettings(
            f"max_connections {max_connections} needs {needed} open files, the system allows {soft} and no more than "
            f"{hard}; lower FORESAIL_GATEWAY_MAX_CONNECTIONS, or have the limit raised (ulimit -Hn)"
        ) from None
