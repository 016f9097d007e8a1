"""When a floor that moves is worth an event: each raise, and of a way down its beginning and its end. Pure.

A ramp takes a step with almost every tick, and a day's decline takes hours of them: an event for each would bury what
an operator looks for. Every step is in the log, the ledger and the metrics all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.deciding import Outcome
from controller.domain import Mode, decision_id
from controller.telling import Told

RESTS = timedelta(minutes=10)
"""A floor on its way down that stands for so long has come to rest; a slower ramp tells of each step."""
_LONGEST = 900
"""Of the words of an event, which may be a thousand; the rest is for the id."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Release:
    """A floor on its way down: from where and since when, and where it stands since when."""

    start: int
    began: datetime
    floor: int
    moved_at: datetime


def floor_events(release: Release | None, outcome: Outcome, failed: str) -> tuple[list[Told], Release | None]:
    """What is told of the floor after a tick, and the way down that it is on then. `failed`: why none was written."""
    if failed or (outcome.moved is None and release is None):
        return [], release
    now = outcome.decision.at
    if outcome.moved is None:
        assert release is not None, "one of the two is there"
        if not outcome.originals.holds:
            return [], None  # its owner has taken it over, which is told by itself
        return ([_ended(outcome, release)], None) if now - release.moved_at >= RESTS else ([], release)
    there, wanted = outcome.moved
    if wanted > there:
        return [Told("Normal", "FloorRaised", _words(outcome, _raised(outcome, there, wanted)))], None
    after = replace(release or Release(there, now, wanted, now), floor=wanted, moved_at=now)
    if wanted <= _least(outcome):
        return [_ended(outcome, after)], None
    return ([] if release else [_begun(outcome, there)]), after


def _least(outcome: Outcome) -> int:
    """Where every way down ends: with what the owner has, and while the policy acts with its own minimum."""
    owners = outcome.originals.floor
    return owners if outcome.policy.mode is not Mode.ACTIVE else max(owners, outcome.policy.bounds.min_replicas)


def _begun(outcome: Outcome, there: int) -> Told:
    wishes = outcome.kept.memory.wishes if outcome.policy.mode is Mode.ACTIVE else ()
    heading = max(wishes[-1].replicas if wishes else 0, _least(outcome))
    ramp = outcome.policy.ramp_down.percent_per_minute
    words = f"releasing minReplicas from {there} to {heading} by the ramp of {ramp:g} % per minute"
    return Told("Normal", "FloorReleasing", _words(outcome, f"{words}: {outcome.decision.summary()}"))


def _ended(outcome: Outcome, release: Release) -> Told:
    minutes = (release.moved_at - release.began) / _MINUTE
    span = f" in {minutes:.0f} min" if minutes >= 1 else ""
    words = f"minReplicas released from {release.start} to {release.floor}{span}"
    return Told("Normal", "FloorReleased", _words(outcome, f"{words}: {outcome.decision.summary()}"))


def _raised(outcome: Outcome, there: int, wanted: int) -> str:
    summary = outcome.decision.summary()
    if outcome.decision.floor == outcome.decision.previous:  # decided before it could be written: it observed then
        return f"minReplicas {there} → {wanted}: {summary}"
    return summary


def _words(outcome: Outcome, text: str) -> str:
    return f"{text[:_LONGEST]} (decision {decision_id(outcome.policy.name, outcome.decision.at)})"
