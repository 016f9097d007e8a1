"""Rollouts of a workload in the history of its load: which were seen, and which of them are not expected again. Pure.

A rollout throws clients out, and they come back in a wave. That is no demand, and at the same minute tomorrow there
will be none of it; unless there is a rollout at that minute again, as there is where one is made every night. So the
first about its time of day is left out of the history, and those that follow it are a season like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from forecaster.incidents import Incident

Json = dict[str, Any]
AGAIN_AFTER = tuple(timedelta(days=days) for days in (1, 2, 7, 14))
"""What a forecast looks back on one by one: whatever recurs at these distances it had better know."""
ABOUT = timedelta(minutes=30)
"""Two rollouts begin about the same time of day if they are no further apart than this."""
BEFORE = timedelta(minutes=2)
"""Pods of the old template may begin to go before the first of the new one is made."""
SETTLES = timedelta(minutes=10)
"""After the last pod is ready, until the clients that come back are spread as they were."""
KEPT = timedelta(days=35)
"""As far as a forecast looks back."""
MOST = 60
"""In a status; for three weeks of three rollouts a day."""


@dataclass(frozen=True)
class Rollout:
    """From the creation of the first pod of a template until all pods are of it and ready."""

    start: datetime
    end: datetime
    template: str


@dataclass(frozen=True)
class Rollouts:
    """What is known of a workload: the template of its pods, and its rollouts, the oldest first; none at first."""

    template: str = ""
    seen: tuple[Rollout, ...] = ()

    def after(self, template: str, rollout: Rollout | None, now: datetime) -> Rollouts:
        """With what was seen by now, once, and without what is of no use any more."""
        known = rollout is None or _which(rollout) in map(_which, self.seen)
        seen = self.seen if known or rollout is None else (*self.seen, rollout)
        return Rollouts(template, tuple(one for one in seen if now - one.end < KEPT)[-MOST:])

    @property
    def forgotten(self) -> tuple[Incident, ...]:
        """What is not to be expected again."""
        return tuple(span_of(one) for one in self.seen if not recurs(one, self.seen))


def span_of(rollout: Rollout) -> Incident:
    """Of the history, what a rollout touches."""
    return Incident(rollout.start - BEFORE, rollout.end + SETTLES, f"rollout of {rollout.template}")


def recurs(rollout: Rollout, among: Sequence[Rollout]) -> bool:
    """Whether there was one about this time of day a day, two days, a week or two weeks before.

    A later one changes nothing, so that what was said of a rollout stays.
    """
    return any(abs(rollout.start - one.start - days) <= ABOUT for one in among for days in AGAIN_AFTER)


def read(status: Mapping[str, Any]) -> Rollouts:
    """What a policy's status has noted, without what we do not write: whoever may edit a status must stop no tick."""
    noted = status.get("rollouts") or {}
    seen = (found for one in noted.get("seen") or [] if (found := _read(one)) is not None)
    return Rollouts(noted.get("template") or "", tuple(seen))


def _read(one: Mapping[str, Any]) -> Rollout | None:
    try:
        found = Rollout(_time(one["start"]), _time(one["end"]), one["template"])
        return found if found.start <= found.end else None
    except (KeyError, TypeError, ValueError):
        return None


def noted(rollouts: Rollouts, *, forget: bool) -> Json:
    """For a policy's status, what `read` reads; where no template is known, nothing."""
    if not rollouts.template:
        return {}
    seen = [
        {
            "start": _text(one.start),
            "end": _text(one.end),
            "template": one.template,
            "forgotten": forget and not recurs(one, rollouts.seen),
        }
        for one in rollouts.seen
    ]
    return {"rollouts": {"template": rollouts.template, "seen": seen}}


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What a status says of rollouts that the one before did not, in sentences."""
    known = {_which(one) for one in read(before).seen}
    told = after.get("rollouts", {}).get("seen", [])
    return [_sentence(one) for one in told if (_time(one["start"]), one["template"]) not in known]


def _which(rollout: Rollout) -> tuple[datetime, str]:
    """Two may begin in one second, which is all that the API server says of a time."""
    return rollout.start, rollout.template


def _sentence(one: Mapping[str, Any]) -> str:
    start, end = _time(one["start"]), _time(one["end"])
    said = f"rollout of {one['template']}, {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC"
    if not one["forgotten"]:
        return f"{said}: stays in the history of the load"
    span = span_of(Rollout(start, end, one["template"]))
    return f"{said}: what the load was from {span.start:%H:%M} to {span.end:%H:%M} is not expected again"


def _time(text: str) -> datetime:
    """Raises ValueError for what is no moment, such as a time without a zone."""
    found = datetime.fromisoformat(text)
    if found.utcoffset() is None:
        raise ValueError(f"{text}: without a time zone")
    return found.astimezone(UTC)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
