"""Reads a policy: YAML of the PredictiveAutoscaler schema -> `Policy`, or one error that lists every problem.

The rim of the controller: quantities, durations and defaults are resolved here, and nothing behind it sees YAML. What
this version does not act on is refused where ignoring it would mislead, and accepted where it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)

from controller.domain import Bounds, Mode, Policy, RampDown, Signal, usual_ramp
from controller.limits import MOST_REPLICAS
from controller.schema import Part, parse_yaml, quantity, read_text, validated
from forecaster.series import Kind

_DEFAULTS = Policy("", (), Bounds(1, 1))
_HORIZON = timedelta(minutes=15)
_STEP = timedelta(minutes=1)
_LONGEST_LEAD = _HORIZON - _STEP
_LONGEST_HOLD = timedelta(hours=1)

_DURATION = re.compile(r"(?=.)(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")


def load_policy(path: Path) -> Policy:
    """The policy in a YAML file. Raises BadPolicy, naming the file, where it cannot be read or followed."""
    return parse_policy(read_text(path), str(path))


def parse_policy(text: str, where: str) -> Policy:
    """The policy that a YAML text states. Raises BadPolicy with a line for each problem; `where` names the text."""
    return validated(_Document, parse_yaml(text, where), where).policy()


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
    """Until lead times are measured, Auto is the default."""
    return _DEFAULTS.lead_time if given == "Auto" else _duration(given)


def _at_most(limit: timedelta, why: str) -> AfterValidator:
    def check(span: timedelta) -> timedelta:
        if span > limit:
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
    timedelta, BeforeValidator(_lead_time), _at_most(_LONGEST_LEAD, "because the forecast reaches 15m ahead")
]
_Hold = Annotated[timedelta, BeforeValidator(_duration), _at_most(_LONGEST_HOLD, "as for an HPA's own stabilization")]
_Text = Annotated[str, Field(min_length=1)]


class _Metadata(Part):
    name: _Text
    namespace: _Text | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class _HpaRef(Part):
    name: _Text


class _Signal(Part):
    name: _Text
    kind: Annotated[Kind, Field(strict=False)]
    query: _Text | None = None
    capacity_per_pod: _Quantity


class _Forecast(Part):
    """One shipped model on one grid, for now."""

    model: Annotated[_Text, _only("base", "base")] = "base"
    horizon: Annotated[timedelta, BeforeValidator(_duration), _only(_HORIZON, "15m")] = _HORIZON
    step: Annotated[timedelta, BeforeValidator(_duration), _only(_STEP, "1m")] = _STEP


class _Bounds(Part):
    min_replicas: Annotated[int, Field(ge=1)]
    max_replicas: Annotated[int, Field(ge=1, le=MOST_REPLICAS)]

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"minReplicas {self.min_replicas} is above maxReplicas {self.max_replicas}; allowed is at most that"
            )
        return self


class _Prometheus(Part):
    url: _Text


class _Budget(Part):
    extra_pod_hours_percent: Annotated[float, Field(ge=0, le=100)] = _DEFAULTS.budget_percent


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
    mode: Annotated[Mode, Field(strict=False)] = _DEFAULTS.mode
    levers: Annotated[list[Literal["Floor", "Target"]], _only(["Floor"], "[Floor]")] = Field(default=["Floor"])
    signals: list[_Signal] = Field(min_length=1)
    forecast: _Forecast = _Forecast()
    lead_time: _LeadTime = _DEFAULTS.lead_time
    cost_ratio: Annotated[float, Field(gt=0, le=10_000)] = _DEFAULTS.cost_ratio
    bounds: _Bounds
    ownership: Annotated[Literal["Share", "Respect", "Force"], _only("Share", "Share")] = "Share"
    target: Annotated[dict[str, Any] | None, _only(None, "to leave it out")] = None
    prometheus: _Prometheus | None = None
    budget: _Budget = _Budget()
    ramp_down: _RampDown = _RampDown()
    events: Annotated[list[Any], _only([], "an empty list")] = Field(default_factory=list)

    @field_validator("signals")
    @classmethod
    def distinct(cls, signals: list[_Signal]) -> list[_Signal]:
        names = [signal.name for signal in signals]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"the name {', '.join(repeated)} is given more than once; allowed is once")
        return signals


class _Document(Part):
    api_version: Literal["foresail.dev/v1alpha1"]
    kind: Literal["PredictiveAutoscaler"]
    metadata: _Metadata
    spec: _Spec

    def policy(self) -> Policy:
        spec, namespace = self.spec, self.metadata.namespace
        signals = tuple(Signal(signal.name, signal.kind, signal.capacity_per_pod) for signal in spec.signals)
        return Policy(
            name=f"{namespace}/{self.metadata.name}" if namespace else self.metadata.name,
            signals=signals,
            bounds=Bounds(spec.bounds.min_replicas, spec.bounds.max_replicas),
            mode=spec.mode,
            cost_ratio=spec.cost_ratio,
            lead_time=spec.lead_time,
            ramp_down=spec.ramp_down.of(signals),
            budget_percent=spec.budget.extra_pod_hours_percent,
        )
