"""The page of the planner's rules: only overloaded public traces count for the ratio, all for the sums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.planner_rules import page, read


def a_trace(hpa: float, overload: float, ratio: Any) -> dict[str, Any]:
    def figures(minutes: float) -> dict[str, Any]:
        return {"overload_minutes": minutes, "pod_minutes": 1000.0, "broken": 3, "rescales": 2}

    world = {"hpa": figures(hpa), "whole": {**figures(overload), "ratio": [ratio, None, None]}}
    return {"about": "a load", "kind": "Flow", "worlds": {"60": world}}


def test_a_row_a_rule() -> None:
    traces = {"a": a_trace(10, 4, 0.5), "b": a_trace(2, 1, 9.0), "synthetic_ws_x_connections_1m": a_trace(9, 0, 0.01)}
    text = page({"traces": traces})
    assert "| planner | ratio, mean of 1 |" in text
    assert "| **whole** | 0.500 | 5.0 | +0.00 % | 0.0 | 3 | 6 |" in text


def test_what_was_not_measured_has_no_page(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "planner_rules.json").write_text(json.dumps({"traces": {}}))
    assert read(tmp_path) == {"traces": {}}
