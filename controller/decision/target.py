"""The other lever: the target of one of the HPA's metrics, moved within the user's bounds so that it holds other pods.

An HPA that aims at a load of t a pod holds total / t pods. With the floor beside it the forecast says what is needed
before a rise, so that the HPA may run as hot as its owner allows, and only reacts to what nobody foresaw. Without the
floor the target itself is what brings the pods: total / n has the HPA hold n. Pure.
"""

from __future__ import annotations

import math

from controller.domain import Bounds, Memory, Observed, Policy, Reason

_DUST = 1e-9
_RESTS = 0.05
"""Half of the HPA's own tolerance: a target nearer than that to the last one moves no pod."""


def hot_wish(policy: Policy, observed: Observed) -> int | None:
    """Pods that the HPA would hold at the highest target that its owner allows; None where the total is unknown."""
    total = known_total(observed)
    if policy.target is None or total is None:
        return None
    pods = math.ceil(total / policy.target.highest - _DUST)
    return within(policy.bounds, pods)


def held_for_nothing(policy: Policy, observed: Observed, wish: int) -> int:
    """Of what the HPA alone would hold, `wish`, the pods that it would hold anyhow: with the lever Target fewer."""
    hot = hot_wish(policy, observed) if policy.moves_target else None
    return wish if hot is None else min(wish, hot)


def target_for(
    policy: Policy, observed: Observed, replicas: int | None, floor: int, memory: Memory
) -> tuple[float | None, tuple[Reason, ...]]:
    """The target for now, per pod, None for its owner's, and the reason where it changes.

    replicas  that the forecast asks for; None without a usable one, and then the owner's own target holds
    floor     what the HPA is asked to hold at least
    """
    bounds = policy.target
    if bounds is None or not policy.moves_target:
        return None, ()
    total = known_total(observed)
    if replicas is None or total is None:
        because = f"the target of {bounds.metric} goes back to its owner's"
        return None, _reason(memory.target, None, floor, because)
    if policy.moves_floor:
        because = f"the floor carries what is foreseen, so {bounds.metric} may run at {bounds.highest:g} per pod"
        return bounds.highest, _reason(memory.target, bounds.highest, floor, because)
    aimed = min(max(total / max(floor, 1), bounds.lowest), bounds.highest)
    if memory.target is not None and abs(aimed / memory.target - 1) <= _RESTS:
        return memory.target, ()
    because = f"{floor} pods for {bounds.metric} of {total:.4g} is {aimed:.4g} per pod"
    return aimed, _reason(memory.target, aimed, floor, because)


def within(bounds: Bounds, pods: int) -> int:
    """So many pods, or the nearest count that the bounds allow."""
    return min(max(pods, bounds.min_replicas), bounds.max_replicas)


def known_total(observed: Observed) -> float | None:
    """The metric's total where it is a load: finite, and not below zero."""
    total = observed.total
    return total if total is not None and math.isfinite(total) and total >= 0 else None


def _reason(before: float | None, after: float | None, floor: int, because: str) -> tuple[Reason, ...]:
    return () if before == after else (Reason("target", floor, floor, because),)
