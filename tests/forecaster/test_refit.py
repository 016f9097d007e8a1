"""A refit: what learns and what stays, what it may see, how it is compared, and what its artefact says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.artefact import CARD, GOLDEN, METRICS, MODEL, WEIGHTS, Artefact, load_artefact, write_artefact
from forecaster.card import card
from forecaster.errors import BadArtefact, BadHistory
from forecaster.golden import golden_record
from forecaster.predict import OnnxForecaster
from forecaster.series import Series
from forecaster.versions import begin, promote
from tests.helpers.histories import a_load, a_series, with_another_future

pytestmark = pytest.mark.train
HISTORY = replace(a_load(5, days=6), name="chat")
PER_DAY = 288


@pytest.fixture(scope="module")
def base(small_model: Artefact) -> Artefact:
    return small_model


def a_config(**changes: Any) -> Any:
    from forecaster.refit import RefitConfig

    return RefitConfig(**{"steps": 2, "synthetic": 1, "every": 20, **changes})


@pytest.fixture(scope="module")
def refitted(base: Artefact) -> Any:
    from forecaster.refit import refit

    return refit(base, base, HISTORY, a_config())


def five_minutes(values: list[float]) -> Series:
    return a_series(values, timedelta(minutes=5))


def weights(content: bytes) -> dict[str, Any]:
    from safetensors.torch import load

    return dict(load(content))


@pytest.mark.parametrize(
    ("layers", "learns"),
    [
        ("light", {"gate", "spread", "correction", "peak"}),
        ("all", {"gate", "spread", "correction", "peak", "recurrent", "body"}),
    ],
)
def test_only_what_is_named_learns(base: Artefact, layers: str, learns: set[str]) -> None:
    import torch

    from forecaster.refit import learn, load_trained

    before = weights((base.path / WEIGHTS).read_bytes())
    after = learn(load_trained(base), HISTORY, a_config(layers=layers)).state_dict()
    assert {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])} == learns


def test_the_days_to_judge_on_are_not_learned_from_and_a_seed_repeats_itself(base: Artefact, refitted: Any) -> None:
    from forecaster.refit import refit

    other = refit(base, base, with_another_future(HISTORY, 4 * PER_DAY - 1, seed=1), a_config())
    assert other.files[WEIGHTS] == refitted.files[WEIGHTS] != (base.path / WEIGHTS).read_bytes()
    assert other.verdict.ratio != refitted.verdict.ratio


def test_its_artefact_says_what_it_is(base: Artefact, refitted: Any, tmp_path: Path) -> None:
    begin(tmp_path / "chat", base)
    made = promote(tmp_path / "chat", refitted.write)
    assert (made.name, made.manifest["replaces"]) == ("chat-0002", "0001")
    assert made.manifest["refit"]["base"] == {"name": "base", "seal": base.seal}
    assert made.manifest["refit"]["learned_until"] == HISTORY.time(4 * PER_DAY).isoformat()
    recorded = json.loads((made.path / METRICS).read_text("utf-8"))
    assert recorded["recipe"] == json.loads((base.path / METRICS).read_text("utf-8"))["recipe"]
    assert recorded["refit"]["history"] == "chat"
    assert recorded["refit"]["verdict"]["promoted"] == refitted.verdict.promoted
    assert [s["model"] for s in recorded["refit"]["scores"]] == ["lstm:base", "lstm:refit"]
    assert (made.path / CARD).read_text("utf-8") == card("chat-0002", made.manifest["parameters"], recorded)
    golden = json.loads((made.path / GOLDEN).read_text("utf-8"))
    now = golden_record(OnnxForecaster(made))
    np.testing.assert_allclose(np.array(now["quantiles"]), np.array(golden["quantiles"]), rtol=1e-5)


def test_a_model_compared_with_itself_is_not_better(base: Artefact) -> None:
    from forecaster.refit import compare

    verdict, scores = compare(base, base, HISTORY, 4 * PER_DAY, 5)
    # The last hour has no whole horizon after it.
    assert (verdict.promoted, verdict.ratio, verdict.hours) == (False, 1.0, 47)
    assert scores[0] == scores[1]


def test_of_two_models_the_better_one_is_seen(base: Artefact, tmp_path: Path) -> None:
    """The same network with its quantiles far apart is worse on any load."""
    import torch

    from forecaster.export import to_onnx, to_safetensors
    from forecaster.refit import compare, load_trained

    network = load_trained(base).eval()
    with torch.no_grad():
        network.correction.bias.copy_(network.correction.bias.flip(0) * 40)
    worse = write_artefact(tmp_path / "worse", "worse", {MODEL: to_onnx(network), WEIGHTS: to_safetensors(network)}, {})
    verdict, scores = compare(worse, base, HISTORY, 4 * PER_DAY, 5)
    assert verdict.promoted
    assert scores[1].pinball / scores[0].pinball == pytest.approx(verdict.ratio)
    assert not compare(base, worse, HISTORY, 4 * PER_DAY, 5)[0].promoted


@pytest.mark.parametrize(
    ("series", "found"),
    [
        (
            a_load(5, days=4, gaps=0),
            "load: 48 hours measured before the latest 2 days, which are for the comparison; .* 72 or more",
        ),
        (a_load(5, days=1), "load: 0 hours measured before"),
        (five_minutes([np.nan] * 4 * PER_DAY + [1.0] * 2 * PER_DAY), "load: 0 hours measured before"),
        (
            five_minutes([1.0] * PER_DAY + [np.nan] * 2 * PER_DAY + [1.0] * 3 * PER_DAY),
            "load: 48 hours measured before .* gaps do not count",
        ),
        (
            five_minutes([1.0] * 4 * PER_DAY + [np.nan] * 2 * PER_DAY),
            "load: 0 hours to compare on in the latest 2 days; expected 24",
        ),
    ],
    ids=["short", "shorter than what is compared", "measured too late", "a long gap", "nothing to compare on"],
)
def test_a_history_with_too_little_in_it_is_refused(base: Artefact, series: Series, found: str) -> None:
    from forecaster.refit import refit

    with pytest.raises(BadHistory, match=found):
        refit(base, base, series, a_config())


def test_a_day_of_five_minutes_is_too_little_and_is_refused_before_the_training(base: Artefact) -> None:
    """The last hour has no whole horizon after it."""
    from forecaster.refit import refit

    with pytest.raises(BadHistory, match="load: 23 hours to compare on in the latest 1 days; expected 24 or more"):
        refit(base, base, a_load(5, days=6, gaps=0), a_config(judge_days=1.0, every=5))


def test_what_has_seen_the_days_is_not_compared_on_them(base: Artefact, refitted: Any, tmp_path: Path) -> None:
    from forecaster.refit import _check_unseen, refit

    begin(tmp_path / "chat", base)
    newer = promote(tmp_path / "chat", refitted.write)
    _check_unseen(newer, HISTORY, 4 * PER_DAY)
    with pytest.raises(BadHistory, match=r"chat-0002 has learned until .*; use a newer history, or fewer days"):
        refit(base, newer, a_load(5, days=5, gaps=0), a_config())


@pytest.mark.parametrize(
    ("files", "about", "found"),
    [
        ({}, {}, "no weights to go on from"),
        ({WEIGHTS: b"none"}, {"network": {}}, "no weights to go on from"),
        (None, {"network": {"hidden": 7}}, "no weights to go on from"),
        (None, None, r"its metrics\.json records no training"),
    ],
    ids=["no weights", "damaged weights", "weights of other sizes", "no metrics"],
)
def test_an_artefact_that_cannot_be_gone_on_from_is_refused(
    base: Artefact, tmp_path: Path, files: dict[str, bytes] | None, about: dict[str, Any] | None, found: str
) -> None:
    from forecaster.refit import refit

    content = {MODEL: b"a network", **({WEIGHTS: (base.path / WEIGHTS).read_bytes()} if files is None else files)}
    said = {"network": base.manifest["network"]} if about is None else about
    other = load_artefact(write_artefact(tmp_path / "other", "other", content, said).path)
    with pytest.raises(BadArtefact, match=found):
        refit(other, base, HISTORY, a_config())
