"""What is noted on an HPA that no policy in force holds: it goes back by the ramp, a step a minute.

Of a policy that cannot be followed any more, of one whose finalizer was taken off by hand, and on an HPA that was
copied with its note: nobody else would ever lower these floors. What has an owner, as KEDA's HPAs have, is the owner's.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from controller.originals import read
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
