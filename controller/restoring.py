"""Gives HPAs back where no controller is left to do it: what `foresail controller restore` does.

All that it needs is noted on the HPAs, and once more in the status of their policies. A step lowers each floor by the
ramp of its policy; the last one leaves the spec as its owner has it.
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
from controller.originals import FINALIZER, Originals, given_back, lowered, raising, read, taken, told, without_ours
from controller.policy import resolve_object
from controller.subjects import Key, named_by, owner_of

Json = dict[str, Any]
_LOG = logging.getLogger(__name__)
USUAL_PERCENT = 10.0
"""Of a floor, per minute, where its policy is gone or cannot be read."""
BELIEVED = timedelta(days=1)
"""The longer nobody has written a status, the likelier a value that it tells of has become the owner's own."""


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
        await step_of(cluster, key, hpas[key], noted, share * percent_of(noted, policies), now)
        for key, noted in sorted(left(hpas, policies, now).items())
    ]


def left(hpas: Mapping[Key, Json], policies: Mapping[Key, Json], now: datetime) -> dict[Key, Originals]:
    """What of ours is in force on which HPA: as it is noted there and, where the note was lost with a replace, as the
    status of its policy says. That is believed for a day, and where the HPA still has the value that it tells of."""
    found = {key: noted for key, hpa in hpas.items() if (noted := read(hpa)) is not None}
    for policy in policies.values():
        for key in named_by([policy]) - found.keys():
            if key in hpas and not owner_of(hpas[key]) and (said := _told(policy, hpas[key], now)) is not None:
                found[key] = said
    return found


def _told(policy: Json, hpa: Json, now: datetime) -> Originals | None:
    metric = policy["spec"].get("target", {}).get("metric")
    said, at = told(policy, metric), policy.get("status", {}).get("decidedAt")
    if said is None or at is None or now - datetime.fromisoformat(at) > BELIEVED:
        return None
    return said if taken(hpa, said.policy, metric, said).holds else None


async def step_of(cluster: Cluster, key: Key, hpa: Json, noted: Originals, percent: float, now: datetime) -> Step:
    """One step, of so many percent of the floor, for one HPA that holds what is noted. What cannot be written must not
    keep the others as they are."""
    originals = taken(hpa, noted.policy, noted.metric, noted)
    name, after = "/".join(key), _after(hpa, originals, percent, now)
    done = after <= originals.floor
    change = given_back(originals) if done else raising(originals, after, None)[0]
    try:
        written = await cluster.write_hpa(hpa, change, Ownership.SHARE)
    except (BadPolicy, ClusterError) as error:
        _LOG.warning("%s: not given back: %s", name, error)
        return Step(name, originals.ours, originals.ours, False, str(error))
    return Step(name, originals.ours, written["spec"].get("minReplicas", 1), done)


async def let_go(cluster: Cluster, hpas: Mapping[Key, Json], policies: Mapping[Key, Json], now: datetime) -> None:
    """No policy of which nothing is left on an HPA waits for a controller when it is deleted."""
    waited_for = {one.policy for one in left(hpas, policies, now).values()}
    for key, policy in sorted(policies.items()):
        if FINALIZER not in policy["metadata"].get("finalizers", []) or "/".join(key) in waited_for:
            continue
        try:
            await cluster.write_finalizers(policy, without_ours(policy))
        except ClusterError as error:
            _LOG.warning("%s: its finalizer stays: %s", "/".join(key), error)


def _after(hpa: Json, originals: Originals, percent: float, now: datetime) -> int:
    if percent >= 100:
        return originals.floor
    return lowered(originals, percent, wish_of(hpa, originals, Alone(), now).replicas)


def percent_of(noted: Originals, policies: Mapping[Key, Json]) -> float:
    """How much of a floor the ramp of its policy gives back in a minute."""
    namespace, _, name = noted.policy.partition("/")
    policy = policies.get((namespace, name))
    try:
        return USUAL_PERCENT if policy is None else resolve_object(policy).policy.ramp_down.percent_per_minute
    except BadPolicy:
        return USUAL_PERCENT
