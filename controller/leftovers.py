"""What is noted on an HPA that no policy in force holds: it goes back by the ramp, a step a minute.

Of a policy that cannot be followed any more, of one whose finalizer was taken off by hand, and on an HPA that was
copied with its note: nobody else would ever lower these floors. What has an owner, as KEDA's HPAs have, is the owner's.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.deciding import GIVEN_UP
from controller.domain import Ownership
from controller.errors import ClusterError
from controller.originals import FINALIZER, given_back, read, taken, without_ours
from controller.restoring import Cluster, percent_of, step_of
from controller.subjects import Key, owner_of

Json = dict[str, Any]
_MINUTE = timedelta(minutes=1)
_LOG = logging.getLogger(__name__)


class Leftovers:
    """When each of them was first seen, or lowered last: what is put right within a minute loses nothing."""

    def __init__(self) -> None:
        self._since: dict[Key, datetime] = {}

    async def walk(
        self,
        cluster: Cluster,
        hpas: Mapping[Key, Json],
        policies: Mapping[Key, Json],
        held: Collection[Key],
        now: datetime,
    ) -> None:
        """A step for each that is due; `held` are the HPAs of which a policy has decided in this tick."""
        free = {key: hpa for key, hpa in hpas.items() if key not in held and not owner_of(hpa)}
        left = {key: (hpa, one) for key, hpa in free.items() if (one := read(hpa)) is not None}
        self._since = {key: self._since.get(key, now) for key in left}
        for key, (hpa, one) in sorted(left.items(), key=lambda each: each[0]):
            if now - self._since[key] < _MINUTE:
                continue
            self._since[key] = now
            step = await step_of(cluster, key, hpa, one, percent_of(one, policies), now)
            if not step.failed:
                _LOG.warning(
                    "%s: no policy holds it, and its floor goes back: %d, %d", step.hpa, step.before, step.after
                )


async def unfollowed(cluster: Cluster, hpas: Mapping[Key, Json], policy: Json, now: datetime) -> None:
    """A policy that is not followed and is being deleted waits until its floor has gone back, but not for ever."""
    since = policy["metadata"].get("deletionTimestamp")
    if since is None or FINALIZER not in policy["metadata"].get("finalizers", []):
        return
    name = f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"
    left = [(hpa, noted) for hpa in hpas.values() if (noted := read(hpa)) and noted.policy == name]
    if left and now - datetime.fromisoformat(since) <= GIVEN_UP:
        return
    try:
        for hpa, noted in left:
            await cluster.write_hpa(hpa, given_back(taken(hpa, name, noted.metric)), Ownership.SHARE)
        await cluster.write_finalizers(policy, without_ours(policy))
    except ClusterError as error:
        _LOG.warning("%s: not let go: %s", name, error)
