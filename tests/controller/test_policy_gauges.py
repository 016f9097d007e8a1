"""What the gauges say of one decision: each value is that of the decision, and absent where it has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.deciding import Outcome
from controller.domain import Mode, Reading, SpentHour
from controller.onlooker import Decided
from controller.policy_gauges import LEVELS, POLICY_GAUGES
from controller.subjects import Key
from forecaster.verdict import Ruling, Verdict
from tests.controller.test_deciding import RISE, a_subject, decided
from tests.helpers.builders import at

VERDICT = Verdict(
    Ruling.BASELINE, "ridge", "the ridge has lost less", best="ridge", skill=0.8, against=1.1, coverage=0.93, hours=48
)


def an_outcome(**changes: Any) -> Outcome:
    forecasts = [replace(one, verdict=VERDICT) for one in RISE]
    outcome = decided(a_subject(), forecasts)
    memory = replace(outcome.kept.memory, spent=(SpentHour(at(-30), 3600.0, 36000.0, 1800.0),))
    return replace(outcome, kept=replace(outcome.kept, memory=memory), **changes)


def everything(key: Key = ("chat", "gateway")) -> Decided:
    """A decision of which every gauge has something to say."""
    outcome = an_outcome(limited=44, limited_from=at(3))
    readings = (Reading("connections", 8500.0, at(-1)),)
    outcome = replace(
        outcome,
        decision=replace(outcome.decision, target=640.0),
        observed=replace(outcome.observed, readings=readings),
    )
    return Decided(key, outcome, {"connections": "StaleData: it gave nothing for 6 min"}, "away")


def said(one: Decided) -> dict[str, dict[tuple[str, ...], float]]:
    return {gauge.name: dict(gauge.samples(one)) for gauge in POLICY_GAUGES}


def test_each_gauge_says_what_the_decision_holds() -> None:
    one = everything()
    (forecast,), found = one.outcome.forecasts, said(one)
    end = forecast.quantiles[-1][forecast.levels.index(0.95)]
    assert found["foresail_floor_replicas"] == {(): 9.0}
    assert found["foresail_original_floor_replicas"] == {(): 2.0}
    assert found["foresail_target_average_value"] == {(): 640.0}
    assert found["foresail_forecast_horizon_end"]["connections", "0.95"] == end
    assert found["foresail_forecast_peak"]["connections", "0.95"] == forecast.peak_at(0.95)
    assert len(found["foresail_forecast_peak"]) == len(LEVELS)
    horizon = forecast.origin + timedelta(minutes=16)
    assert found["foresail_forecast_horizon_timestamp_seconds"] == {("connections",): horizon.timestamp()}
    assert found["foresail_lead_time_seconds"] == {(): one.outcome.policy.lead_time.total_seconds()}
    assert found["foresail_limited_replicas"] == {(): 44.0}
    assert found["foresail_limited_timestamp_seconds"] == {(): at(3).timestamp()}
    assert found["foresail_signal_timestamp_seconds"] == {("connections",): at(-1).timestamp()}
    assert found["foresail_signal_problem"] == {("connections", "StaleData"): 1.0}
    assert found["foresail_held"] == {(): 0.0}


def test_what_the_gate_says_of_each_signal() -> None:
    found = said(everything())
    assert found["foresail_forecast_loss_ratio"] == {("connections", "best"): 1.1, ("connections", "last-value"): 0.8}
    assert found["foresail_forecast_coverage_ratio"] == {("connections",): 0.93}
    assert found["foresail_gate_verdict"] == {
        ("connections", "Accept"): 0.0,
        ("connections", "Baseline"): 1.0,
        ("connections", "Abstain"): 0.0,
    }


def test_spent_and_left_are_the_whole_allowance() -> None:
    one = everything()
    found = said(one)
    spent, left = found["foresail_budget_spent_pod_seconds"][()], found["foresail_budget_left_pod_seconds"][()]
    mean_wish = 36000.0 / 1800.0
    assert spent == 3600.0
    assert spent + left == pytest.approx(one.outcome.policy.budget_percent / 100 * mean_wish * 86400)


@pytest.mark.parametrize("mode", Mode)
def test_one_mode_is_followed(mode: Mode) -> None:
    outcome = an_outcome()
    one = Decided(("chat", "gateway"), replace(outcome, policy=replace(outcome.policy, mode=mode)), {})
    assert {labels for labels, value in said(one)["foresail_policy_mode"].items() if value} == {(mode.value,)}


def test_what_is_not_known_is_absent() -> None:
    outcome = decided(a_subject(), [], blind="away")
    found = said(Decided(("chat", "gateway"), outcome, {}))
    absent = {name for name, samples in found.items() if not samples}
    assert absent == {
        "foresail_wanted_replicas",
        "foresail_signal_load",
        "foresail_forecast_peak",
        "foresail_forecast_horizon_end",
        "foresail_forecast_horizon_timestamp_seconds",
        "foresail_forecast_loss_ratio",
        "foresail_forecast_coverage_ratio",
        "foresail_gate_verdict",
        "foresail_target_average_value",
        "foresail_limited_replicas",
        "foresail_limited_timestamp_seconds",
        "foresail_signal_timestamp_seconds",
        "foresail_signal_problem",
    }
    assert found["foresail_held"] == {(): 1.0}
