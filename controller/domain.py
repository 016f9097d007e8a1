"""The values that pass through the controller: policy, what was observed, what was decided and why.

Frozen and free of I/O; a decision can be written down, read back and compared. Times are aware datetimes in UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256

from forecaster.series import Kind


class Mode(enum.StrEnum):
    """What happens to a decision: shown only, applied, or not made at all."""

    OBSERVE = "Observe"
    ACTIVE = "Active"
    PAUSED = "Paused"


class Lever(enum.StrEnum):
    """What of the HPA a decision moves: its minimum of replicas, or the target of one of its metrics."""

    FLOOR = "Floor"
    TARGET = "Target"


class Ownership(enum.StrEnum):
    """What a write to the HPA leaves: no claim, a claim unless another holds the field, or one taken by force."""

    SHARE = "Share"
    RESPECT = "Respect"
    FORCE = "Force"


@dataclass(frozen=True)
class Signal:
    """One load that a pod carries, and how much of it one ready pod carries (in the signal's own unit)."""

    name: str
    kind: Kind
    capacity_per_pod: float


@dataclass(frozen=True)
class Bounds:
    """The user's own minimum and maximum of replicas; Foresail never asks for less or more."""

    min_replicas: int
    max_replicas: int

    def beyond(self, most: int) -> str:
        """Why none of them is within an HPA's maxReplicas, and what to do; empty where some are."""
        if self.min_replicas <= most:
            return ""
        return (
            f"bounds.minReplicas {self.min_replicas}, but the HPA's maxReplicas is {most}; lower the one or raise the"
            " other"
        )


@dataclass(frozen=True)
class TargetBounds:
    """The HPA's metric whose target may be moved, and how far: per pod, in the metric's own unit."""

    metric: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class Planned:
    """A calendar entry: from `start` to `end` at least so many replicas are to be ready."""

    start: datetime
    end: datetime
    min_replicas: int
    reason: str = ""


@dataclass(frozen=True)
class RampDown:
    """How a raised floor is given back: held for `hold` after it was last wanted, then at most `percent_per_minute`
    of the floor as it stood when it last changed, per minute."""

    hold: timedelta = timedelta(minutes=2)
    percent_per_minute: float = 10.0


def usual_ramp(signals: Sequence[Signal]) -> RampDown:
    """The ramp of whoever states none: a scale-down breaks connections, and costs a flow nothing."""
    if any(signal.kind is Kind.STOCK for signal in signals):
        return RampDown()
    return RampDown(hold=timedelta(minutes=1), percent_per_minute=100.0)


@dataclass(frozen=True)
class Policy:
    """What the user wants, resolved to one flat record before anything is decided.

    cost_ratio      what a minute of overload is worth in idle pod-minutes
    lead_time       from the decision to the new pod taking traffic
    budget_percent  extra pod-hours that the floor may cost over a rolling day, in percent of what the HPA alone runs
    stale_after     age of the newest known bin beyond which a forecast no longer counts
    levers          what of the HPA is moved; `target` says how far, with the lever Target
    events          what the calendar knows
    """

    name: str
    signals: tuple[Signal, ...]
    bounds: Bounds
    mode: Mode = Mode.OBSERVE
    cost_ratio: float = 50.0
    lead_time: timedelta = timedelta(minutes=1)
    ramp_down: RampDown = RampDown()
    budget_percent: float = 10.0
    stale_after: timedelta = timedelta(minutes=5)
    levers: tuple[Lever, ...] = (Lever.FLOOR,)
    target: TargetBounds | None = None
    events: tuple[Planned, ...] = ()

    @cached_property
    def moves_floor(self) -> bool:
        """Whether the HPA's minimum is a lever."""
        return Lever.FLOOR in self.levers

    @cached_property
    def moves_target(self) -> bool:
        """Whether the target of one of the HPA's metrics is a lever."""
        return Lever.TARGET in self.levers

    @property
    def moved_target(self) -> TargetBounds | None:
        """How far the target is moved; None where it is no lever."""
        return self.target if self.moves_target else None


@dataclass(frozen=True, slots=True)
class Reading:
    """The newest value of a signal, and the end of the bin that it stands for."""

    signal: str
    value: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """The workload as it was seen at one moment.

    replicas  pods that the HPA asks for now
    ready     pods that take traffic now
    hpa_wish  what the HPA would hold without us, None where its metrics are missing (never guessed)
    total     of the metric whose target may be moved, over all pods, as the HPA sees it; None: unknown
    own       target of that metric as its owner set it, per pod; None: unknown
    """

    replicas: int
    ready: int
    hpa_wish: int | None
    readings: tuple[Reading, ...] = ()
    total: float | None = None
    own: float | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's word on a decision: the floor before it, after it, and why in a clause."""

    rule: str
    before: int
    after: int
    because: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The floor for now, with every rule that had a say, in order. Log, ledger, event and dashboard show this value.

    wanted   what the forecast asked for, before any guard; None where there was no usable forecast
    floor    what Foresail asks the HPA to hold at least
    applied  whether the mode lets it act
    target   what the target of the policy's metric is to be, per pod; None: its owner's
    """

    at: datetime
    floor: int
    previous: int
    wanted: int | None
    signal: str | None
    model: str | None
    applied: bool
    reasons: tuple[Reason, ...]
    target: float | None = None

    def summary(self) -> str:
        """The decision in one sentence: what happens to the floor, and what each rule had to say."""
        if self.floor > self.previous:
            verb = f"raise the floor from {self.previous} to {self.floor}"
        elif self.floor < self.previous:
            verb = f"lower the floor from {self.previous} to {self.floor}"
        else:
            verb = f"keep the floor at {self.floor}"
        because = "; ".join(r.because for r in self.reasons)
        return f"{verb}: {because}" if because else verb


def decision_id(policy: str, at: datetime) -> str:
    """Of a policy's decision at a moment, such as 20260302T200001.250Z-3f2a9c: the moment, and a digest of the policy's
    name. The same wherever the decision is told; ids sort by time."""
    whose = sha256(policy.encode()).hexdigest()[:6]
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z-{whose}"


@dataclass(frozen=True, slots=True)
class Wish:
    """A replica count that was wanted at a moment; the ramp-down holds the largest of the recent ones."""

    at: datetime
    replicas: int


@dataclass(frozen=True, slots=True)
class SpentHour:
    """Pod-time of one hour of the clock.

    extra    what the floor added to the HPA's own wish, in pod-seconds
    base     that wish while it was known, in pod-seconds
    seconds  how much of the hour that was
    """

    start: datetime
    extra: float
    base: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Memory:
    """What one decision leaves for the next; an argument and a return value, so that it can be saved and replayed.

    floor        the floor that was decided last
    changed_at   when it last took another value
    decided_at   when the last decision was made; None before the first
    wishes       recent wishes, newest last, each larger than those after it
    spent        the hours of which some part lies in the last day, oldest first
    target       that was decided last; None: its owner's
    """

    floor: int
    changed_at: datetime
    decided_at: datetime | None = None
    wishes: tuple[Wish, ...] = ()
    spent: tuple[SpentHour, ...] = ()
    target: float | None = None
