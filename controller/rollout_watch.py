"""When a workload was rolled out, as its pods tell: others of another template came, until all were of it. Pure.

The label that a Deployment gives its pods says of which template they are. Who was not there while it happened finds it
by the template that was noted before; who was neither there nor noted anything knows of no rollout.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from controller.lead_time import Target
from controller.ready_pods import PodSeen
from controller.rollouts import Rollout

LONGEST = timedelta(hours=1)
"""What takes longer is stuck, or drains: its clients go one by one, and nothing of it is to be seen."""


class RolloutWatch:
    """The rollouts that are under way."""

    def __init__(self) -> None:
        self._begun: dict[Target, tuple[datetime, datetime]] = {}
        """Since when, and when they were last looked at."""

    def look(
        self, target: Target, pods: Collection[PodSeen], template: str, now: datetime
    ) -> tuple[str, Rollout | None]:
        """The template of the workload by now, and the rollout that has come to its end, if one has.

        `template` is that of before, empty where that is not known. While a rollout is under way, it stays.
        """
        there = [one for one in pods if one.template]
        if not there:
            return template, None
        newest = max(there, key=lambda one: one.created).template
        ours = [one for one in there if one.template == newest]
        others = [one.created for one in there if one.template != newest]
        began = under_way = self._under_way(target, now)
        if began is None:
            if newest == template or not (template or others):
                return newest, None
            began = _first(ours, others)
        going_on = bool(others) or any(one.ready_since is None and not one.going for one in ours)
        if going_on and now - began < LONGEST:
            self._begun[target] = began, now
            return template, None
        new = {one.template for one in there} - {one.template for one in there if one.created < began}
        if others and not new:
            return newest, None  # a canary that waits, and an HPA that scales both templates
        ended = now if under_way else max((one.ready_since for one in ours if one.ready_since), default=now)
        rolled_out = min(new) if others and newest not in new else newest
        return newest, Rollout(began, max(began, min(ended, began + LONGEST)), rolled_out)

    def _under_way(self, target: Target, now: datetime) -> datetime | None:
        """Since when; None where none is, or none that was looked at for so long that it is another one by now."""
        began, looked_at = self._begun.pop(target, (None, now))
        return began if now - looked_at < LONGEST else None


def _first(ours: Collection[PodSeen], others: Collection[datetime]) -> datetime:
    """When the first of the newest template was made; of one that comes back, since the last of the others was."""
    last = max(others, default=None)
    return min(one.created for one in ours if last is None or one.created >= last)
