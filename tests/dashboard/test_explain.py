"""A decision step by step: from the load over the forecast and every rule to the floor and what the HPA makes of it."""

from __future__ import annotations

import re
from dataclasses import replace

from controller.domain import Decision, Mode, Reason
from dashboard.explain import RULES, covered, limiting, moment, steps
from dashboard.frames import hpa_alone
from tests.dashboard.runs import POLICY, an_hour, blind
from tests.helpers.builders import REPLACED, at
from tests.helpers.processes import ROOT

RISE = next(e for e in an_hour() if e.decision.floor > e.decision.previous and e.decision.wanted)
FALL = next(e for e in an_hour() if any(one.rule == "ramp-down" for one in e.decision.reasons))


def test_the_steps_lead_from_the_load_to_the_floor() -> None:
    found = steps(POLICY, RISE)
    rules = [RULES[one.rule] for one in RISE.decision.reasons]
    assert [one.name for one in found] == ["load now"] * 2 + ["forecast"] * 2 + rules + ["floor", "HPA alone"]
    assert found[-2].pods == str(RISE.decision.floor)
    assert found[-1].pods == str(hpa_alone(RISE))


def test_the_forecast_tells_its_peak_its_quantile_and_the_lead_time() -> None:
    judged = replace(RISE, forecasts=tuple(replace(one, verdict=REPLACED) for one in RISE.forecasts))
    why = next(one.why for one in steps(POLICY, judged) if one.name == "forecast")
    assert re.search(r"the peak of \d\d:\d\d-\d\d:\d\d is \d+ connections \(median\), at most \d+ with 95 %", why)
    assert "takes traffic in 3 minutes" in why
    assert why.endswith("the gate says Baseline")


def test_a_forecast_that_is_no_load_has_no_pods() -> None:
    odd = replace(RISE, forecasts=tuple(replace(one, peak=(float("inf"),) * len(one.peak)) for one in RISE.forecasts))
    assert next(one.pods for one in steps(POLICY, odd) if one.name == "forecast") == "?"


def test_the_floor_tells_which_quantile_it_carries() -> None:
    (forecast, *others), capacity = RISE.forecasts, POLICY.signals[0].capacity_per_pod
    peak = tuple(capacity * k for k in range(1, len(forecast.levels) + 1))
    entry = replace(RISE, forecasts=(replace(forecast, peak=peak), *others))
    said = [
        covered(POLICY, replace(entry, decision=replace(entry.decision, signal="connections", floor=floor)))
        for floor in (0, 4, len(peak))
    ]
    assert said == [
        "less than the 0.05 quantile of the peak",
        "the 0.5 quantile of the peak of connections",
        "more than the 0.99 quantile of the peak of connections",
    ]
    assert covered(POLICY, blind(RISE)) == ""


def test_the_rule_with_the_last_word_is_the_one_that_limits() -> None:
    ramp = limiting(FALL)
    assert ramp is not None
    assert ramp.after == FALL.decision.floor
    assert limiting(RISE) is None


def test_the_hpa_alone_says_what_the_floor_adds() -> None:
    def last(floor: int, alone: int | None, applied: bool = True) -> str:
        decision = Decision(at(), floor, floor, None, None, None, applied, (Reason("held", floor, floor, "held"),))
        observed = replace(RISE.observed, hpa_wish=alone)
        return steps(POLICY, replace(RISE, view=None, observed=observed, decision=decision))[-1].why

    assert last(5, 5) == "it would hold as many or more by itself: the floor costs nothing now"
    assert last(6, 5) == "the floor adds 1 pod to what it would hold by itself"
    assert last(7, 5, applied=False) == "the floor would add 2 pods"
    assert "not known" in last(7, None)


def test_what_is_not_known_is_a_question_mark() -> None:
    assert [one.pods for one in steps(POLICY, blind(RISE))][:2] == ["?", "?"]


def test_a_mode_that_changes_nothing_is_said() -> None:
    watched = steps(replace(POLICY, mode=Mode.OBSERVE), an_hour(Mode.OBSERVE)[100])
    assert watched[-2].why.endswith("shown only, the mode is Observe")
    assert "idle pod-minutes" not in steps(replace(POLICY, mode=Mode.PAUSED), RISE)[-2].why


def test_every_rule_of_the_planner_has_a_name() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "controller").rglob("*.py"))
    named = set(re.findall(r'(?:Reason|\.changed)\(\s*"([a-z-]+)"', written))
    assert named == set(RULES)


def test_a_moment_of_another_day_has_its_date() -> None:
    assert moment(at(), at(5)) == "20:00:00"
    assert moment(at(-24 * 60), at()) == "2026-03-01 20:00:00"
