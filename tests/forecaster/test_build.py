"""From histories to an artefact: whole, measured with what serves, and refused before the training where it must be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.artefact import CARD, GOLDEN, METRICS, load_artefact
from forecaster.card import card
from forecaster.errors import BadArtefact, BadHistory, NoForecast
from forecaster.golden import golden_record
from forecaster.predict import OnnxForecaster
from forecaster.series import Series
from tests.helpers.histories import MINUTE, a_load, a_series

pytestmark = pytest.mark.train


def a_recipe() -> Any:
    from forecaster.build import Recipe
    from forecaster.network import NetworkConfig
    from forecaster.train import TrainConfig

    return Recipe(
        synthetic=2,
        coarse=1,
        train=TrainConfig(steps=2, series_per_step=2, origins_per_series=2),
        network=NetworkConfig(hidden=6, wide=8, narrow=6, peak=4),
    )


def test_an_artefact_holds_what_it_says(tmp_path: Path) -> None:
    from forecaster.build import build

    steps: list[int] = []
    series = [replace(a_load(1), name="web"), replace(a_load(2), name="chat")]
    artefact = build(tmp_path / "ours", series, a_recipe(), lambda step, _: steps.append(step))
    assert steps == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["ours"]
    again = load_artefact(artefact.path)
    recorded = json.loads((again.path / METRICS).read_text("utf-8"))
    assert [s["series"] for s in recorded["scores"]] == ["web", "chat"]
    assert recorded["recipe"]["train"]["steps"] == again.manifest["train"]["steps"] == 2
    assert (again.path / CARD).read_text("utf-8") == card("ours", again.manifest["parameters"], recorded)
    golden = json.loads((again.path / GOLDEN).read_text("utf-8"))
    now = golden_record(OnnxForecaster(again))
    np.testing.assert_allclose(np.array(now["quantiles"]), np.array(golden["quantiles"]), rtol=1e-5)


def test_made_up_series_are_learned_from_whole_and_at_two_steps() -> None:
    from forecaster.build import sources
    from forecaster.train import SourceKind

    made = sources([a_load()], a_recipe())
    assert [(s.kind, s.windows.series.step) for s in made] == [
        (SourceKind.OTHER_STEP, 5 * MINUTE),
        (SourceKind.MADE_UP, MINUTE),
        (SourceKind.MADE_UP, MINUTE),
        (SourceKind.MADE_UP, 5 * MINUTE),
    ]
    assert len(made[0].windows.series) == int(0.7 * len(a_load()))
    assert len(made[1].windows.series) == 30 * 1440


@pytest.mark.parametrize(
    ("series", "error", "found"),
    [
        (a_series(np.ones(190)), BadHistory, "load: 133 bins in its first 70%; training needs more than 135"),
        (a_series([np.nan] * 400 + [1.0] * 100), BadHistory, "load: 0 bins in its first 70%"),
        (a_series(np.ones(500), 10 * MINUTE), NoForecast, "the network takes 0:00:15 to 0:05:00"),
    ],
    ids=["too short", "measured too late", "too coarse"],
)
def test_a_history_that_cannot_be_learned_from_is_refused_before_the_training(
    tmp_path: Path, series: Series, error: type[Exception], found: str
) -> None:
    from forecaster.build import build

    steps: list[int] = []
    with pytest.raises(error, match=found):
        build(tmp_path / "ours", [a_load(), series], a_recipe(), lambda step, _: steps.append(step))
    assert (steps, list(tmp_path.iterdir())) == ([], [])


def test_a_place_that_is_taken_is_refused_before_the_training(tmp_path: Path) -> None:
    from forecaster.build import build

    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "diary.txt").write_text("")
    steps: list[int] = []
    with pytest.raises(BadArtefact, match="exists and is not a model folder"):
        build(tmp_path / "ours", [a_load()], a_recipe(), lambda step, _: steps.append(step))
    assert steps == []
