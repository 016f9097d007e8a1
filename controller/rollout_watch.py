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
        self._begun: dict[Target, datetime] = {}

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
        mixed = len(ours) < len(there)
        began, seen_before = self._begun.get(target), target in self._begun
        if began is None:
            if newest == template or not (template or mixed):
                return newest, None
            began = self._begun[target] = min(one.created for one in ours)
        going_on = mixed or any(one.ready_since is None and not one.going for one in ours)
        if going_on and now - began < LONGEST:
            return template, None
        del self._begun[target]
        ended = now if seen_before else max((one.ready_since for one in ours if one.ready_since), default=now)
        return newest, Rollout(began, min(ended, began + LONGEST), newest)
