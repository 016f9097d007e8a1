"""Fixtures that test files share: one that a file imports itself would be made once for each file."""

from tests.cluster.fixtures import cluster, control_plane_programs
from tests.helpers.models import small_model
from tests.prometheus import prometheus

__all__ = ["cluster", "control_plane_programs", "prometheus", "small_model"]
