"""The table of policies: what each is doing in a sentence, and those that need a look first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.server import Looks
from controller.subjects import Refusal
from dashboard.controllers import Fleet
from dashboard.views.fleet import account, doing, spelled_out, table
from tests.controller.test_policy_gauges import everything
from tests.controller.test_recorder import decisions
from tests.helpers.builders import at

Json = dict[str, Any]


def policies() -> tuple[Json, ...]:
    looks, (calm,) = Looks(), decisions(1)
    looks.decided(calm)
    looks.decided(everything(("chat", "troubled")))
    looks.ticked(
        {
            ("chat", "gateway"): calm.outcome,
            ("chat", "troubled"): everything(("chat", "troubled")).outcome,
            ("chat", "bad"): Refusal("HpaNotFound", "no HPA bad in chat"),
        }
    )
    return tuple(looks.page(10, "")[0])


def test_those_that_need_a_look_come_first() -> None:
    frame = table(policies())
    assert list(frame["policy"]) == ["chat/bad", "chat/troubled", "chat/gateway"]
    assert list(frame["mode"]) == ["not followed", "Active", "Active"]
    assert list(frame["floor"]) == ["-", "9", "9"]


def test_what_each_is_doing_is_a_sentence() -> None:
    bad, gateway, troubled = policies()
    assert doing(bad) == "not followed (HpaNotFound): no HPA bad in chat"
    assert doing(gateway) == gateway["summary"]
    assert doing(troubled).startswith(
        "could not write the HPA: away; connections: StaleData: it gave nothing for 6 min;"
        " up to 44 replicas may be needed, more than the HPA's maximum; raise the floor"
    )


def test_those_that_need_a_hand_are_spelled_out_so_many_at_most() -> None:
    bad, _, troubled = policies()
    said = spelled_out(policies())
    assert said == [f"**chat/bad**: {doing(bad)}.", f"**chat/troubled**: {doing(troubled)}."]
    many = spelled_out((bad,) * 8)
    assert (len(many), many[-1]) == (6, "3 policies more need a look: see the first rows above.")


def test_the_account_counts_and_says_how_old_the_newest_decision_is() -> None:
    fleet = Fleet("one", policies(), 15.0)
    assert account(fleet, at() + timedelta(seconds=7)) == (
        "controller one: 3 policies, 2 active, 1 not followed; decided 7 s ago, every 15 s"
    )
    assert account(Fleet("one", (), 15.0), at()) == "controller one: 0 policies, 0 active, 0 not followed, every 15 s"
