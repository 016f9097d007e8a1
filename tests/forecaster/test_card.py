"""The card: every figure comes from the record, and what has no figure has a dash."""

from __future__ import annotations

import pytest

from forecaster.card import card


def a_score(name: str, ratio: float | None, coverage: float | None = 0.94) -> dict[str, object]:
    return {"series": name, "mae": ratio, "pinball": ratio, "ramp": ratio, "coverage": {"0.95": coverage}}


def a_record(*scores: dict[str, object]) -> dict[str, object]:
    recipe = {
        "share": 0.7,
        "synthetic": 240,
        "synthetic_seed": 1,
        "measure_every": 7,
        "train": {"steps": 16000, "seed": 3},
    }
    return {"recipe": recipe, "scores": list(scores)}


def test_every_figure_is_there() -> None:
    text = card("ours", 183770, a_record(a_score("web", 0.5, 0.9), a_score("chat", 0.125, 1.0)))
    for expected in (
        "# Model card: ours",
        "183,770 parameters",
        "first 70% of 2 histories and from 240 made-up series (seed 1), in 16,000 steps, seed 3.",
        "the last 30% of each history",
        "an origin every 7 steps",
        "| web | 0.50 | 0.50 | 0.50 | 90.0 % |",
        "| chat | 0.12 | 0.12 | 0.12 | 100.0 % |",
        "| **geometric mean** (coverage: mean) | 0.25 | 0.25 | 0.25 | 95.0 % |",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([a_score("flat", None, None), a_score("web", 0.5)], ["| flat | - | - | - | - |", "mean) | 0.50 |"]),
        ([a_score("exact", 0.0), a_score("web", 0.5)], ["| exact | 0.00 |", "mean) | 0.50 |"]),
        ([], ["mean) | - | - | - | - |"]),
    ],
)
def test_what_has_no_figure_has_a_dash_and_no_part_in_the_mean(
    scores: list[dict[str, object]], expected: list[str]
) -> None:
    text = card("ours", 1, a_record(*scores))
    assert all(line in text for line in expected)
