"""The limit of open files is raised where it must be, left alone where it need not, and a hard one is told."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from foresail.demo.limits import allow_open_files
from foresail.errors import UsageError


@pytest.fixture(autouse=True)
def low_limit() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_limit_that_is_too_low_is_raised() -> None:
    allow_open_files(300)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300


def test_a_limit_that_is_high_enough_stays() -> None:
    allow_open_files(200)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 256


def test_what_the_system_does_not_allow_is_refused() -> None:
    with pytest.raises(UsageError, match=r"4611686018427387904 open files are needed, the system allows 256"):
        allow_open_files(2**62)
