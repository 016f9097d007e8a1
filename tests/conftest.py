"""Fixtures that test files share: one that a file imports itself would be made once for each file."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.cluster.fixtures import cluster, control_plane_programs, helm_3, helm_4, kubectl
from tests.helpers.models import small_model
from tests.prometheus import prometheus

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a command prints is as wide as a pipe takes it, whatever the terminal that the tests were started in says.
os.environ.pop("COLUMNS", None)

__all__ = ["cluster", "control_plane_programs", "helm_3", "helm_4", "kubectl", "prometheus", "small_model"]


@pytest.fixture(autouse=True)
def logging_is_nobodys() -> Iterator[None]:
    """A command that a test runs in this process sets logging up, on a stream that ends with the test."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler and handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)
