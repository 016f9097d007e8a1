"""One tick for all policies: what is known -> forecasts -> decisions -> the few writes that differ.

Everything that is decided is decided by `deciding`; here it is read, written and told. Policies stand alone: what goes
wrong with one is said in its status and in the log, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from controller.adapters.kube.hpa_writer import MANAGER
from controller.adapters.prometheus_feed import Fed, SignalKey
from controller.contest import Resets, contested
from controller.deciding import Kept, Outcome, decide, followed
from controller.decision.capacity import planning_window
from controller.decision.plan import first_memory
from controller.domain import Mode, Ownership
from controller.errors import ClusterError, Conflict, ControllerError
from controller.floor_events import Release, floor_events
from controller.hpa_patch import Change, floor_of
from controller.leftovers import Leftovers, unfollowed
from controller.live_forecasts import LiveForecasts, Wanted
from controller.onlooker import Decided, Onlooker
from controller.originals import FINALIZER, Originals, as_number, raising, read, taken, was_reset, without_ours
from controller.ready_pods import Counted
from controller.rollouts import Rollouts, news, noted
from controller.rollouts import read as noted_rollouts
from controller.scaled_objects import held_key
from controller.statuses import Scribe, Statuses
from controller.subjects import Key, Refusal, Subject, subjects
from controller.telling import Aside, Told, refused, remembered, status_of, undone
from forecaster.incidents import behind, without
from forecaster.series import Series

Json = dict[str, Any]
_METRIC_LAG = timedelta(seconds=30)
_STEP = timedelta(minutes=1)
_LOG = logging.getLogger(__name__)


class Cluster(Scribe, Protocol):
    """The cluster as a tick sees it: copies of all objects, and what may be written."""

    @property
    def policies(self) -> Mapping[Key, Json]: ...

    @property
    def hpas(self) -> Mapping[Key, Json]: ...

    def lead_time(self, hpa: Json) -> timedelta | None:
        """Of the pods that the HPA scales, as they have shown; None while that is unknown."""

    def counted(self, hpa: Json, now: datetime) -> Counted:
        """Pods that the means of its metrics are of by now."""

    def rollouts(self, hpa: Json, known: Rollouts, now: datetime) -> Rollouts:
        """Of what it scales: those that are known, and what its pods tell by now."""

    async def write_hpa(self, hpa: Json, change: Change, ownership: Ownership) -> Json: ...

    async def write_finalizers(self, policy: Json, finalizers: list[str]) -> None: ...


class Signals(Protocol):
    """Whoever knows the histories; called in a thread."""

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]: ...


@dataclass
class _Policy:
    """What is kept of one policy between ticks.

    `rollouts` is what its status has noted, and what was seen since; None before the first tick.
    """

    kept: Kept | None = None
    release: Release | None = None
    resets: Resets = field(default_factory=Resets)
    rollouts: Rollouts | None = None


class Reconciler:
    """All policies of one controller; `onlooker` is told of every decision."""

    def __init__(
        self,
        cluster: Cluster,
        feed: Signals,
        forecasts: LiveForecasts,
        prometheus: str,
        onlooker: Onlooker = Onlooker(),  # noqa: B008  it has no state
    ) -> None:
        self._cluster = cluster
        self._feed = feed
        self._forecasts = forecasts
        self._prometheus = prometheus
        self._onlooker = onlooker
        self._planned_s = 0.0
        self._known: dict[Key, _Policy] = {}
        self._statuses = Statuses(cluster)
        self._noted: dict[str, Originals] = {}
        """By the uid of the HPA: what was noted last and is in force; a replace drops the note, with the floor."""
        self._leftovers = Leftovers()

    async def tick(self, now: datetime, *, dry: bool = False) -> dict[Key, Outcome | Refusal]:
        """Every policy once. With `dry` nothing is written."""
        subjects_now = subjects(self._cluster.policies, self._cluster.hpas)
        found = {key: self._watched(key, one, now) for key, one in subjects_now.items()}
        for gone in self._known.keys() - found.keys():
            del self._known[gone]
        followed_ones = {key: one for key, one in found.items() if isinstance(one, Subject)}
        for uid in self._noted.keys() - {one.hpa["metadata"].get("uid") for one in followed_ones.values()}:
            del self._noted[uid]
        began = time.monotonic()
        fed = await self._read(followed_ones, now)
        read_at, self._planned_s = time.monotonic(), 0.0
        self._statuses.begin(found.keys())
        outcomes = await asyncio.gather(*(self._safely(key, one, fed, now, dry) for key, one in found.items()))
        await self._statuses.write(now)
        rest = time.monotonic() - read_at - self._planned_s
        for step, seconds in (("read", read_at - began), ("plan", self._planned_s), ("write", rest)):
            self._onlooker.timed(step, seconds)
        if not dry:
            held = {
                held_key(one.hpa)
                for one, outcome in zip(found.values(), outcomes, strict=True)
                if isinstance(one, Subject) and isinstance(outcome, Outcome)
            }
            await self._leftovers.walk(self._cluster, self._cluster.hpas, self._cluster.policies, held, now)
        return dict(zip(found, outcomes, strict=True))

    def resign(self) -> None:
        """Forgets what it kept of every policy: whoever leads now goes on from the objects, and so will this one."""
        self._known.clear()
        self._noted.clear()
        self._statuses.clear()

    def was_reset(self, hpa: Json) -> bool:
        """Whether something of ours was in force and does not stand there any more, or is not noted any more."""
        return was_reset(hpa) or (read(hpa) is None and hpa["metadata"].get("uid") in self._noted)

    async def reassert(self, hpa: Json, now: datetime) -> bool:
        """Puts back at once what an owner's apply has reset, before the HPA's next sync; whether anything was."""
        noted = read(hpa) or self._noted.get(hpa["metadata"].get("uid", ""))
        if noted is None or not self.was_reset(hpa):
            return False
        key = next((k for k in self._known if f"{k[0]}/{k[1]}" == noted.policy), None)
        if key is None:
            return False
        hpas = {**self._cluster.hpas, held_key(hpa): hpa}
        subject, mine = subjects(self._cluster.policies, hpas).get(key), self._known[key]
        if not isinstance(subject, Subject) or subject.workload.policy.mode is not Mode.ACTIVE:
            return False
        if subject.hpa is not hpa:  # a copy, with the note of the one that the policy holds
            return False
        if mine.resets.too_many(now):
            return False
        policy = followed(subject, noted)
        floor = min(noted.ours, policy.bounds.max_replicas)
        originals = taken(hpa, noted.policy, noted.metric, noted)
        change, after = raising(originals, floor, as_number(noted.ours_target))
        note = undone(hpa, noted, after, MANAGER)
        uid = hpa["metadata"].get("uid", "")
        before = self._noted.pop(uid, None) if not note else None
        if not await self._stands_again(hpa, change, subject.workload.ownership):
            if before is not None:
                self._noted[uid] = before
            return False
        if not note:
            note = (
                f"the owner asks for minReplicas {floor_of(hpa)} by now, where Foresail asked for {floor}: that counts"
            )
            await self._cluster.tell(subject.object, Told("Normal", "OwnerAsksForMore", note, "Reassert"))
            return False
        mine.resets.add(now)
        await self._cluster.tell(subject.object, Told("Normal", "FloorReset", note, "Reassert"))
        self._onlooker.reset(key)
        return True

    async def _stands_again(self, hpa: Json, change: Change, ownership: Ownership) -> bool:
        """Writes; whether what is ours stands there by now, written by us or by a tick that was on its way.

        Where another, such as the HPA controller, has changed the HPA since, that change comes as news of its own, with
        the next attempt. A tick that was hurried instead would put the floor back first, and tell nobody of a reset.
        """
        try:
            await self._cluster.write_hpa(hpa, change, ownership)
        except Conflict:
            if ownership is Ownership.RESPECT:  # the field may be held, of which nothing else tells
                raise
            return not self.was_reset(self._cluster.hpas.get(held_key(hpa), hpa))
        return True

    def _watched(self, key: Key, one: Subject | Refusal, now: datetime) -> Subject | Refusal:
        """With what its pods have told: how many they are, rollouts, and the lead time where it is left to us."""
        if isinstance(one, Refusal):
            return one
        lead_time = self._cluster.lead_time(one.hpa) if one.workload.lead_time is None else None
        mine = self._known.setdefault(key, _Policy())
        known = noted_rollouts(one.object.get("status", {})) if mine.rollouts is None else mine.rollouts
        mine.rollouts = self._cluster.rollouts(one.hpa, known, now)
        pods = self._cluster.counted(one.hpa, now)
        return replace(one, lead_time=lead_time, pods=pods, rollouts=mine.rollouts)

    async def _read(self, found: Mapping[Key, Subject], now: datetime) -> Mapping[SignalKey, Fed]:
        keys = {one for subject in found.values() for one in self._keys(subject).values()}
        fed = await asyncio.to_thread(self._feed.read, keys, now)
        asked: dict[Wanted, Series] = {}
        for subject in found.values():
            for key in self._keys(subject).values():
                series, one = fed[key].series, _wanted(subject, key, fed[key])
                if series is not None and one not in asked:
                    asked[one] = without(series, one.unseen) if one.unseen else series
        self._forecasts.ask(asked)
        return fed

    async def _safely(
        self, key: Key, one: Subject | Refusal, fed: Mapping[SignalKey, Fed], now: datetime, dry: bool
    ) -> Outcome | Refusal:
        mine = self._known.setdefault(key, _Policy())
        policy = self._cluster.policies.get(key)
        try:
            if isinstance(one, Subject):
                return await self._one(key, one, mine, fed, now, dry)
            result: Refusal = one
        except ControllerError as error:
            result = Refusal("NotFollowed", str(error))
        except Exception as error:  # noqa: BLE001  one policy must not end the others
            _LOG.exception("%s/%s: the tick failed", *key)
            result = Refusal("InternalError", f"{type(error).__name__}: {error}; the log has more")
        if isinstance(one, Subject):
            self._noted.pop(one.hpa["metadata"].get("uid", ""), None)
        if policy is not None and not dry:
            await self._statuses.tell(key, policy, refused(policy, result, now), now)
            await unfollowed(self._cluster, self._cluster.hpas, policy, now)
        return result

    async def _one(
        self, key: Key, subject: Subject, mine: _Policy, fed: Mapping[SignalKey, Fed], now: datetime, dry: bool
    ) -> Outcome:
        kept = mine.kept
        if kept is None:
            policy = subject.workload.policy
            memory = remembered(subject.object, policy.bounds.min_replicas, now) or first_memory(policy, now)
            kept = Kept(replace(memory, decided_at=None))
        keys = self._keys(subject)
        asked = {name: _wanted(subject, key, fed[key]) for name, key in keys.items()}
        made = [self._forecasts.newest(one, name) for name, one in asked.items()]
        readings = [fed[one].reading(name) for name, one in keys.items()]
        problem = {name: f"{one.problem}: {one.text}" for name, k in keys.items() if (one := fed[k]).problem}
        blind = "; ".join(f"{name}: {text}" for name, text in problem.items()) if len(problem) == len(keys) else ""
        began = time.monotonic()
        outcome = decide(subject, [one for one in readings if one], [one for one in made if one], kept, now, blind)
        self._planned_s += time.monotonic() - began
        if dry:
            return outcome
        uid, holds = subject.hpa["metadata"].get("uid", ""), outcome.originals.holds and not outcome.given_back
        if not holds:
            self._noted.pop(uid, None)  # before the watch tells of the write
        hpa, failed = await self._act(subject, outcome)
        mine.kept = outcome.kept if not failed else kept
        if holds and not failed:
            self._noted[uid] = outcome.originals
        self._onlooker.decided(Decided(key, outcome, problem, failed))
        contest = contested(hpa, MANAGER, subject.workload.ownership, mine.resets.count(now), failed)
        unforecast = {name: text for name, one in asked.items() if (text := self._forecasts.problem(one))}
        status = status_of(subject.object, outcome, Aside(problem, unforecast, failed, contest), now)
        status |= noted(subject.rollouts, forget=subject.workload.forgets_rollouts)
        before = self._statuses.last(key, subject.object)
        rolled = [Told("Normal", "RolledOut", note, "Forecast") for note in news(before, status)]
        moved, mine.release = floor_events(mine.release, outcome, failed)
        await self._statuses.tell(key, subject.object, status, now, [*moved, *rolled])
        return outcome

    async def _act(self, subject: Subject, outcome: Outcome) -> tuple[Json, str]:
        """Writes what differs: the HPA afterwards, and why it could not, else nothing.

        What another changed first is looked at again with the next tick.
        """
        hpa = subject.hpa
        policy, finalizers = subject.object, list(subject.object["metadata"].get("finalizers", []))
        leaving = "deletionTimestamp" in policy["metadata"]
        try:
            if outcome.change is not None and not outcome.given_back and FINALIZER not in finalizers and not leaving:
                await self._cluster.write_finalizers(policy, [*finalizers, FINALIZER])
            if outcome.change is not None:
                hpa = await self._cluster.write_hpa(hpa, outcome.change, subject.workload.ownership)
            if outcome.given_back and leaving and FINALIZER in finalizers:
                await self._cluster.write_finalizers(policy, without_ours(policy))
        except Conflict as error:
            return hpa, f"another changed the HPA or holds the field: {error.message}"
        except ClusterError as error:
            return hpa, str(error)
        return hpa, ""

    def _keys(self, subject: Subject) -> dict[str, SignalKey]:
        workload = subject.workload
        kinds = {one.name: one.kind for one in workload.policy.signals}
        url = workload.prometheus or self._prometheus
        return {
            one.signal: SignalKey(url, one.query, kinds[one.signal]) for one in workload.queries if one.signal in kinds
        }


def _wanted(subject: Subject, key: SignalKey, fed: Fed) -> Wanted:
    """The forecast of a signal for a policy, on its history without what is not to be expected again."""
    policy = subject.workload.policy
    lead = subject.lead_time or policy.lead_time
    window = planning_window(replace(policy, lead_time=lead), _STEP, _METRIC_LAG)
    unseen = () if fed.series is None else behind(fed.series, subject.incidents)
    return Wanted(key, window, unseen)
