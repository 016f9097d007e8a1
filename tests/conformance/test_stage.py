"""A sync is held at its first question and at no other, and what the audit log says is told to whom it concerns."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster.metrics_server import Measured
from tests.conformance.stage import Answers, Stage, follow_audit

PATIENCE_S = 10.0


def test_the_first_question_of_each_sync_waits_and_the_others_do_not() -> None:
    stage = Stage()
    seat = stage.seat("a", questions=2)
    with ThreadPoolExecutor() as pool:
        for total in ("1", "2"):
            seat.hold()
            first = pool.submit(stage.external, "a", "m", "")
            assert seat.is_held(PATIENCE_S)
            seat.answers = Answers(external={"m": [Measured(total)]})
            assert not first.done()
            seat.release()
            assert first.result(PATIENCE_S) == stage.external("a", "m", "") == [Measured(total)]


def test_after_a_crash_the_next_question_is_a_first_one() -> None:
    stage = Stage()
    seat = stage.seat("a", questions=2)
    with ThreadPoolExecutor() as pool:
        lost = pool.submit(stage.pods, "a", "m", "")
        assert seat.is_held(PATIENCE_S)
        seat.forget()
        assert lost.result(PATIENCE_S) is None
        seat.hold()
        pool.submit(stage.pods, "a", "m", "")
        assert seat.is_held(PATIENCE_S)
        seat.release()


def test_who_has_no_seat_is_told_nothing_and_does_not_wait() -> None:
    stage = Stage()
    assert stage.external("nobody", "m", "") is None
    assert stage.object("nobody", "services/web", "m", "") is None
    assert stage.resources("nobody", "") is None


def test_the_audit_log_is_followed_line_by_line(tmp_path: Path) -> None:
    stage = Stage()
    seat = stage.seat("a", questions=1)
    log = tmp_path / "audit.log"
    log.touch()
    with follow_audit(log, stage.notice), log.open("a") as file:
        text = "".join(
            json.dumps(event) + "\n" for event in (an_event("b", "get"), an_event("a", "get"), an_event("a", "update"))
        )
        for part in (text[:100], text[100:]):
            file.write(part)
            file.flush()
        read, written = seat.next(PATIENCE_S), seat.next(PATIENCE_S)
    assert read is not None
    assert written is not None
    assert (read.what, read.code, read.body) == ("get scale", 200, {"answered": True})
    assert (written.what, written.at, written.body) == ("put scale", 1.5, {"asked": True})


def an_event(namespace: str, verb: str) -> dict[str, object]:
    return {
        "verb": verb,
        "objectRef": {"namespace": namespace, "subresource": "scale"},
        "requestReceivedTimestamp": "1970-01-01T00:00:01.500000Z",
        "responseStatus": {"code": 200},
        "requestObject": {"asked": True},
        "responseObject": {"answered": True},
    }
