"""What users are told: events once, statuses when they are due, and no tick is held up by either."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from controller.errors import ApiAway
from controller.statuses import Statuses
from controller.subjects import Key
from controller.telling import Told
from tests.helpers.builders import at

Json = dict[str, Any]


class Written:
    """A cluster that takes what it is told, unless it is away."""

    def __init__(self) -> None:
        self.statuses: list[tuple[str, Json]] = []
        self.events: list[tuple[str, str]] = []
        self.away = False

    async def write_status(self, policy: Json, status: Json) -> None:
        if self.away:
            raise ApiAway("away")
        self.statuses.append((policy["metadata"]["name"], status))

    async def tell(self, regarding: Json, told: Told) -> None:
        self.events.append((regarding["metadata"]["name"], told.reason))


def a_policy(name: str = "gateway", **status: object) -> tuple[Key, Json]:
    return ("chat", name), {"metadata": {"name": name, "namespace": "chat"}, "status": status}


def a_status(decision: str = "", *, degraded: bool = False, floor: int = 5) -> Json:
    word, reason = ("True", "PrometheusUnavailable") if degraded else ("False", "AllSignalsRead")
    condition = {"type": "Degraded", "status": word, "reason": reason, "message": "", "observedGeneration": 1}
    return {"conditions": [condition], "floor": floor, "decision": decision}


async def ticked(statuses: Statuses, seconds: int, *said: tuple[tuple[Key, Json], Json]) -> None:
    statuses.begin([key for (key, _), _ in said])
    for (key, policy), status in said:
        await statuses.tell(key, policy, status, at(seconds=seconds))
    await statuses.write(at(seconds=seconds))


async def test_in_a_steady_state_a_status_is_written_every_five_minutes_at_most() -> None:
    written, one = Written(), a_policy()
    statuses = Statuses(written)
    for k in range(241):  # an hour of ticks, each with a decision of its own
        before = len(written.statuses)
        await ticked(statuses, 15 * k, (one, a_status(f"keep 5, tick {k}")))
        assert (len(written.statuses) > before) == (k % 20 == 0)
    assert len(written.statuses) == 13
    assert written.events == []


async def test_a_transition_is_an_event_once_and_a_status_at_once() -> None:
    written, one = Written(), a_policy()
    statuses = Statuses(written)
    for k, degraded in enumerate([False, True, True, True, False, False]):
        await ticked(statuses, 15 * k, (one, a_status(degraded=degraded)))
    assert written.events == [("gateway", "PrometheusUnavailable"), ("gateway", "AllSignalsRead")]
    assert [one["conditions"][0]["status"] for _, one in written.statuses] == ["False", "True", "False"]


async def test_whoever_leads_next_says_nothing_again() -> None:
    written = Written()
    one = a_policy(**a_status(degraded=True))
    statuses = Statuses(written)
    await ticked(statuses, 0, (one, a_status(degraded=True)))
    assert (written.events, written.statuses) == ([], [])
    assert statuses.last(*one) == a_status(degraded=True)
    statuses.clear()
    await ticked(statuses, 15, (one, a_status(degraded=True)))
    assert (written.events, written.statuses) == ([], [])


async def test_what_was_not_taken_is_written_with_the_next_tick_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written, one = Written(), a_policy()
    statuses = Statuses(written)
    written.away = True
    await ticked(statuses, 0, (one, a_status(degraded=True)))
    assert "gateway: the status was not taken: away" in caplog.text
    written.away = False
    await ticked(statuses, 15, (one, a_status(degraded=True)))
    assert written.statuses == [("gateway", a_status(degraded=True))]
    assert written.events == [("gateway", "PrometheusUnavailable")]


async def test_those_that_wait_longest_come_first_and_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock allows one status a tick."""
    clock = itertools.count(0.0, 1.5)
    monkeypatch.setattr("controller.statuses._AT_ONCE", 1)
    monkeypatch.setattr("controller.statuses.time", SimpleNamespace(monotonic=lambda: next(clock)))
    written, three = Written(), [a_policy(name) for name in "abc"]
    statuses = Statuses(written)
    for k in range(6):
        await ticked(statuses, 15 * k, *((one, a_status(floor=k)) for one in three))
    assert [name for name, _ in written.statuses] == ["a", "b", "c", "a", "b", "c"]
    assert [status["floor"] for _, status in written.statuses] == [0, 1, 2, 3, 4, 5]


async def test_a_policy_that_is_gone_is_forgotten() -> None:
    written, one = Written(), a_policy()
    statuses = Statuses(written)
    await ticked(statuses, 0, (one, a_status(degraded=True)))
    await ticked(statuses, 15)
    assert statuses.last(*one) == {}
    await ticked(statuses, 30, (one, a_status(degraded=True)))
    assert len(written.events) == len(written.statuses) == 2
