"""The comparison's tables: the best first, ours in bold, what was not measured a dash, what loses still there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.side_by_side import page, read, table

FIGURES = ("mae", "empirical", "adaptive", "empirical_ramp", "adaptive_ramp", "adaptive_0.95", "adaptive_0.99")
SHARES = ("coverage_0.95", "coverage_ramp_0.95")


def an_arm(label: str, adaptive: float, **changes: Any) -> dict[str, Any]:
    figures = {**{f: [1.0, 0.9, 1.1] for f in FIGURES}, **{s: [0.95, 0.94, 0.96] for s in SHARES}}
    figures["adaptive"] = [adaptive, adaptive - 0.1, adaptive + 0.1]
    return {
        "label": label,
        "learns": "nothing",
        "ours": False,
        "library": None,
        "seeds": 1,
        "effort": 1.0,
        "train_cpu_s": 0.0,
        "cpu_s_per_1000_forecasts": 0.256,
        "peak_rss_mib": 1_234,
        "groups": {"learned": figures, "synthetic_ws": None},
        "against_ours": {"learned": {"adaptive": [adaptive / 0.5, 1.0, 3.0]}, "synthetic_ws": None},
        "traces": {"load": {"adaptive": [adaptive, None, None]}},
        **changes,
    }


def a_summary() -> dict[str, Any]:
    return {
        "groups": {"learned": ["load"], "synthetic_ws": ["ws"]},
        "arms": {
            "last-value": an_arm("last value", 1.04),
            "lstm": an_arm("LSTM", 0.8, learns="the ten traces together", effort=0.1, train_cpu_s=1_500.4, seeds=3),
            "foresail": an_arm("Foresail", 0.5, ours=True),
        },
    }


def test_the_best_comes_first_and_the_worst_stays() -> None:
    rows = table(a_summary()).splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| **Foresail**",
        "| LSTM (10% of its training)",
        "| last value",
    ]
    assert rows[3].endswith(" | 1.00 | 1.00 | 0.80 | 1.00 | 1.00 | 1.00 | 95.0 % | - | - | 1,500 | 0.26 | 1,234 |")
    assert rows[2].endswith("| - | 0.26 | 1,234 |")


def test_the_page_has_every_group_every_trace_and_every_arm() -> None:
    text = page(a_summary(), "| bars |\n")
    assert text.count("## The bars\n\n| bars |\n\n## ") == 1
    assert "## The ten, learned in part\n" in text
    assert "| 0.80 (0.70-0.90) |" in text
    assert "| 1.60 (1.00-3.00) |" in text
    assert "| load | 0.50 | 0.80 | 1.04 |" in text
    assert text.count("| LSTM (10% of its training) |") == 4  # two groups, the head of the traces, the arms


def test_without_a_run_there_is_no_table(tmp_path: Path) -> None:
    assert read(tmp_path) is None
    (tmp_path / "side_by_side").mkdir()
    (tmp_path / "side_by_side" / "summary.json").write_text(json.dumps(a_summary()))
    assert read(tmp_path) == a_summary()
