"""Every committed model loads, makes its golden forecast again, and its card says what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forecaster.artefact import CARD, GOLDEN, METRICS, WEIGHTS, load_artefact
from forecaster.card import card
from forecaster.golden import golden_record
from forecaster.predict import OnnxForecaster

MODELS = Path(__file__).parents[2] / "models"
FOLDERS = [MODELS / "base"]
"""Those that ship: whoever trains or refits writes others beside them."""
every_model = pytest.mark.parametrize("folder", FOLDERS, ids=[f.name for f in FOLDERS])


def test_the_base_model_ships() -> None:
    assert load_artefact(MODELS / "base").name == "base"


@every_model
def test_it_is_whole_and_named_as_its_folder(folder: Path) -> None:
    artefact = load_artefact(folder)
    assert artefact.name == folder.name
    assert {CARD, GOLDEN, METRICS, WEIGHTS} <= set(artefact.manifest["files"])
    assert {f.name for f in folder.iterdir()} == {*artefact.manifest["files"], "manifest.json"}


@every_model
def test_it_makes_its_golden_forecast_again(folder: Path) -> None:
    """Within a thousandth: versions of ONNX Runtime and processors round differently."""
    once = json.loads((folder / GOLDEN).read_text("utf-8"))
    now = golden_record(OnnxForecaster(load_artefact(folder)))
    assert now["origins"] == once["origins"]
    for part in ("quantiles", "peak"):
        np.testing.assert_allclose(np.array(now[part]), np.array(once[part]), rtol=1e-3, err_msg=part)


@every_model
def test_its_card_says_what_was_measured(folder: Path) -> None:
    recorded = json.loads((folder / METRICS).read_text("utf-8"))
    written = (folder / CARD).read_text("utf-8")
    assert written == card(folder.name, load_artefact(folder).manifest["parameters"], recorded)


@every_model
def test_it_says_nothing_of_the_machine_that_it_was_made_on(folder: Path) -> None:
    for file in folder.iterdir():
        assert b'File "' not in file.read_bytes(), file.name
