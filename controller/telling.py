"""What a policy's object is told of a tick: its status and the events of a transition. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from controller.contest import holders
from controller.deciding import Outcome
from controller.domain import Memory, Mode
from controller.hpa_patch import floor_of, target_of
from controller.originals import Originals, same
from controller.status import (
    ACTING,
    AT_MOST_EVERY,
    CONTESTED,
    DEGRADED,
    FORECASTING,
    LIMITED,
    READY,
    Condition,
    conditions,
)
from controller.subjects import Refusal
from forecaster.verdict import Ruling

Json = dict[str, Any]
_MEMORY = TypeAdapter(Memory)
FRESH = 2 * AT_MOST_EVERY
"""So old may a status be of a controller that was there until just now."""
_UNCONTESTED = Condition(CONTESTED, False, "Uncontested")
_NO_QUERY = "QueryRefused"
_TOLD = (LIMITED, DEGRADED, CONTESTED)
"""What is worth an event when it begins, and when it ends."""


@dataclass(frozen=True)
class Told:
    """One event: Normal or Warning, a reason in CamelCase, what is said, and the action."""

    kind: str
    reason: str
    note: str
    action: str = "Decide"


def remembered(policy: Json, least: int, now: datetime) -> Memory | None:
    """The planner's memory that the status keeps; None where there is none, or one of another version.

    After a long death the floor of then is no reason to raise one: `least` takes its place, and what stands on the HPA
    counts. What was spent of the budget stays spent.
    """
    status = policy.get("status", {})
    try:
        memory = _MEMORY.validate_json(status["memory"])
        age = now - datetime.fromisoformat(status["decidedAt"])
    except (KeyError, ValueError, ValidationError):
        return None
    return memory if age <= FRESH else replace(memory, floor=least, changed_at=now, wishes=(), target=None)


def refused(policy: Json, refusal: Refusal, now: datetime) -> Json:
    """The status of a policy that is not followed; what was known before stays, but for what is in force."""
    before, generation = policy.get("status", {}), policy["metadata"].get("generation", 0)
    said = [
        Condition(READY, False, refusal.reason, refusal.message),
        Condition(FORECASTING, None, "NotReady"),
        Condition(ACTING, False, "NotReady"),
    ]
    return {
        **{key: value for key, value in before.items() if key != "inForce"},
        "observedGeneration": generation,
        "conditions": conditions(before.get("conditions", []), said, now, generation),
    }


@dataclass(frozen=True)
class Aside:
    """What a status tells beside the outcome.

    problem     signal -> what is wrong with its history
    unforecast  signal -> why it has no forecast, though it has a history
    failed      why the HPA could not be written; empty where it could, or need not
    contest     whether another writes the floor too
    """

    problem: Mapping[str, str] = field(default_factory=dict)
    unforecast: Mapping[str, str] = field(default_factory=dict)
    failed: str = ""
    contest: Condition = _UNCONTESTED


def status_of(policy: Json, outcome: Outcome, aside: Aside, now: datetime) -> Json:
    """The status after a decision."""
    before, generation = policy.get("status", {}), policy["metadata"].get("generation", 0)
    decision, originals = outcome.decision, outcome.originals
    said = [
        _ready(aside.problem),
        _forecasting(outcome, aside.unforecast),
        _acting(outcome, aside.failed),
        _limited(outcome),
        _degraded(aside.problem, outcome.unread),
        aside.contest,
    ]
    verdicts = [one.verdict for one in outcome.forecasts if one.verdict is not None]
    found: Json = {
        "observedGeneration": generation,
        "conditions": conditions(before.get("conditions", []), said, now, generation),
        "mode": outcome.policy.mode.value,
        "floor": decision.floor,
        "original": {"minReplicas": originals.floor},
        "decision": decision.summary()[:1024],
        "decidedAt": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ready": outcome.observed.ready,
        "leadTime": f"{outcome.policy.lead_time.total_seconds():.0f}s",
        "memory": _MEMORY.dump_json(outcome.kept.memory).decode(),
    }
    in_force = before.get("inForce") if aside.failed else None if outcome.given_back else originals.ours
    if in_force is not None:
        found["inForce"] = in_force
    if originals.metric is not None:
        found["original"]["target"] = originals.target or ""
        found["target"] = originals.ours_target or ""
    if decision.wanted is not None:
        found["wanted"] = decision.wanted
    if outcome.observed.hpa_wish is not None:
        found["hpaAlone"] = outcome.observed.hpa_wish
    skills = [one.skill for one in verdicts if one.skill is not None]
    covered = [one.coverage for one in verdicts if one.coverage is not None]
    if skills:
        found["skill"] = f"{max(skills):.2f}"
    if covered:
        found["coverage"] = f"{min(covered):.2f}"
    return found


def events_of(before: Json, after: Json) -> list[Told]:
    """What of a status is worth an event: a condition that flipped, and why a policy is not followed."""
    old = {one["type"]: one for one in before.get("conditions", [])}
    told = []
    for one in after["conditions"]:
        if one["type"] in _TOLD and old.get(one["type"], {}).get("status", "False") != one["status"]:
            kind = "Warning" if one["status"] == "True" else "Normal"
            told.append(Told(kind, one["reason"], one["message"] or f"{one['type']} is {one['status']}"))
        elif one["type"] == READY and one["reason"] != _NO_QUERY:  # which Degraded tells
            told += _readiness(old.get(READY), one)
    return told


def _readiness(before: Json | None, now: Json) -> list[Told]:
    """Why a policy is not followed: once for each reason and each spec. That it is followed again, once."""
    marks = ("status", "reason", "observedGeneration")
    if now["status"] == "False":
        known = before is not None and all(before.get(mark) == now[mark] for mark in marks)
        return [] if known else [Told("Warning", now["reason"], now["message"], "Follow")]
    if before is None or before["status"] == "True" or before["reason"] == _NO_QUERY:
        return []
    return [Told("Normal", now["reason"], "the policy is followed again", "Follow")]


def undone(hpa: Json, noted: Originals, after: Originals, manager: str) -> str:
    """What of ours another has undone, in words, and to what it is put back; empty where nothing is: its owner asks for
    as much or more. `manager` is our name, `noted` what was in force, `after` what will be."""
    floor, target = floor_of(hpa), None if after.metric is None else target_of(hpa, after.metric)
    who = " and ".join(sorted({name for name, _ in holders(hpa) if name not in ("", manager)}))
    if floor != noted.ours and after.ours > floor:
        return (
            f"the floor of {noted.ours} was reset to {floor}{f' by {who}' if who else ''}, and put back to {after.ours}"
        )
    if after.holds and after.metric == noted.metric and not same(target, after.ours_target):
        return f"the target of {after.metric} was reset to {target}, and put back to {after.ours_target}"
    if after.holds and floor == noted.ours:
        return f"the note of the owner's values was lost, and put back; the floor of {floor} stands"
    return ""


def _ready(problem: Mapping[str, str]) -> Condition:
    refused_ones = {name: text for name, text in problem.items() if text.startswith(f"{_NO_QUERY}:")}
    if not refused_ones:
        return Condition(READY, True, "Followed")
    words = "; ".join(f"{name}: {text.partition(': ')[2]}" for name, text in refused_ones.items())
    return Condition(READY, False, "QueryRefused", f"{words}; correct the signal's query")


def _forecasting(outcome: Outcome, unforecast: Mapping[str, str]) -> Condition:
    if not outcome.forecasts and unforecast:
        words = "; ".join(f"{name}: {text}" for name, text in unforecast.items())
        return Condition(FORECASTING, False, "NoForecast", words)
    if not outcome.forecasts:
        return Condition(FORECASTING, None if outcome.held else False, "WarmingUp" if outcome.held else "NoForecast",
                         outcome.held or "no signal has a forecast")  # fmt: skip
    verdicts = {one.signal: one.verdict for one in outcome.forecasts}
    words = "; ".join(f"{name}: {one.sentence()}" for name, one in verdicts.items() if one is not None)
    rulings = {one.ruling for one in verdicts.values() if one is not None}
    if rulings == {Ruling.ABSTAIN}:
        return Condition(FORECASTING, False, "Abstain", words)
    return Condition(FORECASTING, True, "Baseline" if Ruling.ACCEPT not in rulings and rulings else "Accept", words)


def _acting(outcome: Outcome, failed: str) -> Condition:
    if failed:
        return Condition(ACTING, False, "WriteFailed", failed)
    if outcome.policy.mode is Mode.ACTIVE and outcome.change is None:
        return Condition(
            ACTING, False, "AtZero",
            "the workload is at zero, from where its HPA does not scale it again above a minimum of 0: no floor is set"
            " until it runs, or the HPA says ScaledToZero",
        )  # fmt: skip
    if outcome.policy.mode is Mode.ACTIVE:
        said = f"the floor is {max(outcome.decision.floor, outcome.originals.floor)}"
        if outcome.observed.hpa_wish is None:
            why = "its spec is not understood" if outcome.unread else "it reports no metric"
            said += f"; what the HPA would hold alone is unknown, because {why}: the floor is only held or raised"
        return Condition(ACTING, True, "Active", said)
    if not outcome.given_back:
        return Condition(ACTING, True, "HandingBack", f"the floor of {outcome.decision.floor} goes back by its ramp")
    return Condition(ACTING, False, outcome.policy.mode.value, "nothing is changed")


def _limited(outcome: Outcome) -> Condition:
    if outcome.limited is None:
        return Condition(LIMITED, False, "WithinMaximum")
    first = outcome.limited_from or outcome.decision.at
    most = outcome.policy.bounds.max_replicas
    return Condition(
        LIMITED, True, "BeyondMaximum",
        f"from {first:%H:%M} UTC on up to {outcome.limited} replicas may be needed, but the maximum is {most}; raise"
        " the HPA's maxReplicas and bounds.maxReplicas, or expect overload",
    )  # fmt: skip


def _degraded(problem: Mapping[str, str], unread: str) -> Condition:
    if not problem and not unread:
        return Condition(DEGRADED, False, "AllSignalsRead")
    words = [f"{name}: {text.partition(': ')[2]}" for name, text in problem.items()]
    if unread:
        words.append(
            f"of the HPA this version does not understand {'; '.join(unread.splitlines())}; what it would hold alone is"
            " therefore unknown, and the floor is only held or raised: update Foresail, or leave that out of the HPA"
        )
    reasons = sorted(text.partition(":")[0] for text in problem.values())
    return Condition(DEGRADED, True, reasons[0] if reasons else "HpaNotUnderstood", "; ".join(words))
