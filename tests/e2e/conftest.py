"""One stage for all scenarios, or the reason why there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.prometheus_server import missing_programs
from tests.e2e.stage import Stage, a_stage


@pytest.fixture(scope="session")
def stage(control_plane_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A cluster that all scenarios share, each in a namespace of its own."""
    if sys.platform != "linux":
        pytest.skip("each pod has an address of 127.0.0.0/8, of which only Linux serves more than one")
    if missing := missing_programs():
        pytest.skip(f"no {' and no '.join(missing)} on this machine: `apt-get install prometheus` brings both")
    with a_stage(tmp_path_factory.mktemp("stage"), control_plane_programs) as running:
        yield running
