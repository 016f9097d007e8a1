"""Why the floor is what it is: a decision step by step, from the load to the pods. Pure; decides nothing."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from controller.adapters.ledger import Entry
from controller.decision.capacity import pods_for
from controller.domain import Mode, Policy, Reason, Signal
from dashboard.frames import MIDDLE, UPPER, hpa_alone, load_of, unit
from dashboard.words import amount, minutes, pods
from forecaster.forecast import Forecast

COLUMNS = ("step", "pods", "why")
RULES = {
    "held": "held",
    "mode": "the mode",
    "staleness": "left out",
    "forecast": "worth having",
    "minimum": "your minimum",
    "budget": "your budget",
    "hpa": "the HPA's own path",
    "calendar": "your calendar",
    "ramp-down": "the ramp down",
    "ceiling": "your maximum",
    "target": "the target",
}
"""The planner's rules, as an operator would call them."""


class Step(NamedTuple):
    """One step: its name, what it makes of the number of pods, and why."""

    name: str
    pods: str
    why: str


def steps(policy: Policy, entry: Entry) -> list[Step]:
    """The load, the forecasts of its peak, what every rule made of them, and what becomes of it at the HPA."""
    return [
        *_loads(policy, entry),
        *_forecasts(policy, entry),
        *(_rule(reason) for reason in entry.decision.reasons),
        _floor(policy, entry),
        _hpa(entry),
    ]


def limiting(entry: Entry) -> Reason | None:
    """The rule after the forecast that had the last word on the floor; None where the forecast had."""
    moved = [
        one for one in entry.decision.reasons if one.rule not in ("forecast", "target") and one.before != one.after
    ]
    return moved[-1] if moved and moved[-1].after == entry.decision.floor else None


def _loads(policy: Policy, entry: Entry) -> Iterator[Step]:
    for signal in policy.signals:
        load = load_of(entry, signal.name)
        if load is None:
            yield Step("load now", "?", f"nothing is known of {signal.name}")
        else:
            why = f"{amount(load)} {unit(signal)}, {amount(signal.capacity_per_pod)} per pod"
            yield Step("load now", str(pods_for(load, signal)), why)


def _forecasts(policy: Policy, entry: Entry) -> Iterator[Step]:
    known = {one.signal: one for one in entry.forecasts}
    for signal in policy.signals:
        forecast = known.get(signal.name)
        if forecast is not None:
            peak = forecast.peak_at(UPPER)
            carry = str(pods_for(peak, signal)) if math.isfinite(peak) else "?"
            yield Step("forecast", carry, _peak(policy, signal, forecast))


def _peak(policy: Policy, signal: Signal, forecast: Forecast) -> str:
    first = forecast.origin + forecast.window.first * forecast.step
    end = forecast.origin + (forecast.window.last + 1) * forecast.step
    verdict = f"; the gate says {forecast.verdict.ruling}" if forecast.verdict else ""
    return (
        f"{forecast.model}: the peak of {first:%H:%M}-{end:%H:%M} is {amount(forecast.peak_at(MIDDLE))} {unit(signal)}"
        f" (median), at most {amount(forecast.peak_at(UPPER))} with 95 %; a pod asked for now takes traffic in"
        f" {minutes(policy.lead_time)}, and what was wanted is held for {minutes(policy.ramp_down.hold)}{verdict}"
    )


def covered(policy: Policy, entry: Entry) -> str:
    """Which quantile of the decisive forecast's peak the floor carries, such as "beyond the 0.99 quantile"."""
    decision = entry.decision
    forecast = next((one for one in entry.forecasts if one.signal == decision.signal), None)
    signal = next((one for one in policy.signals if one.name == decision.signal), None)
    if forecast is None or signal is None:
        return ""
    reached = bisect.bisect_right(forecast.peak, decision.floor * signal.capacity_per_pod)
    if reached == 0:
        return f"less than the {forecast.levels[0]:g} quantile of the peak"
    beyond = "the" if reached < len(forecast.levels) else "more than the"
    return f"{beyond} {forecast.levels[reached - 1]:g} quantile of the peak of {signal.name}"


def _rule(reason: Reason) -> Step:
    moved = f"{reason.before} → {reason.after}" if reason.before != reason.after else str(reason.after)
    return Step(RULES.get(reason.rule, reason.rule), moved, reason.because)


def _floor(policy: Policy, entry: Entry) -> Step:
    decision = entry.decision
    said = "kept" if decision.floor == decision.previous else f"was {decision.previous}"
    carried = covered(policy, entry)
    parts = [said, *([f"carries {carried}"] if carried else [])]
    if policy.mode is not Mode.PAUSED:
        parts.append(f"a minute of overload counts as {policy.cost_ratio:g} idle pod-minutes")
    if not decision.applied:
        parts.append("shown only, the mode is Observe")
    return Step("floor", str(decision.floor), "; ".join(parts))


def _hpa(entry: Entry) -> Step:
    alone, floor = hpa_alone(entry), entry.decision.floor
    if alone is None:
        return Step("HPA alone", "?", "its metrics are missing, so that what it would hold by itself is not known")
    if alone >= floor:
        return Step("HPA alone", str(alone), "it would hold as many or more by itself: the floor costs nothing now")
    if not entry.decision.applied:
        return Step("HPA alone", str(alone), f"the floor would add {pods(floor - alone)}")
    return Step("HPA alone", str(alone), f"the floor adds {pods(floor - alone)} to what it would hold by itself")


def moment(at: datetime, newest: datetime) -> str:
    """The time of day, and the date where it is another day's."""
    return f"{at:%H:%M:%S}" if at.date() == newest.date() else f"{at:%Y-%m-%d %H:%M:%S}"
