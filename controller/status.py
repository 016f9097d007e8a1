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
CONTESTED = "Contested"
REASONS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    READY: (
        "The policy is followed.",
        {
            "Followed": "it is",
            "BadPolicy": "it contradicts itself or its HPA; the message says where, and what is allowed",
            "HpaNotFound": "there is no HPA of that name; the message says which there are",
            "ScaledObjectNotFound": "there is no such ScaledObject, or KEDA has made no HPA for it",
            "HpaOwned": "another controller owns the HPA; the message names it",
            "DuplicatePolicy": "an older policy holds the same HPA",
            "QueryRefused": "Prometheus cannot make sense of a query; the floor is held, then given back",
            "NotFollowed": "a value in the HPA cannot be followed; the message says which",
            "InternalError": "a bug of ours; the log has more",
        },
    ),
    FORECASTING: (
        "A forecast serves.",
        {
            "Accept": "the network's",
            "Baseline": "a simple rule's, because it has been worth more",
            "Abstain": "neither was worth following in the last two days",
            "WarmingUp": "the first is being made, or nothing new is known",
            "NoForecast": "no signal has one",
            "NotReady": "the policy is not followed",
        },
    ),
    ACTING: (
        "Something of Foresail's is in force on the HPA, or may be.",
        {
            "Active": "the mode is Active",
            "HandingBack": "the floor goes back by its ramp",
            "Observe": "the mode is Observe",
            "AtZero": "the workload is at zero, and no floor could wake it",
            "Paused": "the mode is Paused, and the HPA is its owner's",
            "WriteFailed": "the API server did not take the newest write; it is tried again",
            "NotReady": "the policy is not followed",
        },
    ),
    LIMITED: (
        "More replicas may be needed than the maximum allows.",
        {"BeyondMaximum": "the message says how many, and from when on", "WithinMaximum": "no"},
    ),
    DEGRADED: (
        "A signal cannot be read: its last forecast is used while it is fresh, the floor is held. Or the HPA cannot.",
        {
            "AllSignalsRead": "no",
            "PrometheusUnavailable": "Prometheus does not answer",
            "QueryRefused": "it cannot make sense of the query",
            "BadSource": "what answers is no Prometheus",
            "BadSeries": "the query gives several series, or a raw counter",
            "NoData": "the query gives nothing",
            "StaleData": "the newest value is old",
            "HpaNotUnderstood": "the HPA's spec has what this version does not know; the message says what",
        },
    ),
    CONTESTED: (
        "Another writes the floor too.",
        {
            "Uncontested": "nobody does, or resets are put right at once",
            "ResetTooOften": "it was reset so often within an hour that it is put back with the ticks only",
            "FieldHeld": "another holds the field, and ownership is Respect",
            "Claimed": "Foresail claims it, as the ownership asks; another's apply that names it fails",
        },
    ),
}
"""Type -> what it says when it is True, and every reason with its meaning: the reference is made of this."""


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
