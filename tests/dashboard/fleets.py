"""A controller with a policy of every sort: well, observed only, paused, at its limit, blind, refused, not written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controller.adapters.ledger import Entry
from controller.domain import Decision, Mode, Policy, Reason
from controller.onlooker import Decided
from controller.subjects import Refusal, subjects
from tests.controller.test_policy_gauges import an_outcome
from tests.controller.test_server import Served
from tests.controller.test_subjects import a_policy as an_object
from tests.dashboard.runs import POLICY, an_hour, later

TYPO = "http://prometheus:9090 refused 'sum(conections': parse error: unclosed left parenthesis"
OLD = "'sum(rate(messages[1m]))' gave nothing for 6.2 min; is it still scraped?"
FORBIDDEN = '403 Forbidden: horizontalpodautoscalers.autoscaling "search" is forbidden'
WELL, BROKEN = ("archive", "gateway", "presence"), ("bots", "lobby", "search")
FEW = 24
"""Decisions of those that are not the one to look at."""


def a_fleet(now: datetime) -> Served:
    """The newest decisions are of `now`."""
    hour, typo, old = an_hour(), {"connections": f"QueryRefused: {TYPO}"}, {"messages": f"StaleData: {OLD}"}
    full = replace(POLICY, bounds=replace(POLICY.bounds, max_replicas=12))
    beyond: dict[str, Any] = {"limited": 44, "limited_from": now + timedelta(minutes=4)}
    blind = [_held(entry, f"connections: {typo['connections']}") for entry in hour[-FEW:]]
    newest = [
        _decided("gateway", POLICY, hour),
        _decided("presence", replace(POLICY, mode=Mode.OBSERVE), an_hour(Mode.OBSERVE)),
        _decided("archive", replace(POLICY, mode=Mode.PAUSED), an_hour(Mode.PAUSED)[-FEW:]),
        _decided("live", full, hour[-FEW:], **beyond),
        _decided("lobby", POLICY, blind, problem=typo, held=blind[-1].decision.reasons[0].because),
        _decided("rooms", POLICY, hour[-FEW:], problem=old),
        _decided("search", POLICY, hour[-FEW:], failed=FORBIDDEN),
    ]
    served, found = Served(), {}
    for decisions in newest:
        shift = now - decisions[-1].outcome.decision.at
        for one in decisions:
            served.decide(_later(one, shift))
        found[decisions[-1].key] = decisions[-1].outcome
    served.looks.ticked({**found, **_refused("bots")})
    return served


def _decided(
    name: str, policy: Policy, entries: tuple[Entry, ...] | list[Entry], *,
    problem: Mapping[str, str] | None = None, failed: str = "", **changes: Any,
) -> list[Decided]:  # fmt: skip
    policy, some = replace(policy, name=f"chat/{name}"), an_outcome()
    return [
        Decided(
            ("chat", name),
            replace(some, policy=policy, observed=one.observed, forecasts=one.forecasts, before=one.memory,
                    decision=one.decision, **changes),
            problem or {}, failed,
        )
        for one in entries
    ]  # fmt: skip


def _later(one: Decided, by: timedelta) -> Decided:
    moved, outcome = later(one.entry, by), one.outcome
    return replace(
        one,
        outcome=replace(outcome, observed=moved.observed, forecasts=moved.forecasts, decision=moved.decision),
    )


def _held(entry: Entry, why: str) -> Entry:
    """As the controller decides while it is blind."""
    floor, at = entry.decision.floor, entry.now
    decision = Decision(at, floor, floor, None, None, None, True, (Reason("held", floor, floor, f"held: {why}"),))
    return replace(entry, decision=decision)


def _refused(name: str) -> dict[tuple[str, str], Refusal]:
    """A policy whose HPA does not exist, as the controller itself refuses it."""
    one = subjects({("chat", name): an_object(name)}, {})["chat", name]
    assert isinstance(one, Refusal)
    return {("chat", name): one}
