"""Reads a policy: YAML of the PredictiveAutoscaler schema -> `Policy`, or one error that lists every problem.

The rim of the controller: quantities, durations and defaults are resolved here, and nothing behind it sees YAML. What
this version does not act on is refused where ignoring it would mislead, and accepted where it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from controller.domain import Bounds, Mode, Policy, RampDown, Signal, usual_ramp
from controller.errors import BadPolicy
from forecaster.series import Kind

_DEFAULTS = Policy("", (), Bounds(1, 1))
_HORIZON = timedelta(minutes=15)
_STEP = timedelta(minutes=1)
_LONGEST_LEAD = _HORIZON - _STEP
_LONGEST_HOLD = timedelta(hours=1)

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([num]|[kMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_FACTORS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18} | {
    f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTPE", 1)
}
_DURATION = re.compile(r"(?=.)(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")


def load_policy(path: Path) -> Policy:
    """The policy in a YAML file. Raises BadPolicy, naming the file, where it cannot be read or followed."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadPolicy(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadPolicy(f"{path}: not UTF-8 text (byte {error.start}); expected YAML") from error
    return parse_policy(text, str(path))


def parse_policy(text: str, where: str) -> Policy:
    """The policy that a YAML text states. Raises BadPolicy with a line for each problem; `where` names the text."""
    try:
        document = yaml.load(text, Loader=_UniqueKeys)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2026-13-01
        raise BadPolicy(f"{where}: not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise BadPolicy(f"{where}: nested too deeply; a policy needs a few levels") from error
    except (AttributeError, LookupError, TypeError) as error:  # how PyYAML ends on `!!timestamp x` and `!!int ""`
        raise BadPolicy(f"{where}: not YAML: a value does not fit its tag (!!); leave the tags out") from error
    try:
        return _Document.model_validate(document).policy()
    except ValidationError as error:
        raise BadPolicy("\n".join(f"{where}: {_explained(problem)}" for problem in error.errors())) from error


class _UniqueKeys(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if node.id != "mapping":  # `!!map [1]`
            raise yaml.constructor.ConstructorError(
                None, None, f"expected a mapping, but found a {node.id}", node.start_mark
            )
        keys = [(key.tag, key.value) for key, _ in node.value]
        for index, (key, _) in enumerate(node.value):
            if keys[index] in keys[:index]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


def _quantity(given: object) -> object:
    """A Kubernetes quantity such as 1000, "600m" or "2k" as a number; of 600m the thousandth is meant."""
    match = _QUANTITY.fullmatch(str(given)) if isinstance(given, str | int | float) else None
    if match is None or isinstance(given, bool):
        raise ValueError('allowed is a quantity such as 1000, "600m" or "2k"')
    number, suffix = float(match[1]), match[2] or ""
    return number * _FACTORS[suffix] if suffix in _FACTORS else float(match[0])


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


_Quantity = Annotated[float, BeforeValidator(_quantity), Field(gt=0, allow_inf_nan=False)]
_LeadTime = Annotated[
    timedelta, BeforeValidator(_lead_time), _at_most(_LONGEST_LEAD, "because the forecast reaches 15m ahead")
]
_Hold = Annotated[timedelta, BeforeValidator(_duration), _at_most(_LONGEST_HOLD, "as for an HPA's own stabilization")]
_Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """A mapping of the schema: camelCase keys, no other keys, no guessing at types."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True)


class _Metadata(_Part):
    name: _Text
    namespace: _Text | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _HpaRef(_Part):
    name: _Text


class _Signal(_Part):
    name: _Text
    kind: Annotated[Kind, Field(strict=False)]
    query: _Text | None = None
    capacity_per_pod: _Quantity


class _Forecast(_Part):
    """One shipped model on one grid, for now."""

    model: Annotated[_Text, _only("base", "base")] = "base"
    horizon: Annotated[timedelta, BeforeValidator(_duration), _only(_HORIZON, "15m")] = _HORIZON
    step: Annotated[timedelta, BeforeValidator(_duration), _only(_STEP, "1m")] = _STEP


class _Bounds(_Part):
    min_replicas: Annotated[int, Field(ge=1)]
    max_replicas: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError(
                f"minReplicas {self.min_replicas} is above maxReplicas {self.max_replicas}; allowed is at most that"
            )
        return self


class _Prometheus(_Part):
    url: _Text


class _Budget(_Part):
    extra_pod_hours_percent: Annotated[float, Field(ge=0, le=100)] = _DEFAULTS.budget_percent


class _RampDown(_Part):
    """What is not said depends on what the pods carry."""

    hold: _Hold | None = None
    percent_per_minute: Annotated[float, Field(gt=0, le=100)] | None = None

    def of(self, signals: Sequence[Signal]) -> RampDown:
        usual = usual_ramp(signals)
        return RampDown(
            usual.hold if self.hold is None else self.hold,
            usual.percent_per_minute if self.percent_per_minute is None else self.percent_per_minute,
        )


class _Spec(_Part):
    hpa_ref: _HpaRef | None = None
    mode: Annotated[Mode, Field(strict=False)] = _DEFAULTS.mode
    levers: Annotated[list[Literal["Floor", "Target"]], _only(["Floor"], "[Floor]")] = ["Floor"]
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
    events: Annotated[list[Any], _only([], "an empty list")] = []

    @field_validator("signals")
    @classmethod
    def distinct(cls, signals: list[_Signal]) -> list[_Signal]:
        names = [signal.name for signal in signals]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"the name {', '.join(repeated)} is given more than once; allowed is once")
        return signals


class _Document(_Part):
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


def _explained(problem: ErrorDetails) -> str:
    """One problem in a line: the path of the field, what was found, what is allowed."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
    where = f"{path}: " if path else ""
    found = f"found {_short(problem['input'])}"
    match problem["type"]:
        case "extra_forbidden":
            return f"{where}unknown key; allowed here are {', '.join(_keys(problem['loc'][:-1]))}"
        case "missing":
            return f"{where}missing; it must be given"
        case "model_type":
            return f"{where}{found}; allowed is a mapping with the keys {', '.join(_keys(problem['loc']))}"
        case "value_error":
            return f"{where}{found}; {problem['ctx']['error']}"
        case _:
            return f"{where}{found}; {problem['msg'].replace('Input should be', 'allowed is')}"


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(path: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema allows in the mapping at `path`."""
    part: type[_Part] = _Document
    for key in path:
        if isinstance(key, str):
            field = next(field for field in part.model_fields.values() if field.alias == key)
            part = _part_in(field.annotation)
    return [field.alias or name for name, field in part.model_fields.items()]


def _part_in(annotation: Any) -> type[_Part]:
    """The part in an annotation such as `list[_Signal]` or `_HpaRef | None`."""
    return next(
        kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, _Part)
    )
