"""The page of what was measured on a real control plane: what was asked stands beside what came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.in_cluster import LEAD_BAR_S, page, read


def a_rise(hpa: float, foresail: float) -> dict[str, Any]:
    return {"hpa": {"ready_after_rise_s": hpa}, "foresail": {"ready_after_rise_s": foresail}, "lead_s": hpa - foresail}


def of_a_metric(*leads: float) -> dict[str, Any]:
    return {
        "rises": [a_rise(150.0, 150.0 - lead) for lead in leads],
        "lead_median_s": sorted(leads)[len(leads) // 2],
        "lead_range_s": [min(leads), max(leads)],
        "pod_hours": {"hpa": 10.0, "foresail": 10.5},
        "overload_s": {"hpa": 300.0, "foresail": 0.0},
    }


def a_lead(*leads: float) -> dict[str, Any]:
    settings = {
        "rises": 3, "stagger_s": 37.0, "pod_start_s": 60.0, "capacity": 1000, "hpa_target": 0.7, "hpa_sync_s": 15,
        "metric_lag_s": 15.0, "cpu_window_s": 30.0, "scrape_s": 5, "climb_s": 120.0, "lasts_s": 360.0,
    }  # fmt: skip
    gateway = {"each": 0.0003, "idle": 0.01, "r_squared": 0.99}
    return {"settings": settings, "gateway": gateway, "metrics": {"cpu": of_a_metric(*leads)}}


def a_case(policies: int, queries: int, **more: object) -> dict[str, Any]:
    return {
        "policies": policies,
        "queries": queries,
        "start": {"first_tick_s": 2.5, "all_raised_s": 400.0, "slowest_tick_until_then_s": 4.0, "cpu_s": 30.0},
        "steady": {
            "minutes": 5.0,
            "tick_median_s": 0.5,
            "tick_worst_s": 2.0,
            "writes": {"PATCH predictiveautoscalers/status": policies, "PATCH horizontalpodautoscalers": 10},
            "cpu_s_per_tick": 1.25,
            "cpu_share": 0.25,
            "rss_mib": 150.0,
        },
        "load_average": [3.0, 1.0],
        **more,
    }


TICK = {
    "machine": {"cores": 2},
    "settings": {"days": 4, "tick_s": 15.0, "scrape_s": 5},
    "cases": {"one": a_case(1, 1), "each": a_case(500, 500, away={"after_30_s_per_s": 0.5})},
}


def test_a_lead_is_held_against_its_bar() -> None:
    text = page({"lead": a_lead(100.0, 200.0, 300.0)})
    assert "| CPU | **200 s** | 100 to 300 s | -150 s | +50 s | 10.0 | 10.5 | 300 s | 0 s |" in text
    assert f"a median lead of {LEAD_BAR_S:.0f} s: met." in " ".join(text.split())
    assert "What a tick costs" not in text
    assert "s: missed." in " ".join(page({"lead": a_lead(100.0)}).split())


def test_every_case_of_a_tick_is_a_column() -> None:
    text = page({"live_tick": TICK})
    assert "| 1 policy | 500 policies, a query each |" in text
    assert "| writes a minute but for statuses | 0 | 2.0 | 2.0 |" in text
    assert "| statuses a minute and policy | ≤ 0.2 | 0.20 | 0.20 |" in text
    assert "| API server away: attempts a second after 30 s | < 1 |  | 0.50 |" in text


def test_what_was_not_over_is_said() -> None:
    case = a_case(40, 40)
    case["start"] |= {"all_raised_s": None, "not_raised": 7}
    text = page({"live_tick": {**TICK, "cases": {"each": case}}})
    assert "| until every floor was raised |  | 7 not yet when it was stopped |" in text
    assert "| load average meanwhile |  | 1 to 3 |" in text


def test_only_what_was_measured_is_read(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    (tmp_path / "lead.json").write_text(json.dumps({"a": 1}))
    assert read(tmp_path) == {"lead": {"a": 1}}
