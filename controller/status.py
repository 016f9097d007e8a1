"""The status of a policy: conditions that say what is being done and why not, and when it is worth writing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]
AT_MOST_EVERY = timedelta(minutes=5)
"""A status that only counts on is written no more often."""
_LIVE = ("decision", "decidedAt", "memory", "skill", "coverage", "forecastPeak", "hpaAlone", "ready", "leadTime")
"""What changes all the time, and is no transition."""


@dataclass(frozen=True)
class Condition:
    """One condition as it is now; its time is that of its last flip, which `conditions` knows."""

    type: str
    status: bool | None
    reason: str
    message: str = ""

    @property
    def word(self) -> str:
        return "Unknown" if self.status is None else str(self.status)


READY, FORECASTING, ACTING, LIMITED, DEGRADED = "Ready", "Forecasting", "Acting", "Limited", "Degraded"


def conditions(before: Sequence[Json], now: Iterable[Condition], at: datetime, generation: int) -> list[Json]:
    """The conditions as Kubernetes has them: the time changes only where the status does."""
    known = {one["type"]: one for one in before}
    written = []
    for one in now:
        old = known.get(one.type)
        flipped = old is None or old["status"] != one.word
        since = _time(at) if flipped or old is None else old["lastTransitionTime"]
        written.append(
            {
                "type": one.type,
                "status": one.word,
                "reason": one.reason,
                "message": one.message[:1024],
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return written


def due(old: Mapping[str, Any], new: Mapping[str, Any], written_at: datetime | None, now: datetime) -> bool:
    """Whether a status is to be written: at a transition, and else where it differs and some minutes have passed."""
    if _still(old) != _still(new):
        return True
    return old != new and (written_at is None or now - written_at >= AT_MOST_EVERY)


def _still(status: Mapping[str, Any]) -> Json:
    """What of a status a transition changes: of its conditions no wording."""
    kept = {key: value for key, value in status.items() if key not in _LIVE}
    kept["conditions"] = [(one["type"], one["status"], one["reason"]) for one in status.get("conditions", [])]
    return kept


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
