"""An HPA with further External metrics that know the time, as KEDA's triggers give it: yesterday's load, a schedule.

The HPA takes the largest of what its metrics ask for, so a trigger can only add pods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np

from controller.simulation.hpa import State, step
from controller.simulation.hpa_spec import MILLI, HpaSpec, MetricSpec, Scale, Source
from controller.simulation.pilot import check_external, external_metrics
from controller.simulation.replay import Asked, first_replicas
from forecaster.series import DAY, Series, held

_HOURS = 24


class Query(Protocol):
    """Anything that answers for a metric."""

    def __call__(self, now: datetime, /) -> float:
        """The value at `now`; 0 where there is none, as KEDA takes an empty result by default."""
        ...


class Trigger(NamedTuple):
    """One more metric of the HPA, and what answers for it."""

    metric: MetricSpec
    query: Query


class HpaWithTriggers:
    """The HPA on its own metrics and on those of the triggers."""

    def __init__(self, hpa_spec: HpaSpec, triggers: Sequence[Trigger]) -> None:
        """Raises BadPolicy where the HPA has a metric other than an External one."""
        check_external(hpa_spec)
        self._spec = replace(hpa_spec, metrics=(*hpa_spec.metrics, *(trigger.metric for trigger in triggers)))
        self._queries = {trigger.metric.name: trigger.query for trigger in triggers}
        self._state = State()

    def begin(self, totals: Mapping[str, float], now: datetime, /) -> int:
        """The replicas at which it is at rest; nothing is remembered."""
        self._state = State()
        return first_replicas(self._spec, {**totals, **self._answers(now)})

    def tick(self, now: datetime, seen: Mapping[str, float], replicas: int, _ready: int, /) -> Asked:
        """One sync."""
        metrics = external_metrics(self._spec.metrics, {**seen, **self._answers(now)})
        sync = step(self._spec, self._state, Scale(replicas, replicas), metrics, now)
        self._state = sync.state
        return Asked(sync.replicas, sync.replicas)

    def _answers(self, now: datetime) -> dict[str, float]:
        return {name: query(now) for name, query in self._queries.items()}


def yesterday(history: Series, target: int, ahead: timedelta) -> Trigger:
    """The load of `ahead` after this time yesterday, with `target` milli-units per pod: `offset 1d` in PromQL.

    `ahead` must be less than a day, or it would be the future.
    """
    if not timedelta(0) <= ahead < DAY - history.step:
        raise ValueError(f"yesterday's load {ahead} ahead; it must be from zero to less than a day and a bin of it")

    def query(now: datetime) -> float:
        index = history.index(now - DAY + ahead)
        value = float(history.values[index]) if 0 <= index < len(history) else 0.0
        return value if math.isfinite(value) else 0.0

    return Trigger(MetricSpec("yesterday", Source.EXTERNAL, target), query)


def cron(past: Series, per_pod: float, ahead: timedelta) -> Trigger:
    """So many replicas for each hour of the day (UTC), begun `ahead` of it: what a careful user writes down.

    Those that carry, at `per_pod` each, the median over the days of the highest load in that hour; zero in an hour
    that `past` does not have.
    """
    values = held(past.values)
    hours = np.array([past.time(k).hour for k in range(len(past))])
    days = np.array([past.time(k).toordinal() for k in range(len(past))])
    schedule = [0.0] * _HOURS
    for hour in np.unique(hours[np.isfinite(values)]).tolist():
        there = (hours == hour) & np.isfinite(values)
        peaks = [values[there & (days == day)].max() for day in np.unique(days[there])]
        schedule[hour] = float(math.ceil(np.median(peaks) / per_pod))

    def query(now: datetime) -> float:
        return schedule[(now + ahead).hour]

    return Trigger(MetricSpec("cron", Source.EXTERNAL, MILLI), query)
