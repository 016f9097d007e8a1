"""What an HPA was before Foresail came, and what Foresail last wrote into it: one annotation, written with the change.

With it whoever comes next (a successor, the watchdog, a human) can give the HPA back. It also tells our own value from
the owner's: what stands in the spec and is not what we wrote, the owner wrote. Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.errors import BadPolicy
from controller.hpa_patch import Change, floor_of, target_of
from controller.schema import quantity

ANNOTATION = "foresail.dev/originals"
FINALIZER = "foresail.dev/hand-back"
Json = dict[str, Any]


@dataclass(frozen=True)
class Originals:
    """The owner's values and ours.

    policy   namespace/name of the policy that holds the HPA
    floor    the owner's minReplicas; `ours` what we wrote
    metric   whose target is moved; None without the lever
    target   the owner's averageValue of it; `ours_target` what we wrote
    """

    policy: str
    floor: int
    ours: int
    metric: str | None = None
    target: str | None = None
    ours_target: str | None = None

    def text(self) -> str:
        """As the annotation holds it; keys of a fixed order, so that equal ones are the same text."""
        return json.dumps(vars(self), separators=(",", ":"))

    @property
    def holds(self) -> bool:
        """Whether anything of ours is in force."""
        return self.ours != self.floor or (self.metric is not None and self.target != self.ours_target)


def without_ours(policy: Json) -> list[str]:
    """The finalizers of a policy that nothing of ours holds up any more."""
    return [one for one in policy["metadata"].get("finalizers", []) if one != FINALIZER]


def read(hpa: Json) -> Originals | None:
    """What the annotation says; None where there is none, or one that is not ours to understand."""
    text = (hpa["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is None:
        return None
    try:
        found = Originals(**json.loads(text))
    except (TypeError, ValueError):
        return None
    return found if _sound(found) else None


def _sound(found: Originals) -> bool:
    """Whether it is what we write: anybody who may edit an HPA may edit its note, which must not stop a hand-back."""
    counts: tuple[object, ...] = (found.floor, found.ours)
    policy, *texts = (found.policy, found.metric, found.target, found.ours_target)
    if type(policy) is not str or not all(type(one) is int and one >= 0 for one in counts):
        return False
    if not all(one is None or type(one) is str for one in texts):
        return False
    try:
        return all(one is None or quantity(one) > 0 for one in texts[1:])
    except ValueError:
        return False


def told(policy: Json, metric: str | None) -> Originals | None:
    """What the status of a policy that acts says of them, for an HPA whose note was lost: a replace drops it."""
    status = policy.get("status") or {}
    said, floor = status.get("original") or {}, status.get("floor")
    acting = any(one["type"] == "Acting" and one["status"] == "True" for one in status.get("conditions") or [])
    if not acting or type(floor) is not int or type(said.get("minReplicas")) is not int:
        return None
    name = f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"
    targets = (None, None) if metric is None else (said.get("target") or None, status.get("target") or None)
    found = Originals(name, said["minReplicas"], max(floor, said["minReplicas"]), metric, *targets)
    return found if _sound(found) else None


def taken(hpa: Json, policy: str, metric: str | None, last: Originals | None = None) -> Originals:
    """The originals as they are to be from now on: those noted, with what the owner has changed since. `last` are those
    that count where nothing is noted.

    A value that is not what we wrote is the owner's. One of theirs that happens to be ours cannot be told from it. What
    was noted for another policy is still ours and not the owner's: the policy has been renamed, or its HPA copied.
    """
    floor, target = floor_of(hpa), None if metric is None else target_of(hpa, metric)
    before = read(hpa) or last
    if before is None:
        return Originals(policy, floor, floor, metric, target, target)
    before = replace(before, policy=policy, floor=min(before.floor, hpa["spec"]["maxReplicas"]))
    if floor != before.ours:
        before = replace(before, floor=floor, ours=floor)
    if metric != before.metric:
        if _moved(hpa, before):
            return before  # it goes back first
        return replace(before, metric=metric, target=target, ours_target=target)
    if not same(target, before.ours_target):
        before = replace(before, target=target, ours_target=target)
    return before


def _moved(hpa: Json, noted: Originals) -> bool:
    """Whether a target of ours is in force."""
    if noted.metric is None or same(noted.target, noted.ours_target):
        return False
    return same(target_of(hpa, noted.metric), noted.ours_target)


def was_reset(hpa: Json) -> bool:
    """Whether something of ours was in force and does not stand in the spec any more."""
    before = read(hpa)
    if before is None or not before.holds:
        return False
    gone = before.metric is not None and not same(target_of(hpa, before.metric), before.ours_target)
    return floor_of(hpa) != before.ours or gone


def raising(originals: Originals, floor: int, target: float | None) -> tuple[Change, Originals]:
    """The change that puts a floor and a target in force, and what it notes; the floor is at least the owner's."""
    written = max(floor, originals.floor)
    ours = originals.target if target is None else as_quantity(target)
    after = replace(originals, ours=written, ours_target=ours if originals.metric is not None else None)
    if not after.holds:
        return given_back(originals), after
    targets = {after.metric: ours} if after.metric is not None and ours is not None else {}
    return Change(written, targets, {ANNOTATION: after.text()}), after


def given_back(originals: Originals) -> Change:
    """The change that leaves the HPA as its owner has it, with nothing of ours."""
    targets: Mapping[str, str] = {}
    if originals.metric is not None and originals.target is not None:
        targets = {originals.metric: originals.target}
    return Change(originals.floor, targets, {ANNOTATION: None})


def gives_back(change: Change) -> bool:
    """Whether nothing of ours is left after it."""
    return ANNOTATION in change.annotations and change.annotations[ANNOTATION] is None


def lowered(originals: Originals, percent: float, wish: int | None) -> int:
    """The next floor on the way back: so many percent of the one in force lower, at least a pod, and never below the
    owner's. Where the HPA wishes for as many by itself, nothing holds the floor any longer."""
    if wish is not None and wish >= originals.ours:
        return originals.floor
    step = max(1, math.floor(originals.ours * percent / 100))
    return max(originals.floor, originals.ours - step, min(wish or 0, originals.ours))


def as_quantity(value: float) -> str:
    """A target as Kubernetes writes quantities: in whole thousandths, rounded up so that it is never zero."""
    milli = max(1, math.ceil(round(value * 1000, 6)))
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def as_number(text: str | None) -> float | None:
    """A quantity as a number; None where there is none. Raises BadPolicy for what is no quantity."""
    if text is None:
        return None
    try:
        return float(quantity(text))
    except ValueError as error:
        raise BadPolicy(f"a target of {text!r}; {error}") from error


def same(one: str | None, other: str | None) -> bool:
    """Whether two targets are the same quantity, however they are written."""
    if one is None or other is None:
        return one is other
    return quantity(one) == quantity(other)
