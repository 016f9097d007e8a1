"""A running controller as the page reads it: over a real socket, whatever it answers, and never twice."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from controller.adapters.ledger import entry_line
from controller.onlooker import Decided
from controller.server import MOST_POLICIES, Whose, application
from controller.subjects import Refusal
from dashboard.controllers import ControllerSource, Fleet
from dashboard.sources import Notice, Run
from tests.controller.test_recorder import decisions
from tests.controller.test_server import Served
from tests.helpers.http_servers import Answer, Asked, a_server
from tests.helpers.processes import free_port, until

NAME = "chat/gateway"


@contextmanager
def serving(served: Served, port: int | None = None) -> Iterator[str]:
    """The read API of a controller on a real socket, in a thread."""
    whose = Whose("0.1.0", "one", 15.0, lambda: served.leading)
    app = application(lambda: served.missing, served.metrics.registry, served.looks, served.recent, whose)
    port = port or free_port()
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def decide(served: Served, one: Decided) -> None:
    served.decide(one)
    served.looks.ticked({one.key: one.outcome, ("chat", "bad"): Refusal("HpaNotFound", "no HPA bad")})


def fleet(source: ControllerSource) -> Fleet:
    found = source.fleet()
    assert isinstance(found, Fleet), found
    return found


def run(source: ControllerSource) -> Run:
    found = source.run(NAME)
    assert isinstance(found, Run), found
    return found


def trouble(found: object) -> str:
    assert isinstance(found, Notice)
    assert found.live
    return found.text


def test_policies_and_decisions_are_read_as_they_come() -> None:
    served, made = Served(), decisions(4)
    with serving(served) as url:
        source = ControllerSource(url + "/")
        assert fleet(source).policies == ()
        assert trouble(source.run(NAME)).endswith("says 404: no decisions of chat/gateway; known are none.")
        for one in made[:2]:
            decide(served, one)
        assert [one["name"] for one in fleet(source).policies] == ["bad", "gateway"]
        assert run(source).entries == tuple(one.entry for one in made[:2])
        for one in made[2:]:
            decide(served, one)
        assert run(source).entries == tuple(one.entry for one in made)
        assert (run(source).policy, run(source).live) == (made[-1].outcome.policy, True)


def test_each_decision_is_asked_for_once() -> None:
    asked: list[Asked] = []
    made = decisions(2)

    def answer(one: Asked) -> Answer:
        asked.append(one)
        body = b"".join(entry_line(decision.entry) for decision in made) if "after" not in one.params else b""
        return Answer(_header(made[0]) + body)

    with a_server(answer) as server:
        source = ControllerSource(server.url)
        assert run(source).entries == run(source).entries
    assert [one.params.get("after") for one in asked] == [None, made[1].outcome.decision.at.isoformat()]


def test_a_controller_that_ends_leaves_what_it_said() -> None:
    served, (one,) = Served(), decisions(1)
    port = free_port()
    with serving(served, port) as url:
        source = ControllerSource(url)
        decide(served, one)
        before = fleet(source)
        assert run(source).live
    gone = fleet(source)
    assert (gone.policies, gone.trouble) == (
        before.policies,
        f"No controller answers at {url}; this page goes on asking.",
    )
    assert (run(source).live, run(source).over, len(run(source).entries)) == (False, "not heard of since", 1)
    with serving(served, port):
        assert fleet(source).trouble == ""
        assert run(source).live


def test_one_that_waits_to_lead_is_said() -> None:
    served = Served(leading=False)
    with serving(served) as url:
        source = ControllerSource(url)
        assert "leads now" in trouble(source.fleet())
        assert "says 503: one does not lead" in trouble(source.run(NAME))
        served.leading = True
        assert fleet(source).identity == "one"


def test_behind_one_name_the_leader_is_found() -> None:
    """As a Service does it: each connection may reach another."""
    leads = {"api": 1, "identity": "one", "leading": True, "tick_s": 15.0}
    answers = iter(
        [
            _json({**leads, "leading": False}),
            _json(leads),
            Answer(b'{"detail": "two does not lead"}', 503),
            _json(leads),
            _json({"policies": [], "next": None}),
        ]
    )
    with a_server(lambda _: next(answers)) as server:
        assert fleet(ControllerSource(server.url)).identity == "one"
        assert [one.path for one in server.asked] == ["/v1", "/v1", "/v1/policies", "/v1", "/v1/policies"]


def test_one_that_is_slow_is_given_up_in_time() -> None:
    with a_server(lambda _: Answer(b"", hangs=True)) as server:
        source = ControllerSource(server.url, timeout_s=0.2)
        began = time.monotonic()
        assert trouble(source.fleet()) == f"{server.url} gave no answer within 0.2 s."
        assert trouble(source.run(NAME)) == f"{server.url} gave no answer within 0.2 s."
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"<html>it works</html>"), "not the read API of a controller; give --controller the URL of one."),
        (Answer(b"[]"), "not the read API of a controller; give --controller the URL of one."),
        (Answer(b'{"api": 2}'), "speaks version 2 of the read API; this page knows 1."),
        (Answer(b"no such page", 404), "says 404: Not Found."),
        (Answer(b"{}", missing=10), "No controller answers at"),
    ],
)
def test_what_is_no_controller_is_said(answer: Answer, said: str) -> None:
    with a_server(lambda _: answer) as server:
        assert said in trouble(ControllerSource(server.url).fleet())


@pytest.mark.parametrize("body", [b"", b"damage\n", b'{"format":99,"policy":{}}\n'])
def test_decisions_that_cannot_be_read_are_said(body: bytes) -> None:
    with a_server(lambda _: Answer(body)) as server:
        assert "is the controller of another version?" in trouble(ControllerSource(server.url).run(NAME))


def test_more_policies_than_a_page_holds_are_all_read() -> None:
    names = [f"w{k:04}" for k in range(MOST_POLICIES + 5)]
    served = Served()
    refusals = {("chat", name): Refusal("BadPolicy", "no query") for name in names}
    served.looks.ticked(refusals)
    with serving(served) as url:
        assert [one["name"] for one in fleet(ControllerSource(url)).policies] == names


def _json(found: object) -> Answer:
    return Answer(json.dumps(found).encode())


def _header(one: Decided) -> bytes:
    from controller.adapters.ledger import header_line

    return header_line(one.outcome.policy)
