"""A model to go on from, trained for a moment: one for all tests, for exporting it takes longer than training it."""

from __future__ import annotations

import pytest

from forecaster.artefact import Artefact


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """A network that has hardly learned; needs torch."""
    from forecaster.build import Recipe, build
    from forecaster.network import NetworkConfig
    from forecaster.train import TrainConfig

    few = TrainConfig(steps=2, series_per_step=2, origins_per_series=2)
    recipe = Recipe(synthetic=1, coarse=1, train=few, network=NetworkConfig(hidden=6, wide=8, narrow=6, peak=4))
    return build(tmp_path_factory.mktemp("models") / "base", [], recipe)
