"""The refits' page: a row for each trace, what was promoted and what was not, and the means of the groups."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.refits import page, read


def scores(pinball: float) -> dict[str, Any]:
    return {"ramp": 0.8, "adaptive": {"pinball": pinball, "by_level": {"0.95": 0.7}}}


def a_trace(before: float, after: float, learned: bool, promoted: bool) -> dict[str, Any]:
    verdict = {"promoted": promoted, "reason": "better" if promoted else "not better by 1%", "ratio": after / before}
    return {
        "learned": learned,
        "verdict": verdict,
        "cpu_s": 20.0,
        "scores": {"base": scores(before), "refit": scores(after)},
    }


MEASURED = {
    "model": "1",
    "config": {"layers": "light", "steps": 240, "judge_days": 2.0},
    "traces": {
        "nasa_1m": a_trace(0.5, 0.5, learned=True, promoted=False),
        "chat_1m": a_trace(0.4, 0.2, learned=False, promoted=True),
        "match_1m": a_trace(0.9, 0.8, learned=False, promoted=False),
    },
}


def test_every_trace_has_a_row_and_every_group_its_geometric_mean() -> None:
    text = page(MEASURED)
    assert "| nasa_1m | not better by 1% | 1.000 | 0.500 → 0.500 |" in text
    assert "| chat_1m \\* | better | 0.500 | 0.400 → 0.200 |" in text
    assert "| **promoted, 1** |  |  | 0.400 → 0.200 |" in text
    assert "| **never learned from, 2** |  |  | 0.600 → 0.400 |" in text
    assert "20 seconds" in text


def test_there_is_no_page_before_a_refit_was_measured(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "refits.json").write_text(json.dumps(MEASURED))
    assert read(tmp_path) == MEASURED
