"""How a policy is, in a word, and what to do where it is not well. Pure.

A policy counts as not followed where `kubectl` shows it as not Ready: refused by the controller, or with a query that
Prometheus refuses.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.adapters.ledger import Entry
from controller.domain import Mode, Policy
from dashboard.frames import needed
from dashboard.words import amount, minutes, pods, sentence

Json = dict[str, Any]


class Level(enum.IntEnum):
    """From what needs nobody to what needs somebody now."""

    WELL = 0
    RESTING = 1
    WATCH = 2
    BROKEN = 3


@dataclass(frozen=True)
class Health:
    """How something is: a word or two, what was found, and what to do; the last two are empty where all is well.

    reason  in CamelCase, as the condition of the policy has it; empty where it has none
    """

    level: Level
    word: str
    found: str = ""
    remedy: str = ""
    reason: str = ""

    @property
    def title(self) -> str:
        """The word with its reason."""
        return f"{self.word} ({self.reason})" if self.reason else self.word

    def sentences(self) -> str:
        """What was found and what to do."""
        return " ".join(sentence(text) for text in (self.found, self.remedy) if text)


NOT_FOLLOWED = "not followed"
REMEDIES: Mapping[str, str] = {
    "QueryRefused": "Correct the query in the policy's signals; ask it of Prometheus itself to see it work",
    "PrometheusUnavailable": "See whether Prometheus runs, and whether the controller reaches it: prometheus.url, its"
    " token, a NetworkPolicy",
    "BadSource": "Correct prometheus.url: it is to be that of a Prometheus",
    "BadSeries": "Make the query give one series, with sum(…), and a counter's rate, with rate(…[1m])",
    "NoData": "Correct the names of metrics and labels in the query, or see why nothing exposes them",
    "StaleData": "See in Prometheus, under Status > Targets, why the workload is not scraped",
}
"""By the reason of the condition Degraded: what brings a signal back that cannot be read."""
_MEANWHILE = "Meanwhile the floor is held, for an hour at most, and the HPA goes on by itself"
_UNWRITTEN = (
    "Every tick tries again; meanwhile the HPA goes on with the floor that it has. Where it is forbidden, the"
    " controller's ServiceAccount lacks a right that the chart gives"
)
_BEYOND = "Raise the HPA's maxReplicas and the policy's bounds.maxReplicas, or expect overload"
_ALONE = "what the HPA would hold by itself is not known, so that the floor is only held or raised"
_UNKNOWN = (
    "See the conditions of the policy and of the HPA with kubectl describe: the HPA reports no metric, or has a field"
    " that this version does not understand (HpaNotUnderstood)"
)
_RESTING = {
    Mode.OBSERVE.value: ("observes", "Nothing is changed: the mode is Observe, and what it would do is shown"),
    Mode.PAUSED.value: ("paused", "The mode is Paused: the floor goes back, or has gone back, to its owner's"),
}


def of_told(one: Json) -> Health:
    """Of a policy, as the controller's read API tells it."""
    if "refused" in one:
        return Health(Level.BROKEN, NOT_FOLLOWED, one["because"], reason=one["refused"])
    reasons = sorted(text.partition(":")[0] for text in one["problems"].values())
    found = "; ".join(f"{signal}: {text.partition(': ')[2]}" for signal, text in one["problems"].items())
    if "QueryRefused" in reasons:
        remedy = f"{REMEDIES['QueryRefused']}. {_MEANWHILE}"
        return Health(Level.BROKEN, NOT_FOLLOWED, found, remedy, "QueryRefused")
    if one["failed"]:
        return Health(Level.BROKEN, "not written", one["failed"], _UNWRITTEN, "WriteFailed")
    if reasons:
        remedy = ". ".join((*(REMEDIES[reason] for reason in dict.fromkeys(reasons) if reason in REMEDIES), _MEANWHILE))
        return Health(Level.WATCH, "degraded", found, remedy, reasons[0])
    if one["limited"]:
        found = f"up to {one['limited']} replicas may be needed, more than the maximum allows"
        return Health(Level.WATCH, "at its limit", found, _BEYOND, "BeyondMaximum")
    return _at_rest(one)


def of_run(policy: Policy, entry: Entry) -> Health:
    """Of a workload at one decision: whether its pods carry the load, and whether anything is known of it."""
    need, ready = needed(policy, entry), entry.observed.ready
    if need is None:
        return Health(Level.WATCH, "load unknown", "the load is not known, nor whether anything is short",
                      "See why Prometheus gives nothing; the floor is held, and the HPA goes on by itself")  # fmt: skip
    if need > ready:
        return Health(Level.BROKEN, "short", f"short of {pods(need - ready)}", _pods_to_come(policy, entry, need))
    old = _old(policy, entry)
    if old:
        return Health(Level.WATCH, "old data", old, "See whether the workload is still scraped")
    if entry.decision.wanted is None and policy.mode is not Mode.PAUSED:
        return Health(Level.WATCH, "no forecast", "nothing is short, but no forecast is acted on",
                      "Nothing to do: the HPA goes on by itself, and the reasons stand below")  # fmt: skip
    return Health(Level.WELL, "well")


def _at_rest(one: Json) -> Health:
    if one["held"]:
        return Health(Level.RESTING, "begins", sentence(one["held"]))
    if one["mode"] in _RESTING:
        return Health(Level.RESTING, *_RESTING[one["mode"]])
    if one["hpa_alone"] is None:
        return Health(Level.WATCH, "HPA unknown", _ALONE, _UNKNOWN)
    return Health(Level.WELL, "well")


def _pods_to_come(policy: Policy, entry: Entry, need: int) -> str:
    asked, ready, most = entry.observed.replicas, entry.observed.ready, policy.bounds.max_replicas
    if asked > ready:
        enough = "" if asked >= need else f", which is {pods(need - asked)} too few"
        return (
            f"{pods(asked - ready)} more {'was' if asked - ready == 1 else 'were'} asked for{enough}; a pod takes"
            f" {minutes(policy.lead_time)}. Where that is long over, see why they do not start:"
            " kubectl get pods, kubectl get events"
        )
    if asked >= most:
        return f"The maximum of {most} is reached: raise the HPA's maxReplicas and the policy's bounds.maxReplicas"
    return "No more pods are asked for yet: the HPA looks every 15 s; where it stays so, kubectl describe hpa says why"


def _old(policy: Policy, entry: Entry) -> str:
    now = entry.now
    late = [one for one in entry.observed.readings if now - one.at > policy.stale_after]
    told = (f"{one.signal} was last measured {minutes(now - one.at)} ago, as {amount(one.value)}" for one in late)
    return "; ".join(told)
