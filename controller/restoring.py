"""Gives HPAs back where no controller is left to do it: what `foresail controller restore` does.

All that it needs is noted on the HPAs. A step lowers each floor by the ramp of its policy; the last one leaves the spec
as its owner has it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from controller.domain import Ownership
from controller.errors import BadPolicy, ClusterError
from controller.hpa_patch import Change
from controller.hpa_wish import Alone, wish_of
from controller.originals import ANNOTATION, FINALIZER, Originals, given_back, lowered, raising, read, taken
from controller.policy import resolve_object
from controller.subjects import Key

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)
USUAL_PERCENT = 10.0
"""Of a floor, per minute, where its policy is gone or cannot be read."""


class Cluster(Protocol):
    """What giving back needs."""

    async def write_hpa(self, hpa: Json, change: Change, ownership: Ownership) -> Json: ...

    async def write_finalizers(self, policy: Json, finalizers: list[str]) -> None: ...


@dataclass(frozen=True)
class Step:
    """What one step did with an HPA: from which floor to which, whether nothing of ours is left, and why it failed."""

    hpa: str
    before: int
    after: int
    done: bool
    failed: str = ""


def age_of(lease: Json, now: datetime) -> timedelta:
    """How long ago the lease was renewed; very long where it never was."""
    renewed = lease.get("spec", {}).get("renewTime")
    return timedelta.max if renewed is None else now - datetime.fromisoformat(renewed)


async def step_back(
    cluster: Cluster, hpas: Mapping[Key, Json], policies: Mapping[Key, Json], share: float, now: datetime
) -> list[Step]:
    """One step for every HPA that holds something of ours. `share` of a minute's ramp; infinite: all at once."""
    return [
        await step_of(cluster, key, hpa, policies, share, now)
        for key, hpa in sorted(hpas.items())
        if read(hpa) is not None
    ]


async def step_of(
    cluster: Cluster, key: Key, hpa: Json, policies: Mapping[Key, Json], share: float, now: datetime
) -> Step:
    """One step for one HPA on which something is noted. What cannot be written must not keep the others as they are."""
    noted = read(hpa)
    assert noted is not None, "something is noted"
    originals = taken(hpa, noted.policy, noted.metric)
    name, after = "/".join(key), _after(hpa, originals, policies, share, now)
    done = after <= originals.floor
    change = given_back(originals) if done else raising(originals, after, None)[0]
    try:
        written = await cluster.write_hpa(hpa, change, Ownership.SHARE)
    except (BadPolicy, ClusterError) as error:
        _LOG.warning("%s: not given back: %s", name, error)
        return Step(name, originals.ours, originals.ours, False, str(error))
    return Step(name, originals.ours, written["spec"].get("minReplicas", 1), done)


async def let_go(cluster: Cluster, hpas: Mapping[Key, Json], policies: Mapping[Key, Json]) -> None:
    """No policy of which nothing is left on an HPA waits for a controller when it is deleted."""
    noted = {one.policy for one in map(read, hpas.values()) if one is not None}
    for key, policy in sorted(policies.items()):
        finalizers = policy["metadata"].get("finalizers", [])
        if FINALIZER not in finalizers or "/".join(key) in noted:
            continue
        try:
            await cluster.write_finalizers(policy, [one for one in finalizers if one != FINALIZER])
        except ClusterError as error:
            _LOG.warning("%s: its finalizer stays: %s", "/".join(key), error)


def holding(hpas: Mapping[Key, Json]) -> list[str]:
    """The HPAs on which something of ours is noted."""
    return sorted(
        "/".join(key) for key, hpa in hpas.items() if ANNOTATION in (hpa["metadata"].get("annotations") or {})
    )


def _after(hpa: Json, originals: Originals, policies: Mapping[Key, Json], share: float, now: datetime) -> int:
    percent = _percent(originals, policies) * share
    if percent >= 100:
        return originals.floor
    return lowered(originals, percent, wish_of(hpa, originals, Alone(), now).replicas)


def _percent(originals: Originals, policies: Mapping[Key, Json]) -> float:
    namespace, _, name = originals.policy.partition("/")
    policy = policies.get((namespace, name))
    try:
        return USUAL_PERCENT if policy is None else resolve_object(policy).policy.ramp_down.percent_per_minute
    except BadPolicy:
        return USUAL_PERCENT
