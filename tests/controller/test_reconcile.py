"""A tick over a cluster in memory: what goes wrong with one policy is said there, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from controller.adapters.prometheus_feed import Fed, SignalKey
from controller.contest import MOST_RESETS
from controller.deciding import Outcome
from controller.domain import Ownership
from controller.errors import ApiAway, Conflict
from controller.hpa_patch import Change, operations
from controller.live_forecasts import LiveForecasts
from controller.onlooker import Decided, Onlooker
from controller.originals import FINALIZER, Originals, given_back, raising, read
from controller.ready_pods import Counted
from controller.reconcile import Reconciler
from controller.rollouts import BEFORE, SETTLES, Rollout, Rollouts
from controller.subjects import Key, Refusal
from controller.telling import Told
from forecaster.baselines import BASELINES
from forecaster.incidents import Incident, without
from tests.controller.test_deciding import a_subject
from tests.controller.test_hpa_patch import applied
from tests.controller.test_subjects import a_policy
from tests.helpers.builders import at
from tests.helpers.worlds import connections, wave

Json = dict[str, Any]
KEY = ("chat", "gateway")


class Memory:
    """A cluster in memory, which may fail."""

    def __init__(self, *policies: Json, ours: int | None = None) -> None:
        self.policies = {("chat", one["metadata"]["name"]): one for one in policies}
        self.hpas = {KEY: a_subject(ours=ours).hpa}
        self.statuses: list[Json] = []
        self.events: list[Told] = []
        self.writes = 0
        self.lead: timedelta | None = None
        self.template = ""
        self.rolled_out: Rollout | None = None
        self.failing: Exception | None = None

    def counted(self, hpa: Json, now: datetime) -> Counted:
        return Counted()

    def lead_time(self, hpa: Json) -> timedelta | None:
        return self.lead

    def rollouts(self, hpa: Json, known: Rollouts, now: datetime) -> Rollouts:
        return known.after(self.template, self.rolled_out, now) if known.template != self.template else known

    async def write_hpa(self, hpa: Json, change: Change, ownership: Ownership) -> Json:
        if self.failing:
            raise self.failing
        patch = operations(hpa, change)
        self.writes += bool(patch)
        self.hpas[KEY] = applied(hpa, patch)
        return self.hpas[KEY]

    async def write_status(self, policy: Json, status: Json) -> None:
        policy["status"] = status
        self.statuses.append(status)

    async def write_finalizers(self, policy: Json, finalizers: list[str]) -> None:
        policy["metadata"]["finalizers"] = finalizers

    async def tell(self, regarding: Json, told: Told) -> None:
        self.events.append(told)

    def ready(self, name: str = "gateway") -> tuple[str, str]:
        conditions = self.policies["chat", name]["status"]["conditions"]
        return next((one["status"], one["reason"]) for one in conditions if one["type"] == "Ready")


class Load:
    """A load of which so much is measured, the same for every query."""

    def __init__(self, level: float = 8500.0) -> None:
        self.level = level
        self.asked: list[Collection[SignalKey]] = []

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]:
        self.asked.append(keys)
        levels = wave(3000, low=self.level - 1, high=self.level)
        series = connections(levels, start=at() - 3000 * timedelta(minutes=1))
        return {key: Fed(series) for key in keys}


class Heard(Onlooker):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.decisions: list[Decided] = []
        self.times: list[tuple[str, float]] = []
        self.resets: list[Key] = []

    def decided(self, one: Decided) -> None:
        self.decisions.append(one)

    def timed(self, step: str, seconds: float) -> None:
        self.times.append((step, seconds))

    def reset(self, key: Key) -> None:
        self.resets.append(key)


LOOKS_AWAY = Onlooker()


def a_floor_of(floor: int) -> Change:
    """As another controller writes it."""
    return raising(Originals("chat/gateway", 2, floor), floor, None)[0]


async def ticked(
    cluster: Memory, times: int = 2, load: Load | None = None, onlooker: Onlooker = LOOKS_AWAY
) -> Reconciler:
    forecasts = LiveForecasts(BASELINES["last-value"])
    reconciler = Reconciler(cluster, load or Load(), forecasts, "http://prometheus", onlooker)
    for k in range(times):
        await reconciler.tick(at(seconds=1 + 15 * k))
        await forecasts.settled()
    return reconciler


async def test_a_tick_raises_notes_and_tells() -> None:
    heard = Heard()
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    await ticked(cluster, onlooker=heard)
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9
    assert cluster.policies[KEY]["metadata"]["finalizers"] == [FINALIZER]
    assert [one.reason for one in cluster.events] == ["FloorRaised"]
    assert cluster.ready() == ("True", "Followed")
    assert [(one.key, one.outcome.decision.floor, one.failed) for one in heard.decisions] == [
        (KEY, 2, ""),
        (KEY, 9, ""),
    ]
    assert cluster.events[0].note.endswith(f"(decision {heard.decisions[1].id})")
    assert [step for step, _ in heard.times] == ["read", "plan", "write"] * 2
    assert all(seconds >= 0 for _, seconds in heard.times)


async def test_a_steady_state_writes_nothing() -> None:
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    await ticked(cluster, 3)
    writes, statuses = cluster.writes, len(cluster.statuses)
    reconciler = await ticked(cluster, 3)
    assert cluster.writes == writes
    assert len(cluster.statuses) <= statuses + 2  # a successor says that it warms up, and that it has
    before = len(cluster.statuses)
    for k in range(3, 15):
        await reconciler.tick(at(seconds=1 + 15 * k))
    assert len(cluster.statuses) == before


async def test_one_query_serves_every_policy_that_asks_it() -> None:
    other = a_policy("other", hpaRef={"name": "gateway"}, created="2026-03-02T20:00:05Z")
    load = Load()
    await ticked(Memory(a_policy(), other), load=load)
    assert [len(keys) for keys in load.asked] == [1, 1]


async def test_dry_writes_nothing() -> None:
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}), a_policy("bad", unknown=1))
    forecasts = LiveForecasts(BASELINES["last-value"])
    reconciler = Reconciler(cluster, Load(), forecasts, "http://prometheus")
    await reconciler.tick(at(seconds=1), dry=True)
    await forecasts.settled()
    found = await reconciler.tick(at(seconds=2), dry=True)
    assert isinstance(found["chat", "bad"], Refusal)
    good = found[KEY]
    assert isinstance(good, Outcome)
    assert good.decision.floor == 9
    assert (cluster.writes, cluster.statuses, cluster.events) == (0, [], [])


async def test_a_write_that_fails_is_said_and_tried_again() -> None:
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    cluster.failing = Conflict("PATCH", 409, "Conflict", "the object has been modified")
    reconciler = await ticked(cluster)
    acting = {one["type"]: one["reason"] for one in cluster.policies[KEY]["status"]["conditions"]}["Acting"]
    assert acting == "WriteFailed"
    cluster.failing = None
    await reconciler.tick(at(seconds=40))
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9


@pytest.mark.parametrize(
    "seen",
    [
        [{"start": "2026-03-02T20:30:00Z", "end": "2026-03-02T20:00:00Z", "template": "7c9", "forgotten": True}],
        [{"start": "2026-03-02T20:00:00", "end": "2026-03-02T20:30:00", "template": "7c9", "forgotten": True}],
        [{"start": "soon"}],
    ],
)
async def test_a_status_that_another_has_edited_stops_nobody(seen: list[Json]) -> None:
    """Whoever has the right to write one status would else stop the ticks of a whole cluster, for five weeks."""
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    cluster.policies[KEY]["status"] = {"rollouts": {"template": "7c9", "seen": seen}}
    cluster.template = "7c9"
    await ticked(cluster)
    assert cluster.ready() == ("True", "Followed")
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9


async def test_what_nobody_thought_of_ends_one_policy_only(caplog: pytest.LogCaptureFixture) -> None:
    other = a_policy("other", created="2026-03-02T20:00:05Z", unknown=1)
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}), other)
    cluster.failing = KeyError("never thought of")
    await ticked(cluster)
    assert cluster.ready() == ("False", "InternalError")
    assert cluster.ready("other") == ("False", "BadPolicy")
    assert "never thought of" in caplog.text


async def test_a_reset_is_put_right_so_many_times_an_hour() -> None:
    heard = Heard()
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster, onlooker=heard)
    raised = cluster.hpas[KEY]
    assert not await reconciler.reassert(raised, at(1))
    reset = {**raised, "spec": {**raised["spec"], "minReplicas": 2}}
    done = [await reconciler.reassert(reset, at(1, k)) for k in range(MOST_RESETS + 1)]
    assert done == [True] * MOST_RESETS + [False]
    assert heard.resets == [KEY] * MOST_RESETS
    cluster.hpas[KEY] = reset
    await reconciler.tick(at(1, 30))
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9  # with the tick, where the forecast still asks for it
    contested = {one["type"]: one for one in cluster.policies[KEY]["status"]["conditions"]}["Contested"]
    assert (contested["status"], contested["reason"]) == ("True", "ResetTooOften")
    assert ("Warning", "ResetTooOften") in {(one.kind, one.reason) for one in cluster.events}
    assert await reconciler.reassert(reset, at(62))
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9
    assert cluster.events[-1].reason == "FloorReset"


async def test_a_reset_that_another_changes_meanwhile_is_put_right_with_that_change() -> None:
    heard = Heard()
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster, onlooker=heard)
    raised = cluster.hpas[KEY]
    reset = cluster.hpas[KEY] = {**raised, "spec": {**raised["spec"], "minReplicas": 2}}
    cluster.failing = Conflict("PATCH", 409, "Conflict", "the object has been modified")
    tried = [await reconciler.reassert(reset, at(1, k)) for k in range(MOST_RESETS + 1)]
    assert (any(tried), heard.resets) == (False, [])
    cluster.failing = None
    assert await reconciler.reassert(reset, at(1, 20))  # what was not put right has not counted
    assert heard.resets == [KEY]
    assert cluster.events[-1].reason == "FloorReset"
    cluster.failing = Conflict("PATCH", 409, "Conflict", "the object has been modified")
    assert await reconciler.reassert(reset, at(1, 21))  # by the tick that came first
    assert heard.resets == [KEY] * 2
    cluster.policies[KEY]["spec"]["ownership"] = "Respect"
    cluster.failing = Conflict("PATCH", 409, "Conflict", "conflict with another manager")
    with pytest.raises(Conflict):
        await reconciler.reassert(reset, at(1, 21))


async def test_an_owner_who_asks_for_more_has_reset_nothing() -> None:
    heard = Heard()
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster, onlooker=heard)
    raised = cluster.hpas[KEY]
    assert not await reconciler.reassert({**raised, "spec": {**raised["spec"], "minReplicas": 20}}, at(1))
    owners = cluster.hpas[KEY]
    assert (owners["spec"]["minReplicas"], read(owners), heard.resets) == (20, None, [])
    assert (cluster.events[-1].kind, cluster.events[-1].reason) == ("Normal", "OwnerAsksForMore")
    assert "asks for minReplicas 20 by now, where Foresail asked for 9" in cluster.events[-1].note
    assert not reconciler.was_reset(owners)
    await reconciler.tick(at(1, 15))
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 20


async def test_a_way_back_is_told_as_it_begins_and_as_it_ends() -> None:
    policy = a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30})
    cluster = Memory(policy)
    reconciler = await ticked(cluster)
    policy["spec"]["mode"] = "Paused"
    floors = []
    for tick in range(80):
        await reconciler.tick(at(1, 15 * tick))
        floors.append(cluster.hpas[KEY]["spec"]["minReplicas"])
    assert (len(set(floors)), floors[-1]) == (8, 2)
    assert [one.reason for one in cluster.events] == ["FloorRaised", "FloorReleasing", "FloorReleased"]


async def test_a_policy_whose_hpa_is_gone_is_warned_of_once() -> None:
    cluster = Memory(a_policy())
    reconciler = await ticked(cluster)
    hpa = cluster.hpas.pop(KEY)
    for second in (30, 45, 60):
        await reconciler.tick(at(seconds=second))
    assert [(one.kind, one.reason) for one in cluster.events] == [("Warning", "HpaNotFound")]
    cluster.hpas[KEY] = hpa
    await reconciler.tick(at(seconds=75))
    assert [one.kind for one in cluster.events] == ["Warning", "Normal"]


@pytest.mark.parametrize("leaving", [False, True])
async def test_a_policy_that_is_not_followed_gives_its_floor_back_by_the_ramp(leaving: bool) -> None:
    """Whether it is deleted or not: nothing is dropped at once, and nothing stays."""
    policy = a_policy(mode="Active", unknown=1)
    policy["metadata"]["finalizers"] = ["other", FINALIZER]
    if leaving:
        policy["metadata"]["deletionTimestamp"] = at().isoformat()
    cluster = Memory(policy, ours=9)
    reconciler = await ticked(cluster, 1)
    floors: list[int] = []
    for minute in range(1, 14):
        assert (FINALIZER in policy["metadata"]["finalizers"]) or floors[-1] == 2
        await reconciler.tick(at(minute, 2))
        floors.append(cluster.hpas[KEY]["spec"]["minReplicas"])
    assert floors == [8, 7, 6, 5, 4, 3, 2, *[2] * 6]
    assert policy["metadata"]["finalizers"] == (["other"] if leaving else ["other", FINALIZER])


async def test_a_deletion_does_not_wait_for_ever() -> None:
    policy = a_policy(mode="Active", unknown=1)
    policy["metadata"] |= {"finalizers": [FINALIZER], "deletionTimestamp": at(-16).isoformat()}
    cluster = Memory(policy, ours=9)
    await ticked(cluster, 1)
    assert (policy["metadata"]["finalizers"], cluster.hpas[KEY]["spec"]["minReplicas"]) == ([], 2)


async def test_a_copy_of_the_hpa_is_not_the_policys() -> None:
    """It bears the note of the one that it was copied from, and its owner may well set it to what they like."""
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster)
    copied = cluster.hpas[KEY]
    copied = {**copied, "metadata": {**copied["metadata"], "name": "copy", "uid": "2"}}
    copied = {**copied, "spec": {**copied["spec"], "minReplicas": 3}}
    assert not await reconciler.reassert(copied, at(1))
    assert not cluster.events or cluster.events[-1].reason != "FloorReset"


async def test_nothing_is_kept_of_hpas_that_are_gone() -> None:
    """Where every branch has a preview that is made again and again, each with an HPA of another uid."""
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster)
    assert list(vars(reconciler)["_noted"]) == [cluster.hpas.pop(KEY)["metadata"]["uid"]]
    await reconciler.tick(at(1))
    assert not vars(reconciler)["_noted"]


@pytest.mark.parametrize(("left", "owners"), [(9, 2), (3, 3)])
async def test_a_note_that_was_dropped_is_put_back(left: int, owners: int) -> None:
    """A replace (kubectl replace, helm --force) drops the note, and mostly the floor with it."""
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster)
    raised = cluster.hpas[KEY]
    assert raised["spec"]["minReplicas"] == 9
    metadata = {**raised["metadata"], "annotations": {}}
    replaced = {**raised, "metadata": metadata, "spec": {**raised["spec"], "minReplicas": left}}
    assert reconciler.was_reset(replaced)
    assert await reconciler.reassert(replaced, at(1))
    assert read(cluster.hpas[KEY]) == Originals("chat/gateway", owners, 9)
    cluster.hpas[KEY] = replaced  # and with another leader, who knows of it by the status alone
    await (await ticked(cluster)).tick(at(1, 15))
    assert read(cluster.hpas[KEY]) == Originals("chat/gateway", owners, 9)


async def test_a_status_that_is_not_taken_is_written_later(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Memory(a_policy())

    async def away(policy: Json, status: Json) -> None:
        raise ApiAway("away")

    taken, cluster.write_status = cluster.write_status, away  # type: ignore[method-assign]
    reconciler = await ticked(cluster)
    cluster.write_status = taken  # type: ignore[method-assign]
    assert "the status was not taken: away" in caplog.text
    await reconciler.tick(at(seconds=40))
    assert cluster.ready() == ("True", "Followed")


@pytest.mark.parametrize(("spec", "said"), [({}, "97s"), ({"leadTime": "30s"}, "30s")])
async def test_a_lead_time_is_as_stated_or_as_measured(spec: dict[str, Any], said: str) -> None:
    cluster = Memory(a_policy(**spec))
    cluster.lead = timedelta(seconds=97)
    await ticked(cluster)
    assert cluster.policies[KEY]["status"]["leadTime"] == said


async def test_whoever_led_before_goes_on_from_what_its_successor_left() -> None:
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    reconciler = await ticked(cluster)
    cluster.hpas[KEY] = applied(cluster.hpas[KEY], operations(cluster.hpas[KEY], a_floor_of(14)))
    reconciler.resign()
    found = (await reconciler.tick(at(seconds=31)))[KEY]
    assert isinstance(found, Outcome)
    assert found.decision.previous == 14


@pytest.mark.parametrize(("minutes", "floor"), [(5, 9), (180, 2)])
async def test_a_restart_goes_on_and_a_long_death_begins_anew(minutes: int, floor: int) -> None:
    """The watchdog has given all back meanwhile. What was wanted hours ago is no reason to raise a floor."""
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    await ticked(cluster)
    cluster.hpas[KEY] = applied(cluster.hpas[KEY], operations(cluster.hpas[KEY], given_back(Originals("", 2, 9))))
    forecasts = LiveForecasts(BASELINES["last-value"])
    later = Reconciler(cluster, Load(), forecasts, "http://prometheus", LOOKS_AWAY)
    found = (await later.tick(at(minutes)))[KEY]
    assert isinstance(found, Outcome)
    assert (found.held, cluster.hpas[KEY]["spec"]["minReplicas"]) == ("the first forecasts are being made", floor)
    await forecasts.settled()


async def test_statuses_hold_no_tick_up_and_are_written_by_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Memory(a_policy(mode="Active", bounds={"minReplicas": 2, "maxReplicas": 30}))
    monkeypatch.setattr("controller.statuses.STATUSES_S", 0.0)
    reconciler = await ticked(cluster)
    assert cluster.hpas[KEY]["spec"]["minReplicas"] == 9
    assert (cluster.statuses, [one.reason for one in cluster.events]) == ([], ["FloorRaised"])
    monkeypatch.undo()
    await reconciler.tick(at(seconds=31))
    assert [one["floor"] for one in cluster.statuses] == [9]
    assert [one.reason for one in cluster.events] == ["FloorRaised"]


class Crowded:
    """A steady load with a crowd at this minute yesterday."""

    def __init__(self) -> None:
        self.series = connections([1000.0] * 3000, start=at() - 3000 * timedelta(minutes=1))
        crowd = self.incident()
        values = np.where(np.isnan(without(self.series, [crowd]).values), 20_000.0, 1000.0)
        self.series = replace(self.series, values=values)

    def incident(self) -> Incident:
        first = len(self.series) - 1440 - 10
        return Incident(self.series.time(first), self.series.time(first + 60))

    def read(self, keys: Collection[SignalKey], now: datetime) -> Mapping[SignalKey, Fed]:
        return {key: Fed(self.series) for key in keys}


async def test_what_a_policy_says_that_happened_once_is_not_expected_by_it_but_by_others() -> None:
    load, bounds = Crowded(), {"minReplicas": 2, "maxReplicas": 30}
    crowd = load.incident()
    told = [{"start": crowd.start.isoformat(), "end": crowd.end.isoformat(), "reason": "a talk at noon"}]
    another = a_policy("another", hpaRef={"name": "another"}, bounds=bounds)
    cluster = Memory(a_policy(bounds=bounds), another)
    hpa = deepcopy(cluster.hpas[KEY])
    hpa["metadata"] |= {"name": "another", "uid": "another"}
    cluster.hpas["chat", "another"] = hpa
    forecasts = LiveForecasts(BASELINES["same-time-yesterday"])
    reconciler = Reconciler(cluster, load, forecasts, "http://prometheus")

    async def wanted(second: int) -> list[int | None]:
        found = await reconciler.tick(at(seconds=second))
        await forecasts.settled()
        return [one.decision.wanted for one in found.values() if isinstance(one, Outcome)]

    await wanted(1)
    assert await wanted(16) == [20, 20]
    cluster.policies[KEY]["spec"]["incidents"] = told
    assert await wanted(17) == [20, 20]  # what was made before serves until the new one is made
    another_one, gateway = await wanted(32)
    assert (another_one, gateway) == (20, 2)


async def test_a_rollout_that_was_seen_is_not_expected_again_told_once_and_known_to_a_successor() -> None:
    load = Crowded()
    crowd = load.incident()
    rollout = Rollout(crowd.start + BEFORE, crowd.end - SETTLES, "7c9")
    cluster = Memory(a_policy(bounds={"minReplicas": 2, "maxReplicas": 30}))
    cluster.template = "5d4f"

    async def ticked_by(reconciler: Reconciler, forecasts: LiveForecasts) -> int | None:
        for _ in range(2):
            found = await reconciler.tick(at(seconds=1))
            await forecasts.settled()
        (one,) = found.values()
        assert isinstance(one, Outcome)
        return one.decision.wanted

    def begun() -> tuple[Reconciler, LiveForecasts]:
        forecasts = LiveForecasts(BASELINES["same-time-yesterday"])
        return Reconciler(cluster, load, forecasts, "http://prometheus"), forecasts

    first = begun()
    assert await ticked_by(*first) == 20
    assert cluster.policies[KEY]["status"]["rollouts"] == {"template": "5d4f", "seen": []}
    cluster.template, cluster.rolled_out = "7c9", rollout
    await ticked_by(*first)
    assert await ticked_by(*first) == 2
    (noted,) = cluster.policies[KEY]["status"]["rollouts"]["seen"]
    assert (noted["template"], noted["forgotten"]) == ("7c9", True)
    assert [one.reason for one in cluster.events] == ["RolledOut"]
    assert await ticked_by(*begun()) == 2
    cluster.policies[KEY]["spec"]["rollouts"] = "Keep"
    assert await ticked_by(*begun()) == 20
    assert not cluster.policies[KEY]["status"]["rollouts"]["seen"][0]["forgotten"]
    assert len(cluster.events) == 1
