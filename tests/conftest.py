"""Fixtures that test files share: one that a file imports itself would be made once for each file."""

from hypothesis import settings

from tests.cluster.fixtures import cluster, control_plane_programs, helm_3, helm_4, kubectl
from tests.helpers.models import small_model
from tests.prometheus import prometheus

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

__all__ = ["cluster", "control_plane_programs", "helm_3", "helm_4", "kubectl", "prometheus", "small_model"]
