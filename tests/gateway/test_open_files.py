"""The limit of open files is raised to what is needed, or the start refused before anything listens."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from gateway.errors import BadSettings
from gateway.open_files import allow_connections
from gateway.server import serve
from gateway.settings import Limits, Listen, Settings
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 400))
try:
    {call}
except BadSettings as error:
    print(error)
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def said_by(call: str) -> list[str]:
    """What a process of its own prints: a hard limit, once lowered, stays so."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(call=call)], capture_output=True, text=True, check=True
    )
    return ended.stdout.splitlines()


@pytest.mark.parametrize(("connections", "limit"), [(72, 200), (73, 201), (272, 400)])
def test_the_limit_is_raised_as_far_as_needed(connections: int, limit: int) -> None:
    assert said_by(f"allow_connections({connections})") == [f"({limit}, 400)"]


def test_more_than_the_system_allows_is_refused_before_listening() -> None:
    message, limits = said_by("serve(Settings(listen=Listen(host='192.0.2.1'), limits=Limits(max_connections=273)))")
    assert message == (
        "max_connections 273 needs 401 open files, the system allows 200 and no more than 400; "
        "lower FORESAIL_GATEWAY_MAX_CONNECTIONS, or have the limit raised (ulimit -Hn)"
    )
    assert limits == "(200, 400)"
