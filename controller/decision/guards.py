"""What stands between what the forecast asks for and the floor: small functions `Proposal -> Proposal`.

Each guard leaves a reason where it changed something. Those of `GRANTING` decide what is asked for, which the ramp
remembers; those of `RELEASING` decide how a floor that is asked for no longer goes down. Staleness is no guard:
`demand` drops a stale forecast before the maximum over the signals is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from controller.decision.budget import affordable
from controller.decision.target import hot_wish
from controller.domain import Memory, Mode, Observed, Policy, RampDown, Reason, Wish

_MINUTE = timedelta(minutes=1)


class Context(NamedTuple):
    """What a guard may look at; memory is as it was.

    wish      what the HPA alone holds, or is taken to hold while that is unknown; at least the user's minimum
    left      pod-seconds that may still be added today, the time since the last decision booked
    forecast  whether there is a forecast that counts; without one the plain HPA is left alone
    """

    policy: Policy
    observed: Observed
    memory: Memory
    wish: int
    left: float
    now: datetime
    forecast: bool = True

    @property
    def runs_hot(self) -> bool:
        """Whether the HPA is allowed fewer pods than it would hold by itself, because the forecast says what is due."""
        return self.forecast and self.policy.moves_target and hot_wish(self.policy, self.observed) is not None


class Proposal(NamedTuple):
    """A floor on its way through the guards, with what was said so far."""

    replicas: int
    reasons: tuple[Reason, ...]

    def changed(self, rule: str, replicas: int, because: str) -> Proposal:
        """The proposal with another floor and the reason for it."""
        return Proposal(replicas, (*self.reasons, Reason(rule, self.replicas, replicas, because)))


Guard = Callable[[Proposal, Context], Proposal]


def through(guards: Sequence[Guard], proposal: Proposal, context: Context) -> Proposal:
    """The proposal after every guard, in order."""
    for guard in guards:
        proposal = guard(proposal, context)
    return proposal


def minimum(proposal: Proposal, context: Context) -> Proposal:
    """At least the user's own minimum."""
    lowest = context.policy.bounds.min_replicas
    if proposal.replicas >= lowest:
        return proposal
    return proposal.changed("minimum", lowest, f"the minimum is {lowest}")


def hpa_path(proposal: Proposal, context: Context) -> Proposal:
    """At least what the HPA alone would hold, where the HPA with our floor holds fewer.

    Within its tolerance the HPA keeps the replicas it has. Pods that a floor brought early can leave it resting a pod
    or two lower than where it would have come to by itself; a floor must not take away what it was to add to.
    """
    wish = context.observed.hpa_wish
    if (
        not context.forecast
        or context.runs_hot
        or wish is None
        or wish <= max(context.observed.replicas, proposal.replicas)
    ):
        return proposal
    because = f"the HPA alone would hold {wish}, where it rests at {context.observed.replicas}"
    return proposal.changed("hpa", wish, because)


def calendar(proposal: Proposal, context: Context) -> Proposal:
    """At least what the calendar asks for, from a lead time before an entry's start to its end.

    The entry that asks for most says why. It is the user's own word, so no budget is asked.
    """
    if not context.policy.events:
        return proposal
    now, ahead = context.now, context.now + context.policy.lead_time
    due = [entry for entry in context.policy.events if entry.start <= ahead and now < entry.end]
    most = max(due, key=lambda entry: entry.min_replicas, default=None)
    if most is None or proposal.replicas >= most.min_replicas or context.policy.mode is Mode.PAUSED:
        return proposal
    because = f"the calendar asks for {most.min_replicas} from {most.start:%Y-%m-%d %H:%M} on"
    return proposal.changed("calendar", most.min_replicas, f"{because}: {most.reason}" if most.reason else because)


def budget(proposal: Proposal, context: Context) -> Proposal:
    """At most what the day's budget pays for beyond the HPA's own wish; nothing more once it is spent.

    A floor below that wish costs nothing while the wish lasts, but is still there, and paid for, when the wish falls:
    with the budget spent no floor is raised at all, and one above the wish is let go. While the wish is unknown, the
    mean of the day's stands in for it.
    """
    policy, wish, left = context.policy, context.wish, context.left
    if left > 0:
        highest = affordable(policy, left, wish)
    else:
        highest = max(min(context.memory.floor, wish), policy.bounds.min_replicas)
    if proposal.replicas <= highest:
        return proposal
    because = (
        f"the budget of {policy.budget_percent:g} % has {max(0.0, left) / 60:.0f} pod-minutes left,"
        f" which pays for {highest} of {proposal.replicas}"
    )
    return proposal.changed("budget", highest, because)


def ramp_down(proposal: Proposal, context: Context) -> Proposal:
    """No lower than the largest recent wish, and after the hold no faster than the ramp."""
    floor, ramp = context.memory.floor, context.policy.ramp_down
    if proposal.replicas >= floor:
        return proposal
    recent = _recent(context.memory.wishes, ramp.hold, context.now)
    held = min(floor, recent[0].replicas) if recent else 0
    slope = floor - _allowed_drop(context.memory, ramp, context.now)
    if proposal.replicas >= max(held, slope):
        return proposal
    if held >= slope:
        because = f"{held} were wanted within the last {ramp.hold / _MINUTE:g} min"
        return proposal.changed("ramp-down", held, because)
    return proposal.changed("ramp-down", slope, f"the ramp allows {slope}, at {ramp.percent_per_minute:g} % per minute")


def unpaid(proposal: Proposal, context: Context) -> Proposal:
    """No more than the HPA's own wish and what the rest of the budget pays for, however slow the ramp is.

    A floor is free while the HPA holds its pods by itself. When the wish falls, giving it back slowly would be at the
    day's expense; beyond what that allows it follows the wish, which is where the HPA alone would be.
    """
    wish = context.wish
    if context.observed.hpa_wish is None:
        return proposal
    highest = affordable(context.policy, context.left, wish)
    if proposal.replicas <= highest:
        return proposal
    return proposal.changed("budget", highest, f"the budget pays for a ramp from {highest}, the HPA alone holds {wish}")


def never_below_hpa(proposal: Proposal, context: Context) -> Proposal:
    """A floor is not released below what the HPA itself would hold, nor at all while that is unknown.

    But for one that its owner has asked back: an HPA without metrics takes no pods by itself, and the ramp stays.
    """
    floor, wish = context.memory.floor, context.observed.hpa_wish
    if context.runs_hot:
        wish = hot_wish(context.policy, context.observed)
    if wish is None and context.policy.mode is Mode.PAUSED:
        return proposal
    lowest = floor if wish is None else min(wish, floor)
    if proposal.replicas >= lowest:
        return proposal
    if wish is None:
        return proposal.changed("hpa", lowest, "what the HPA alone would hold is unknown, so nothing is released")
    return proposal.changed("hpa", lowest, f"the HPA alone would hold {wish}")


def ceiling(proposal: Proposal, context: Context) -> Proposal:
    """At most the user's own maximum, whatever any other rule says."""
    highest = context.policy.bounds.max_replicas
    if proposal.replicas <= highest:
        return proposal
    return proposal.changed("ceiling", highest, f"the maximum is {highest}")


GRANTING: tuple[Guard, ...] = (
    minimum,  # first, so that a quiet night is no release and needs no ramp
    budget,  # before the ramp, which then holds what was paid for and not what was dreamt of
    hpa_path,  # after the budget, spent or not: it asks for no more than the HPA alone would run
    calendar,  # after the budget, which the user's own word is not subject to
)

RELEASING: tuple[Guard, ...] = (
    ramp_down,  # first, so that what follows limits what it holds back
    unpaid,
    never_below_hpa,  # after the ramp's memory, so that the HPA's stabilization is not held a second time
    ceiling,  # last, because the API server refuses a minimum above the maximum
)


def remembered(wishes: tuple[Wish, ...], replicas: int, hold: timedelta, now: datetime) -> tuple[Wish, ...]:
    """The recent wishes with a new one: each larger than those after it, so that the first is the largest."""
    larger = [wish for wish in _recent(wishes, hold, now) if wish.replicas > replicas]
    return (*larger, Wish(now, replicas))


def _recent(wishes: tuple[Wish, ...], hold: timedelta, now: datetime) -> tuple[Wish, ...]:
    if not wishes or now - wishes[0].at < hold:
        return wishes
    return tuple(wish for wish in wishes if now - wish.at < hold)


def _allowed_drop(memory: Memory, ramp: RampDown, now: datetime) -> int:
    """Whole pods that the ramp has earned since the floor last changed; in one step at most what the time since the
    last decision earns, or one pod: a floor that stood for an hour must not fall by a minute's worth at once."""
    per_minute = memory.floor * ramp.percent_per_minute / 100
    earned = math.floor(per_minute * ((now - memory.changed_at) / _MINUTE))
    since = now - (memory.decided_at or memory.changed_at)
    step = math.floor(per_minute * min(1.0, since / _MINUTE))
    return max(0, min(earned, max(1, step)))
