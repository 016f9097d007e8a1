"""The forecast's bars: each is measured on what it names, and one that is missed is said to be missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.forecast_bars import measured, table


def an_arm(*, ours: bool, against: dict[str, float]) -> dict[str, Any]:
    return {
        "ours": ours,
        "groups": {"learned": {"mae": [0.76, 0.7, 0.8]}},
        "against_ours": {group: {"mae": [value, 0.5, 2.0]} for group, value in against.items()},
        "traces": {"ws_chat": {"mae": [0.2, None, None]}, "ws_live": {"mae": [0.8, None, None]}},
    }


SUMMARY = {
    "arms": {
        "foresail": an_arm(ours=True, against={"recurrent": 1.0, "diurnal": 1.0, "bursty": 1.0}),
        "mstl": an_arm(ours=False, against={"recurrent": 1.6, "diurnal": 1.2, "bursty": 0.8}),
        "lstm": an_arm(ours=False, against={"recurrent": 1.5, "diurnal": 1.1, "bursty": 1.3}),
    }
}


@pytest.mark.parametrize(
    ("how", "over", "wanted"),
    [
        ("group", "learned", 0.76),
        ("mean", "ws_*", 0.4),
        ("worst", "*", 0.8),
        ("behind", "diurnal", 1 / 1.1),
        ("behind", "recurrent diurnal bursty", 1.25),
    ],
)
def test_each_bar_is_measured_on_what_it_names(how: str, over: str, wanted: float) -> None:
    assert measured(SUMMARY, {"name": "a", "how": how, "over": over, "figure": "mae"}) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("at_most = 0.75", "| a | ≤ 0.75 | 0.760 | **missed** |"),
        ("at_most = 0.76", "| a | ≤ 0.76 | 0.760 | met |"),
        ("at_least = 0.7\nat_most = 0.8", "| a | ≥ 0.7, ≤ 0.8 | 0.760 | met |"),
        ("at_least = 0.77\nat_most = 0.8", "| a | ≥ 0.77, ≤ 0.8 | 0.760 | **missed** |"),
    ],
)
def test_a_bar_is_met_or_missed(tmp_path: Path, limit: str, said: str) -> None:
    bars = tmp_path / "bars.toml"
    bars.write_text(f'[[forecast]]\nname = "a"\nhow = "group"\nover = "learned"\nfigure = "mae"\n{limit}\n')
    assert said in table(SUMMARY, bars)


def test_a_bar_over_no_trace_is_refused() -> None:
    with pytest.raises(ValueError, match="no trace is called 'nothing'"):
        measured(SUMMARY, {"name": "a", "how": "worst", "over": "nothing", "figure": "mae"})
