"""The schema of a PredictiveAutoscaler as parts that check themselves: quantities, durations, times, contradictions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from controller.domain import Bounds, Lever, Mode, Ownership, Policy, RampDown, Signal, usual_ramp
from controller.limits import MOST_REPLICAS
from controller.schema import Part, quantity
from forecaster.series import Kind

DEFAULTS = Policy("", (), Bounds(1, 1))
_HORIZON = timedelta(minutes=15)
_STEP = timedelta(minutes=1)
_LONGEST_LEAD = _HORIZON - _STEP
_LONGEST_HOLD = timedelta(hours=1)
_MOST_EVENTS = 100
_MOST_INCIDENTS = 100
_MOST_SIGNALS = 8

_DURATION = re.compile(r"(?=.)(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")


def _capacity(given: object) -> float:
    """A quantity as a number: of 600m the thousandth is meant."""
    return float(quantity(given))


def _duration(given: object) -> object:
    """A duration such as 90s, 15m or 1h30m."""
    match = _DURATION.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError("allowed is a duration such as 90s, 15m or 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _lead_time(given: object) -> object:
    """Auto is measured, and None here."""
    return None if given == "Auto" else _duration(given)


def _moment(given: object) -> object:
    """A time with its zone; YAML without quotes gives a datetime, JSON a text."""
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError as error:
            raise ValueError("allowed is a time such as 2026-12-31T22:30:00Z") from error
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise ValueError("allowed is a time with its zone, such as 2026-12-31T22:30:00Z")
    return given


def _at_most(limit: timedelta, why: str) -> AfterValidator:
    def check(span: timedelta | None) -> timedelta | None:
        if span is not None and span > limit:
            raise ValueError(f"allowed is at most {limit / timedelta(minutes=1):g}m, {why}")
        return span

    return AfterValidator(check)


def _only(supported: object, allowed: str) -> AfterValidator:
    """Refuses what the schema knows and this version does not act on."""

    def check(given: object) -> object:
        if given != supported:
            raise ValueError(f"not supported in this version; allowed is {allowed}")
        return given

    return AfterValidator(check)


_Quantity = Annotated[float, BeforeValidator(_capacity), Field(gt=0, allow_inf_nan=False)]
_LeadTime = Annotated[
    timedelta | None, BeforeValidator(_lead_time), _at_most(_LONGEST_LEAD, "because the forecast reaches 15m ahead")
]
_Hold = Annotated[timedelta, BeforeValidator(_duration), _at_most(_LONGEST_HOLD, "as for an HPA's own stabilization")]
_Text = Annotated[str, Field(min_length=1)]
_Name = Annotated[str, Field(min_length=1, max_length=253)]
"""As long as Kubernetes allows names of objects, and as the schema in the cluster has it."""
_Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
_Reason = Annotated[str, Field(max_length=200)]
_Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Metadata(Part):
    name: _Text
    namespace: _Text | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _HpaRef(Part):
    name: _Name


class _ScaledObjectRef(Part):
    name: _Name


class _Signal(Part):
    name: Annotated[str, Field(min_length=1, max_length=63)]
    kind: Annotated[Kind, Field(strict=False)]
    query: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"\S")] | None = None
    capacity_per_pod: _Quantity


class _Forecast(Part):
    """One shipped model on one grid, for now."""

    model: Annotated[_Text, _only("base", "base")] = "base"
    horizon: Annotated[timedelta, BeforeValidator(_duration), _only(_HORIZON, "15m")] = _HORIZON
    step: Annotated[timedelta, BeforeValidator(_duration), _only(_STEP, "1m")] = _STEP


class _Bounds(Part):
    min_replicas: _Replicas
    max_replicas: _Replicas

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"minReplicas {self.min_replicas} is above maxReplicas {self.max_replicas}; allowed is at most that"
            )
        return self


class _Target(Part):
    """How far the target of one of the HPA's metrics may be moved, per pod."""

    metric: _Name
    min: _Quantity
    max: _Quantity

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; allowed is at most that")
        return self


class _Span(Part):
    start: _Moment
    end: _Moment

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"ends at {self.end.isoformat()}, not after its start {self.start.isoformat()}")
        return self


class _Event(_Span):
    min_replicas: _Replicas
    reason: _Reason = ""


class _Incident(_Span):
    reason: _Reason = ""


class _Prometheus(Part):
    url: Annotated[str, Field(min_length=1, max_length=2048, pattern="^https?://")]


class _Budget(Part):
    extra_pod_hours_percent: Annotated[float, Field(ge=0, le=100)] = DEFAULTS.budget_percent


class _RampDown(Part):
    """What is not said depends on what the pods carry."""

    hold: _Hold | None = None
    percent_per_minute: Annotated[float, Field(gt=0, le=100)] | None = None

    def of(self, signals: Sequence[Signal]) -> RampDown:
        usual = usual_ramp(signals)
        return RampDown(
            usual.hold if self.hold is None else self.hold,
            usual.percent_per_minute if self.percent_per_minute is None else self.percent_per_minute,
        )


class _Spec(Part):
    hpa_ref: _HpaRef | None = None
    scaled_object_ref: _ScaledObjectRef | None = None
    mode: Annotated[Mode, Field(strict=False)] = DEFAULTS.mode
    levers: Annotated[list[Annotated[Lever, Field(strict=False)]], Field(min_length=1, max_length=2)] = Field(
        default=[Lever.FLOOR]
    )
    signals: Annotated[list[_Signal], Field(min_length=1, max_length=_MOST_SIGNALS)]
    forecast: _Forecast = _Forecast()
    lead_time: _LeadTime = None
    cost_ratio: Annotated[float, Field(gt=0, le=10_000)] = DEFAULTS.cost_ratio
    bounds: _Bounds
    ownership: Annotated[Ownership, Field(strict=False)] = Ownership.SHARE
    target: _Target | None = None
    prometheus: _Prometheus | None = None
    budget: _Budget = _Budget()
    ramp_down: _RampDown = _RampDown()
    events: Annotated[list[_Event], Field(max_length=_MOST_EVENTS)] = Field(default_factory=list)
    incidents: Annotated[list[_Incident], Field(max_length=_MOST_INCIDENTS)] = Field(default_factory=list)
    rollouts: Literal["Forget", "Keep"] = "Forget"

    @field_validator("signals")
    @classmethod
    def distinct(cls, signals: list[_Signal]) -> list[_Signal]:
        names = [signal.name for signal in signals]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"the name {', '.join(repeated)} is given more than once; allowed is once")
        return signals

    @model_validator(mode="after")
    def agrees(self) -> Self:
        if len(set(self.levers)) < len(self.levers):
            raise ValueError("levers: one is given more than once; allowed is once")
        if (Lever.TARGET in self.levers) != (self.target is not None):
            raise ValueError(
                "target: missing; the lever Target needs its metric, min and max"
                if self.target is None
                else "target: given without the lever Target; add Target to levers, or leave it out"
            )
        if self.scaled_object_ref is not None and (self.hpa_ref is not None or Lever.TARGET in self.levers):
            raise ValueError(
                "scaledObjectRef: given beside hpaRef; name one of the two"
                if self.hpa_ref is not None
                else "levers: Target with a scaledObjectRef; KEDA writes its HPA's targets, leave Target out"
            )
        most = self.bounds.max_replicas
        for event in self.events:
            if event.min_replicas > most:
                raise ValueError(
                    f"events: {event.min_replicas} replicas from {event.start.isoformat()}, above maxReplicas {most}"
                )
        return self


class Document(Part):
    """The whole of it."""

    api_version: Literal["foresail.dev/v1alpha1"]
    kind: Literal["PredictiveAutoscaler"]
    metadata: _Metadata
    spec: _Spec
