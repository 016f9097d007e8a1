"""One tick of an HPA with Foresail at its side: what the demo on real processes and the replay both run.

The HPA syncs first, on the floor written at the tick before; then the planner decides the floor of the next sync. A
second HPA, fed the same metrics but never a floor, tells what the first would hold on its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from controller.decision.plan import first_memory, plan
from controller.domain import Decision, Memory, Observed, Policy, Reading
from controller.errors import BadPolicy
from controller.simulation.hpa import Reason as Limit
from controller.simulation.hpa import State, Sync, step
from controller.simulation.hpa_spec import MILLI, HpaSpec, Metrics, MetricSpec, Scale, Source, TargetType, milli
from forecaster.forecast import Forecast


class Tick(NamedTuple):
    """What happened in one tick, with everything that a ledger entry needs.

    desired    replicas that the HPA asks for from now on
    hpa_alone  replicas that the HPA would hold had it never seen a floor
    observed   what the planner was shown; its `hpa_wish` is `hpa_alone`, or None where the metrics failed
    memory     as it was before the decision
    sync       the HPA's own account of the tick
    """

    now: datetime
    desired: int
    hpa_alone: int
    observed: Observed
    forecasts: tuple[Forecast, ...]
    memory: Memory
    decision: Decision
    sync: Sync

    @property
    def hpa_wish(self) -> int | None:
        return self.observed.hpa_wish


class Pilot:
    """The HPA, the same HPA without a floor, and the planner, from tick to tick."""

    def __init__(self, policy: Policy, hpa_spec: HpaSpec, replicas: int, now: datetime) -> None:
        """`replicas` run at the start. Raises BadPolicy where policy and HPA contradict each other."""
        check_external(hpa_spec)
        check_bounds(policy, hpa_spec)
        self._policy = policy
        self._spec = hpa_spec
        self._moved = moved_metric(policy, hpa_spec)
        self._memory = first_memory(policy, now)
        self.restart(replicas, now)

    def restart(self, replicas: int, now: datetime) -> None:
        """Begins anew with so many replicas: nothing is remembered but what was spent of the day's budget."""
        self._floored = self._spec
        self._written: tuple[int, float | None] = (self._spec.min_replicas, None)
        self._state = self._alone_state = State()
        self._alone = replicas
        self._memory = replace(first_memory(self._policy, now), spent=self._memory.spent)

    @property
    def memory(self) -> Memory:
        """What the last decision left for the next."""
        return self._memory

    def tick(
        self,
        now: datetime,
        seen: Mapping[str, float | None],
        replicas: int,
        ready: int,
        readings: Sequence[Reading],
        forecasts: Sequence[Forecast],
    ) -> Tick:
        """One sync of the HPA and one decision.

        seen       the total of each signal as the metrics API gives it to the HPA now; None: no answer
        replicas   pods asked for until now, of which `ready` take traffic
        readings   and forecasts: what the planner knows now
        """
        metrics = external_metrics(self._spec.metrics, seen)
        sync = step(self._floored, self._state, Scale(replicas, replicas), metrics, now)
        alone = sync
        if not self._floor_had_no_say(sync, replicas):
            alone = step(self._spec, self._alone_state, Scale(self._alone, self._alone), metrics, now)
        wish = None if alone.condition.metrics_failed else alone.replicas
        observed = Observed(sync.replicas, ready, wish, tuple(readings), *self._metric(seen))
        before = self._memory
        decision, after = plan(self._policy, observed, forecasts, before, now)
        self._state, self._alone_state, self._alone, self._memory = sync.state, alone.state, alone.replicas, after
        self._write(decision)
        return Tick(now, sync.replicas, alone.replicas, observed, tuple(forecasts), before, decision, sync)

    def _floor_had_no_say(self, sync: Sync, replicas: int) -> bool:
        """Whether the HPA came from where it would be alone and was nowhere held up by the floor.

        A floor acts on a count that is below it, or as the limit of a way down, which the HPA then says.
        """
        floor = self._floored.min_replicas
        limited = replicas < floor or sync.condition.limited is Limit.TOO_FEW_REPLICAS
        return (
            (floor == self._spec.min_replicas or not limited)
            and self._floored.metrics is self._spec.metrics
            and replicas == self._alone
            and _alike(self._state, self._alone_state)
        )

    def _metric(self, seen: Mapping[str, float | None]) -> tuple[float | None, float | None]:
        """Total and owner's target of the metric whose target the policy may move."""
        if self._moved is None:
            return None, None
        return seen.get(self._moved.name), self._moved.target / MILLI

    def _write(self, decision: Decision) -> None:
        """Sets what the next sync sees; a decision that is only shown leaves the HPA's own minimum and targets."""
        acts = decision.applied and self._policy.moves_floor
        minimum = decision.floor if acts else self._spec.min_replicas
        target = decision.target if decision.applied else None
        if (minimum, target) != self._written:
            self._written = minimum, target
            self._floored = replace(self._spec, min_replicas=minimum, metrics=self._with(target))

    def _with(self, target: float | None) -> tuple[MetricSpec, ...]:
        moved, metrics = self._moved, self._spec.metrics
        if moved is None or target is None:
            return metrics
        return tuple(replace(one, target=milli(target)) if one is moved else one for one in metrics)


def _alike(one: State, other: State) -> bool:
    """Whether the same syncs follow from both: a recommendation counts by its age, wherever it is kept.

    Below a floor the HPA reads no metrics, and what it remembers afterwards takes another place.
    """
    if one == other:
        return True
    events = one.scale_ups == other.scale_ups and one.scale_downs == other.scale_downs
    kept = sorted(one.recommendations) == sorted(other.recommendations)
    return kept and events and one.scaled_to_zero == other.scaled_to_zero


def external_metrics(specs: Sequence[MetricSpec], seen: Mapping[str, float | None]) -> Metrics:
    """The totals as the metrics API answers them; one that is not there, or not finite, has failed."""
    external = {}
    for spec in specs:
        total = seen.get(spec.name)
        if total is not None and math.isfinite(total):
            external[spec.name] = (milli(total),)
    return Metrics(external=external)


def check_external(spec: HpaSpec) -> None:
    """Raises BadPolicy where the HPA has a metric that a simulation without real pods cannot give."""
    for metric in spec.metrics:
        if metric.source is not Source.EXTERNAL:
            raise BadPolicy(
                f"hpa metric {metric.name}: {metric.source} samples belong to the pods that exist, so what the HPA"
                " would do with others cannot be computed; use an External metric"
            )


def check_bounds(policy: Policy, spec: HpaSpec) -> None:
    """Raises BadPolicy where the policy may ask for replicas that the HPA does not allow."""
    bounds = policy.bounds
    if bounds.min_replicas < spec.min_replicas or bounds.max_replicas > spec.max_replicas:
        raise BadPolicy(
            f"bounds: {bounds.min_replicas}..{bounds.max_replicas} replicas, but the HPA allows"
            f" {spec.min_replicas}..{spec.max_replicas}; keep the bounds within the HPA's"
        )


def moved_metric(policy: Policy, spec: HpaSpec) -> MetricSpec | None:
    """The metric whose target the policy moves; None without the lever. Raises BadPolicy where the HPA has none."""
    moved = policy.moved_target
    if moved is None:
        return None
    for metric in spec.metrics:
        if metric.name == moved.metric and metric.target_type is TargetType.AVERAGE_VALUE:
            return metric
    found = ", ".join(f"{one.name} ({one.target_type})" for one in spec.metrics)
    raise BadPolicy(
        f"target: the metric {moved.metric}, but the HPA has {found}; name one of its metrics whose target is"
        " of type AverageValue"
    )
