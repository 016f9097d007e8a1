"""The limits of a policy and of an entry: what is ordinary passes, and each thing beyond them is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest

from controller.decision.plan import first_memory, plan
from controller.domain import Bounds, Decision, Memory, Observed, Policy, RampDown, Reading, SpentHour, Wish
from controller.limits import entry_problem, policy_problem
from forecaster.forecast import Forecast
from tests.helpers.builders import CONNECTIONS, a_forecast, a_policy, an_observation, at

POLICY = a_policy()
OBSERVED, FORECAST, MEMORY = an_observation(hpa_wish=None), a_forecast(), first_memory(POLICY, at())
DECISION, AFTER = plan(POLICY, OBSERVED, [FORECAST], MEMORY, at())
NAIVE = at().replace(tzinfo=None)


def problem(
    *,
    now: datetime | None = None,
    observed: Observed = OBSERVED,
    forecast: Forecast = FORECAST,
    memory: Memory = AFTER,
    decision: Decision = DECISION,
) -> str | None:
    return entry_problem(now or at(), observed, [FORECAST, forecast], memory, decision)


def test_what_the_planner_made_itself_has_no_problem() -> None:
    assert policy_problem(POLICY) is None
    assert policy_problem(a_policy(signals=(), budget_percent=0, lead_time=timedelta(0))) is None
    assert problem() is None
    assert problem(memory=MEMORY, forecast=a_forecast(peak=nan)) is None


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (a_policy(signals=(replace(CONNECTIONS, capacity_per_pod=0.0),)), "capacity_per_pod of connections 0;"),
        (a_policy(signals=(CONNECTIONS, replace(CONNECTIONS, capacity_per_pod=inf))), "of connections inf;"),
        (a_policy(ramp_down=RampDown(percent_per_minute=0.0)), "percent_per_minute 0;"),
        (a_policy(ramp_down=RampDown(percent_per_minute=nan)), "percent_per_minute nan;"),
        (a_policy(ramp_down=RampDown(hold=timedelta(days=2))), "hold 2 days, 0:00:00; expected 0 to 1 day"),
        (a_policy(lead_time=timedelta(seconds=-1)), "lead_time -1 day, 23:59:59;"),
        (replace(POLICY, stale_after=timedelta.max), "stale_after 999999999 days"),
        (replace(POLICY, cost_ratio=-1.0), "cost_ratio -1; expected a finite number above 0"),
        (a_policy(budget_percent=-0.5), "budget_percent -0.5; expected a finite number, 0 or more"),
        (replace(POLICY, bounds=Bounds(3, 2)), "bounds of 3..2; expected min <= max"),
        (replace(POLICY, bounds=Bounds(1, 10**30)), "bounds of 1..10000000000000000000… (31 digits);"),
    ],
)
def test_a_policy_beyond_its_limits_is_named(policy: Policy, found: str) -> None:
    said = policy_problem(policy)
    assert said is not None
    assert said.startswith("policy: ")
    assert found in said


def test_a_time_without_a_zone_or_of_another_age_is_named() -> None:
    told = "2026-03-02T20:00:00; expected a time with its zone, in 1970..2199"
    assert problem(now=NAIVE) == f"now: {told}"
    readings = [Reading("connections", 1.0, NAIVE)]
    assert problem(observed=an_observation(readings=readings)) == f"observed.readings.at: {told}"
    assert problem(forecast=replace(FORECAST, origin=NAIVE)) == f"forecasts.origin: {told}"
    assert problem(memory=replace(MEMORY, changed_at=NAIVE)) == f"memory.changed_at: {told}"
    assert problem(memory=replace(MEMORY, decided_at=NAIVE)) == f"memory.decided_at: {told}"
    assert problem(memory=replace(MEMORY, wishes=(Wish(NAIVE, 1),))) == f"memory.wishes.at: {told}"
    assert problem(memory=replace(MEMORY, spent=(SpentHour(NAIVE, 0, 0, 0),))) == f"memory.spent.start: {told}"
    assert problem(decision=replace(DECISION, at=NAIVE)) == f"decision.at: {told}"
    for year in (1969, 2200):
        said = problem(now=datetime(year, 1, 1, tzinfo=UTC))
        assert said is not None
        assert said.startswith(f"now: {year}-01-01T00:00:00+00:00; expected")


@pytest.mark.parametrize("count", [-1, 10**400])
def test_a_number_of_replicas_that_nobody_runs_is_named(count: int) -> None:
    told = {
        "observed.replicas": problem(observed=replace(OBSERVED, replicas=count)),
        "observed.ready": problem(observed=replace(OBSERVED, ready=count)),
        "observed.hpa_wish": problem(observed=replace(OBSERVED, hpa_wish=count)),
        "memory.floor": problem(memory=replace(MEMORY, floor=count)),
        "memory.wishes.replicas": problem(memory=replace(MEMORY, wishes=(Wish(at(), count),))),
        "decision.floor": problem(decision=replace(DECISION, floor=count)),
        "decision.previous": problem(decision=replace(DECISION, previous=count)),
        "decision.wanted": problem(decision=replace(DECISION, wanted=count)),
    }
    for name, said in told.items():
        assert said is not None
        assert said.startswith(f"{name}: {str(count)[:10]}")
        assert "; expected 0 to " in said
        assert len(said) < 120


def test_a_forecast_may_ask_for_more_than_anyone_runs() -> None:
    assert (
        problem(decision=replace(DECISION, wanted=10**300), memory=replace(AFTER, wishes=(Wish(at(), 10**300),)))
        is None
    )


@pytest.mark.parametrize(
    ("forecast", "found"),
    [
        (replace(FORECAST, step=timedelta(0)), "a step of 0:00:00; expected more than 0"),
        (replace(FORECAST, levels=()), "levels []; expected them ascending between 0 and 1"),
        (replace(FORECAST, levels=FORECAST.levels[::-1]), "expected them ascending between 0 and 1"),
        (replace(FORECAST, levels=(*FORECAST.levels[:-1], nan)), "expected them ascending between 0 and 1"),
        (replace(FORECAST, levels=FORECAST.levels[1:]), "expected 15 steps and a peak, each with 7 values"),
        (replace(FORECAST, peak=FORECAST.peak[1:]), "expected 15 steps and a peak, each with 8 values"),
        (replace(FORECAST, quantiles=FORECAST.quantiles[1:]), "expected 15 steps and a peak"),
    ],
)
def test_a_forecast_of_another_shape_is_named(forecast: Forecast, found: str) -> None:
    said = problem(forecast=forecast)
    assert said is not None
    assert said.startswith("the forecast of connections: ")
    assert found in said
