"""The policies at a glance: those that need a look first, what to do in a sentence, and where the page opens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dashboard.controllers import Fleet
from dashboard.health import Level
from dashboard.views.fleet import account, first, names, refusal, spelled_out, stalled, table
from tests.dashboard.fleets import a_fleet
from tests.helpers.builders import at

Json = dict[str, Any]


def policies() -> tuple[Json, ...]:
    return tuple(a_fleet(at()).looks.page(100, "")[0])


def only(*wanted: str) -> tuple[Json, ...]:
    return tuple(one for one in policies() if one["name"] in wanted)


def test_those_that_need_a_look_come_first() -> None:
    frame = table(policies())
    assert list(frame["policy"].str.removeprefix("chat/")) == [
        "bots", "lobby", "search", "live", "rooms", "archive", "presence", "gateway"
    ]  # fmt: skip
    assert list(frame["state"])[:2] == ["not followed (HpaNotFound)", "not followed (QueryRefused)"]
    assert (frame["floor"][0], frame["floor"][7]) == ("-", str(only("gateway")[0]["floor"]))


def test_those_that_need_a_look_are_spelled_out_with_what_to_do() -> None:
    said = spelled_out(policies())
    assert [level for level, _ in said] == [Level.BROKEN] * 3 + [Level.WATCH] * 2
    assert said[0][1].startswith(r"**chat/bots**: not followed \(HpaNotFound\)\: no HPA gateway in chat")
    assert said[0][1].endswith("create it, or name another.")


def test_so_many_at_most_are_spelled_out() -> None:
    said = spelled_out(only("bots") * 8)
    assert (len(said), said[-1]) == (6, (Level.WATCH, "3 policies more need a look: see the first rows below."))


def test_the_account_counts_every_policy_once_in_words() -> None:
    fleet = Fleet("one", policies(), 15.0)
    assert account(fleet, at(seconds=7)) == (
        "controller one: 8 policies, 1 well, 1 observes, 1 paused, 1 at its limit, 1 degraded, 2 not followed,"
        " 1 not written; decided 7 s ago, every 15 s"
    )
    assert account(Fleet("one", (), 15.0), at()) == "controller one: 0 policies, every 15 s"


def test_a_controller_that_answers_and_does_not_decide_is_an_alarm() -> None:
    fleet = Fleet("one", policies(), 15.0)
    assert stalled(fleet, at(seconds=60)) == ""
    assert stalled(fleet, at(5)).startswith("Nothing was decided for 5 minutes, though something is due every 15 s")
    assert stalled(replace(fleet, trouble="away"), at(5)) == ""
    assert stalled(Fleet("one", only("bots"), 15.0), at(5)) == ""


def test_the_page_opens_on_a_policy_that_lives() -> None:
    def opened(*wanted: str) -> str:
        found = only(*wanted)
        return names(found)[first(found)]

    assert opened("archive", "bots", "gateway", "live", "lobby", "presence", "rooms", "search") == "chat/gateway"
    assert opened("archive", "bots", "live", "lobby") == "chat/archive"
    assert opened("bots", "lobby", "search") == "chat/search"
    assert opened("bots") == "chat/bots"


def test_a_policy_that_was_refused_says_why_there_is_nothing_to_see() -> None:
    fleet = Fleet("one", policies(), 15.0)
    said = refusal(fleet, "chat/bots")
    assert said is not None
    assert "no HPA gateway in chat" in said
    assert refusal(fleet, "chat/lobby") is None
