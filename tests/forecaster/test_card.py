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


def test_a_refit_says_what_it_went_on_from_and_how_it_compared() -> None:
    refit = {
        "base": {"name": "base", "seal": "0123456789abcdef"},
        "used": {"name": "chat-0002", "seal": "fedcba9876543210"},
        "history": "chat",
        "learned_from": "2026-01-05T00:00:00+00:00",
        "learned_until": "2026-01-31T00:00:00+00:00",
        "judged_until": "2026-02-02T00:00:00+00:00",
        "config": {"layers": "light", "steps": 240, "seed": 0, "every": 5},
        "verdict": {"ratio": 0.9, "bound": 0.9512, "upper": 0.97, "hours": 48},
        "scores": [a_score("chat", 0.5, 0.9), a_score("chat", 0.45)],
    }
    text = card("chat-0003", 7, {**a_record(a_score("web", 0.7)), "refit": refit})
    for expected in (
        "Learned from the first 70% of 1 histories",
        "Refitted from base (0123456789ab), on chat from 2026-01-05T00:00:00+00:00 to 2026-01-31T00:00:00+00:00: "
        "layers light, 240 steps, seed 0.",
        "On chat from there to 2026-02-02T00:00:00+00:00, which neither this refit nor one before it has learned from",
        "| chat-0002 (fedcba987654), in use until then | 0.50 | 0.50 | 0.50 | 90.0 % |",
        "| this refit | 0.45 | 0.45 | 0.45 | 94.0 % |",
        "Its pinball loss is 0.900 of the other's, with a confidence of 97.5 % below 0.951, by 48 hours",
    ):
        assert expected in text
    assert "| web |" not in text
