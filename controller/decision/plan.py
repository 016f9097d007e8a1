"""What should the floor be now? The one decision that the live loop, the replay and the what-if share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from controller.decision.budget import Day, book, scarcity, unspent, wish_or_mean
from controller.decision.demand import Demand, demand
from controller.decision.guards import GRANTING, RELEASING, Context, Proposal, remembered, through
from controller.decision.target import held_for_nothing, target_for
from controller.decision.worth import Need, need
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
    asked = demand(policy, observed, forecasts, now) if policy.mode is not Mode.PAUSED else Demand()
    spent = book(memory, policy.bounds, observed, now)
    day = Day.of(spent)
    wish = wish_or_mean(observed, policy.bounds, day)
    wanted = _wanted(asked, policy, observed, day, wish)
    context = Context(policy, observed, memory, wish, unspent(policy, day, wish), now, wanted is not None)
    granted = through(GRANTING, _proposal(asked, wanted, context), context)
    final = through(RELEASING, granted, context)
    target, said = target_for(policy, observed, wanted.replicas if wanted else None, final.replicas, memory)
    decision = Decision(
        at=now,
        floor=final.replicas,
        previous=memory.floor,
        wanted=wanted.replicas if wanted else None,
        signal=wanted.signal.name if wanted else None,
        model=wanted.forecast.model if wanted else None,
        applied=policy.mode is not Mode.OBSERVE,
        reasons=(*final.reasons, *said),
        target=target,
    )
    after = Memory(
        floor=final.replicas,
        changed_at=memory.changed_at if final.replicas == memory.floor else now,
        decided_at=now,
        wishes=remembered(memory.wishes, granted.replicas, policy.ramp_down.hold, now),
        spent=spent,
        target=target,
    )
    return decision, after


def _wanted(asked: Demand, policy: Policy, observed: Observed, day: Day, wish: int) -> Need | None:
    """What is worth having at today's price; None where no forecast counts."""
    if not asked.forecasts:
        return None
    price = scarcity(policy, day, wish) / policy.cost_ratio
    held = held_for_nothing(policy, observed, wish)
    return need(asked.forecasts, price, held, policy.bounds.min_replicas, policy.bounds.max_replicas)


def _proposal(asked: Demand, wanted: Need | None, context: Context) -> Proposal:
    floor, lowest = context.memory.floor, context.policy.bounds.min_replicas
    if context.policy.mode is Mode.PAUSED:
        return Proposal(lowest, (Reason("mode", floor, lowest, "paused: the floor goes back to the minimum"),))
    notes = tuple([Reason("staleness", floor, floor, clause) for clause in asked.left_out])
    if wanted is None:
        because = "without a usable forecast the minimum is asked for"
        return Proposal(lowest, (*notes, Reason("staleness", floor, lowest, because)))
    replicas, highest = wanted.replicas, context.policy.bounds.max_replicas
    if replicas == highest and wanted.chance * context.policy.cost_ratio > 1:
        notes = (*notes, Reason("ceiling", replicas, replicas, f"more would be worth it, but the maximum is {highest}"))
    return Proposal(replicas, (Reason("forecast", floor, replicas, _sentence(wanted)), *notes))


def _sentence(wanted: Need) -> str:
    """Such as "9 pods: with 7, 20:03-20:08 is overloaded with a chance of 6.1 %, with 9 0.3 % (...)"; times in UTC."""
    forecast, signal = wanted.forecast, wanted.signal
    span = _span(forecast.origin, forecast.step, forecast.window.first, forecast.window.last)
    by = f"({forecast.model} of {signal.name}, {_amount(signal.capacity_per_pod)} per pod)"
    if wanted.replicas > wanted.held:
        return (
            f"{wanted.replicas} pods: {wanted.held} would be overloaded in {span} with a chance of"
            f" {_percent(wanted.chance_held)}, {wanted.replicas} with {_percent(wanted.chance)} {by}"
        )
    return f"{wanted.replicas} pods carry {span} but for a chance of {_percent(wanted.chance)} {by}"


def _percent(chance: float) -> str:
    if chance < 0.0005:
        return "under 0.1 %"
    return f"{100 * chance:.2g} %" if chance < 0.095 else f"{100 * chance:.0f} %"


@lru_cache(maxsize=64)
def _span(origin: datetime, step: timedelta, first: int, last: int) -> str:
    """From the first step to the end of the last; remembered, because a forecast is told of until the next is there."""
    return f"{_clock(origin + first * step)}-{_clock(origin + (last + 1) * step)}"


def _clock(at: datetime) -> str:
    return f"{at.hour:02}:{at.minute:02}"


def _amount(load: float) -> str:
    return f"{load:.0f}" if load >= 100 else f"{load:.3g}"
