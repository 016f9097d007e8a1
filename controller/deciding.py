"""One decision for one policy, from what was read to what is to be written: the pure middle of a tick.

What may be held is held: without a forecast since the start, and while what Prometheus says is missing or old, the
floor stays as it is, for an hour at most. Only then it goes back by its ramp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.decision.capacity import pods_for
from controller.decision.plan import first_memory, plan
from controller.domain import Bounds, Decision, Memory, Mode, Observed, Policy, Reading, Reason, Signal
from controller.hpa_patch import Change, floor_of
from controller.hpa_wish import Alone, HpaWish, wish_of
from controller.originals import Originals, as_number, given_back, raising, read, taken, told
from controller.scaled_objects import is_view
from controller.subjects import Subject
from forecaster.forecast import Forecast

Json = dict[str, Any]
HELD_BLIND = timedelta(hours=1)
"""For so long a floor is held while nothing is known of the load; then it is given back by its ramp."""
_RARE = 0.95
GIVEN_UP = timedelta(minutes=15)
"""A deletion waits no longer for the ramp than this."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a policy from decision to decision.

    memory    of the planner
    alone     of the HPA without us; `hpa_uid` tells when it is another one
    seen_at   when something usable was last known of every signal; before the first time, None
    began     when this controller first looked at the policy
    """

    memory: Memory
    alone: Alone = field(default_factory=Alone)
    hpa_uid: str = ""
    seen_at: datetime | None = None
    began: datetime | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """A decision and what follows from it.

    policy     as it was followed: its bounds within the HPA's, its mode
    change     of the HPA; None: leave it as it is
    originals  as they will be noted; given_back says that nothing of ours is left by this change
    moved      minReplicas as it stands and as it is to be, where the change moves it
    limited    replicas that the forecast peaks at, where that is beyond the HPA's maximum, from `limited_from` on
    held       why the floor is held as it is; empty where it was decided
    unread     what of the HPA's spec is not known, so that its own wish is unknown; empty where all is
    """

    policy: Policy
    observed: Observed
    forecasts: tuple[Forecast, ...]
    before: Memory
    decision: Decision
    kept: Kept
    change: Change | None
    originals: Originals
    given_back: bool
    moved: tuple[int, int] | None = None
    limited: int | None = None
    limited_from: datetime | None = None
    held: str = ""
    unread: str = ""


def decide(
    subject: Subject,
    readings: Sequence[Reading],
    forecasts: Sequence[Forecast],
    kept: Kept | None,
    now: datetime,
    blind: str = "",
) -> Outcome:
    """The decision for now. `blind` says why nothing new is known, where that is so.

    Raises BadPolicy where a target in the HPA or in its note is no quantity.
    """
    hpa, metric = subject.hpa, _metric(subject.workload.policy)
    originals = taken(hpa, name_of(subject), metric, told(subject.object, metric))
    policy = followed(subject, originals)
    kept = _fitting(kept or Kept(first_memory(policy, now)), hpa, originals, now)
    wish = wish_of(hpa, originals, kept.alone, now, subject.pods)
    observed = _observed(hpa, wish, readings, originals, metric)
    waiting = _waiting(kept, forecasts, now, blind) if policy.mode is not Mode.PAUSED else ""
    if waiting:
        decision, memory = _held(policy, kept.memory, now, waiting), kept.memory
    else:
        decision, memory = plan(policy, observed, forecasts, kept.memory, now)
    seen_at = kept.seen_at if blind or not forecasts else now
    after = replace(kept, memory=memory, alone=wish.alone, seen_at=seen_at)
    change, originals, back = _change(subject, policy, decision, originals, observed, now)
    there, wanted = floor_of(hpa), None if change is None else change.floor
    moved = (there, wanted) if wanted is not None and wanted != there else None
    limited, limited_from = _beyond(policy, forecasts, hpa["spec"]["maxReplicas"])
    return Outcome(
        policy=policy, observed=observed, forecasts=tuple(forecasts), before=kept.memory, decision=decision, kept=after,
        change=change, originals=originals, given_back=back, moved=moved, held=waiting, limited=limited,
        limited_from=limited_from, unread=wish.unread,
    )  # fmt: skip


def followed(subject: Subject, originals: Originals) -> Policy:
    """The policy within the HPA's own limits; paused while its object is being deleted, and on the way back from
    Active to Observe."""
    policy, hpa = subject.workload.policy, subject.hpa
    most = min(policy.bounds.max_replicas, hpa["spec"]["maxReplicas"])
    least = min(max(policy.bounds.min_replicas, 1), most)
    leaving = "deletionTimestamp" in subject.object["metadata"]
    if leaving or (policy.mode is Mode.OBSERVE and originals.holds):
        policy = replace(policy, mode=Mode.PAUSED)
    lead = subject.lead_time or policy.lead_time
    return replace(policy, name=name_of(subject), bounds=Bounds(least, most), lead_time=lead)


def name_of(subject: Subject) -> str:
    """namespace/name of the policy."""
    return f"{subject.workload.namespace}/{subject.workload.name}"


def _metric(policy: Policy) -> str | None:
    return None if policy.moved_target is None else policy.moved_target.metric


def _fitting(kept: Kept, hpa: Json, originals: Originals, now: datetime) -> Kept:
    """What was kept, where it is of this very HPA, with the floor that stands in it."""
    uid = hpa["metadata"].get("uid", "")
    if uid != kept.hpa_uid:
        kept = replace(kept, alone=Alone(), hpa_uid=uid)
    kept = replace(kept, began=kept.began or now)
    if originals.holds and kept.memory.decided_at is None:
        floor = max(originals.ours, kept.memory.floor)
        kept = replace(kept, memory=replace(kept.memory, floor=floor, target=as_number(originals.ours_target)))
    return kept


def _observed(
    hpa: Json, wish: HpaWish, readings: Sequence[Reading], originals: Originals, metric: str | None
) -> Observed:
    """Of a metric whose target still has to go back, before another's is moved, nothing is known."""
    status = hpa.get("status", {})
    current = int(status.get("currentReplicas") or 0)
    moving = metric if metric == originals.metric else None
    total, own = (None, None) if moving is None else (wish.totals.get(moving), as_number(originals.target))
    desired = int(status.get("desiredReplicas") or current)
    return Observed(desired, current, wish.replicas, tuple(readings), total, own)


def _waiting(kept: Kept, forecasts: Sequence[Forecast], now: datetime, blind: str) -> str:
    """Why the floor is held as it is; empty where it is decided."""
    if forecasts and not blind:
        return ""
    since = kept.seen_at or kept.began or now
    if now - since >= HELD_BLIND:
        return ""
    if blind:
        return blind
    return "" if kept.seen_at else "the first forecasts are being made"


def _held(policy: Policy, memory: Memory, now: datetime, why: str) -> Decision:
    floor = min(memory.floor, policy.bounds.max_replicas)
    reasons = (Reason("held", memory.floor, floor, f"held: {why}"),)
    return Decision(now, floor, memory.floor, None, None, None, policy.mode is not Mode.OBSERVE, reasons, memory.target)


def _change(
    subject: Subject, policy: Policy, decision: Decision, originals: Originals, observed: Observed, now: datetime
) -> tuple[Change | None, Originals, bool]:
    """What is to be written, what it notes, and whether nothing of ours is left then."""
    noted = read(subject.hpa) is not None or originals.holds
    if policy.mode is Mode.OBSERVE:
        return (given_back(originals) if noted else None), originals, True
    floor = min(decision.floor, policy.bounds.max_replicas) if policy.moves_floor else originals.floor
    if policy.mode is Mode.PAUSED:
        rests = max(policy.bounds.min_replicas, originals.floor, observed.hpa_wish or 0)
        if floor <= rests or not noted or _too_long(subject, now):
            return (given_back(originals) if noted else None), originals, True
    if _asleep(subject.hpa, originals):
        return None, originals, False
    change, after = raising(originals, floor, decision.target)
    return change, after, False


def _asleep(hpa: Json, originals: Originals) -> bool:
    """Whether a floor would keep a workload at zero: an HPA that may scale to zero wakes it by its metrics, and above a
    minimum of 0 only where it says that the zero is its own doing. Older ones take it for one that is switched off."""
    status = hpa.get("status", {})
    if is_view(hpa) or originals.holds or floor_of(hpa) != 0 or status.get("currentReplicas"):
        return False
    said = {one["type"]: one["status"] for one in status.get("conditions") or []}
    return said.get("ScaledToZero") != "True"


def _too_long(subject: Subject, now: datetime) -> bool:
    since = subject.object["metadata"].get("deletionTimestamp")
    return since is not None and now - datetime.fromisoformat(since) > GIVEN_UP


def _beyond(policy: Policy, forecasts: Sequence[Forecast], most: int) -> tuple[int | None, datetime | None]:
    """Replicas that the forecast peaks at with a chance of one in twenty, where that is beyond the HPA's maximum, and
    from when on that many may be needed."""
    by_signal = {one.signal: one for one in forecasts}
    found: list[tuple[int, datetime]] = []
    for signal in policy.signals:
        forecast = by_signal.get(signal.name)
        if forecast is None or not math.isfinite(forecast.peak_at(_RARE)):
            continue
        needed = pods_for(forecast.peak_at(_RARE), signal)
        if needed > most:
            found.append((needed, _first_beyond(forecast, signal, most)))
    return (max(one for one, _ in found), min(at for _, at in found)) if found else (None, None)


def _first_beyond(forecast: Forecast, signal: Signal, most: int) -> datetime:
    """Start of the first step whose load may need more; of the window, where only the peak over all of it may."""
    window, room = forecast.window, most * signal.capacity_per_pod
    steps = range(window.first, window.last + 1)
    first = next((step for step in steps if forecast.step_at(step, _RARE) > room), window.first)
    return forecast.origin + first * forecast.step
