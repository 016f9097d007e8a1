"""The ablations' page: every variant in a row, the best first, and a source's traces with and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.ablations import page, read


def a_variant(name: str, pinball: float, without: tuple[str, ...] = (), learned: bool = True) -> dict[str, Any]:
    by_level = {"0.95": pinball, "0.99": pinball}
    served = {"mae": 0.5, "pinball": 0.7, "ramp": 0.9, "adaptive": {"pinball": pinball, "by_level": by_level}}
    network = {**served, "adaptive": {"pinball": 2 * pinball, "by_level": by_level}}
    arms = {"calibrated": served, "network": network}
    return {
        "variant": name,
        "steps": 4000,
        "seed": 0,
        "without": list(without),
        "traces": {
            "nasa_1m": {"learned": learned, "step_s": 60.0, **arms},
            "v2ex_5m": {"learned": True, "step_s": 300.0, **arms},
            "synthetic_ws_chat_1m": {"learned": False, "step_s": 60.0, **arms},
        },
    }


def test_every_variant_has_a_row_and_the_best_comes_first() -> None:
    made = [a_variant("full", 0.4), a_variant("blind-to-ridge", 0.6), a_variant("no-dropout", 0.3)]
    text = page({one["variant"]: one for one in made})
    rows = [line for line in text.splitlines() if line.startswith("| ") and "0.500" in line]
    assert [row.split(" | ")[0][2:] for row in rows] == ["no-dropout", "full", "blind-to-ridge", "full, not calibrated"]
    assert rows[1] == "| full | 0.500 | 0.700 | 0.400 | 0.900 | 0.400 | 0.400 | 0.400 |"
    assert "Over the 1 traces" in text


def test_a_left_out_source_stands_beside_what_it_was_with_it() -> None:
    made = [a_variant("full", 0.4), a_variant("without-web-logs", 0.44, ("nasa_*",), learned=False)]
    text = page({one["variant"]: one for one in made})
    assert "| without-web-logs | 1 | 0.500 → 0.500 | 0.700 → 0.700 | 0.400 → 0.440 |" in text
    assert text.count("without-web-logs") == 1


@pytest.mark.parametrize(
    ("pinball", "said"),
    [
        (0.44, "met."),
        (0.46, "**missed** in `unseen` (pinball, adaptive +0.060; 0.95, adaptive +0.060; 0.99, adaptive +0.060)."),
    ],
)
def test_a_source_that_is_much_worse_unseen_is_said_to_be(pinball: float, said: str) -> None:
    made = [a_variant("full", 0.4), a_variant("unseen", pinball, ("nasa_*",), learned=False)]
    text = page({one["variant"]: one for one in made})
    assert text.endswith(f"\nWanted was at most 0.05 worse: {said}\n")


def test_there_is_no_page_before_the_full_recipe_was_measured(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "ablations").mkdir()
    for name, there in (("no-dropout", False), ("full", True)):
        (tmp_path / "ablations" / f"{name}.json").write_text(json.dumps(a_variant(name, 0.4)))
        assert (read(tmp_path) is not None) == there


def test_variants_that_cannot_be_compared_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "ablations").mkdir()
    for name, steps in (("full", 4000), ("no-dropout", 20)):
        (tmp_path / "ablations" / f"{name}.json").write_text(json.dumps({**a_variant(name, 0.4), "steps": steps}))
    with pytest.raises(ValueError, match=r"ablations/no-dropout\.json: steps, seed or traces"):
        read(tmp_path)
