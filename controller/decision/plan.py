"""What should the floor be now? The one decision that the live loop, the replay and the what-if share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controller.decision.budget import book
from controller.decision.demand import Demand, Need, demand
from controller.decision.guards import GRANTING, RELEASING, Context, Proposal, remembered, through
from controller.domain import Decision, Memory, Mode, Observed, Policy, Reason
from forecaster.forecast import Forecast


def first_memory(policy: Policy, now: datetime) -> Memory:
    """The memory of a controller that has decided nothing yet: the floor is the user's own minimum."""
    return Memory(floor=policy.bounds.min_replicas, changed_at=now)


def plan(
    policy: Policy, observed: Observed, forecasts: Sequence[Forecast], memory: Memory, now: datetime
) -> tuple[Decision, Memory]:
    """The floor for now with its reasons, and the memory for the next decision.

    Without a forecast that counts, and while paused, the user's own minimum is asked for, and a raised floor goes back
    to it by the ramp. Observe decides the same as Active and only marks the decision as not applied.
    """
    asked = demand(policy, observed, forecasts, now) if policy.mode is not Mode.PAUSED else Demand(None)
    spent = book(memory, policy.bounds, observed, now)
    context = Context(policy, observed, memory, spent, now, forecast=asked.need is not None)
    granted = through(GRANTING, _proposal(asked, context), context)
    final = through(RELEASING, granted, context)
    need = asked.need
    decision = Decision(
        at=now,
        floor=final.replicas,
        previous=memory.floor,
        wanted=need.replicas if need else None,
        signal=need.signal.name if need else None,
        model=need.forecast.model if need else None,
        applied=policy.mode is not Mode.OBSERVE,
        reasons=final.reasons,
    )
    after = Memory(
        floor=final.replicas,
        changed_at=memory.changed_at if final.replicas == memory.floor else now,
        decided_at=now,
        wishes=remembered(memory.wishes, granted.replicas, policy.ramp_down.hold, now),
        spent=context.spent,
    )
    return decision, after


def _proposal(asked: Demand, context: Context) -> Proposal:
    floor, lowest = context.memory.floor, context.policy.bounds.min_replicas
    if context.policy.mode is Mode.PAUSED:
        return Proposal(lowest, (Reason("mode", floor, lowest, "paused: the floor goes back to the minimum"),))
    notes = tuple(Reason("staleness", floor, floor, clause) for clause in asked.left_out)
    if asked.need is None:
        because = "without a usable forecast the minimum is asked for"
        return Proposal(lowest, (*notes, Reason("staleness", floor, lowest, because)))
    need = asked.need
    return Proposal(
        need.replicas, (Reason("forecast", floor, need.replicas, _sentence(need, context.policy.quantile)), *notes)
    )


def _sentence(need: Need, quantile: float) -> str:
    """Such as "9 pods for a peak of 171 connections over 20:03-20:08 (lstm, 0.952 quantile), 20 per pod"; in UTC."""
    forecast, signal = need.forecast, need.signal
    first = forecast.origin + forecast.window.first * forecast.step
    end = forecast.origin + (forecast.window.last + 1) * forecast.step
    return (
        f"{need.replicas} pods for a peak of {_amount(need.peak)} {signal.name} over {_clock(first)}-{_clock(end)}"
        f" ({forecast.model}, {quantile:.3g} quantile), {_amount(signal.capacity_per_pod)} per pod"
    )


def _clock(at: datetime) -> str:
    return f"{at.hour:02}:{at.minute:02}"


def _amount(load: float) -> str:
    return f"{load:.0f}" if load >= 100 else f"{load:.3g}"
