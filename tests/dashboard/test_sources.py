"""Sources: a ledger is read as it grows and never twice; what cannot be read is a sentence; so is a silent endpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, start_http_server

from controller.metrics import ControllerMetrics, Reported, serve_metrics
from dashboard.sources import OVER_AFTER_S, LedgerSource, MetricsSource, Notice, Run
from tests.dashboard.runs import POLICY, an_hour, write
from tests.helpers.builders import a_policy
from tests.helpers.processes import free_port

WRITTEN_AT = 1_000_000.0


def read(source: LedgerSource) -> Run:
    found = source.read()
    assert isinstance(found, Run), found
    return found


def stamped(path: Path) -> Path:
    os.utime(path, (WRITTEN_AT, WRITTEN_AT))
    return path


def test_a_ledger_is_read_with_all_that_is_written_so_far(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:3])
    source = LedgerSource(path, lambda: WRITTEN_AT)
    assert read(source).policy == POLICY
    assert read(source).entries == an_hour()[:3]
    write(path, an_hour()[3:5])
    assert read(source).entries == an_hour()[:5]


def test_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:2])
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    source = LedgerSource(path, lambda: WRITTEN_AT)
    assert read(source).entries == an_hour()[:1]
    with path.open("ab") as file:
        file.write(whole[-20:])
    assert read(source).entries == an_hour()[:2]


def test_the_ledger_of_the_next_run_takes_the_place_of_this_one(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:5])
    source = LedgerSource(path, lambda: WRITTEN_AT)
    read(source)
    other = a_policy(max_replicas=7)
    write(tmp_path / "next.jsonl", an_hour()[:9], other).replace(path)
    assert (read(source).policy, read(source).entries) == (other, an_hour()[:9])


def test_a_ledger_that_became_shorter_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:5])
    source = LedgerSource(path, lambda: WRITTEN_AT)
    read(source)
    path.write_bytes(write(tmp_path / "short.jsonl", an_hour()[:2]).read_bytes())
    assert read(source).entries == an_hour()[:2]


@pytest.mark.parametrize(("age_s", "live"), [(0.0, True), (OVER_AFTER_S - 1, True), (OVER_AFTER_S + 1, False)])
def test_a_run_is_live_while_its_ledger_grows(tmp_path: Path, age_s: float, live: bool) -> None:
    path = stamped(write(tmp_path / "ledger.jsonl", an_hour()[:1]))
    assert read(LedgerSource(path, lambda: WRITTEN_AT + age_s)).live is live


def test_what_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    source = LedgerSource(path, lambda: WRITTEN_AT)
    found = [source.read()]
    path.touch()
    found.append(source.read())
    write(path, [])
    found.append(source.read())
    assert [isinstance(each, Notice) and each.live for each in found] == [True, True, True]
    assert len({str(each) for each in found}) == 3
    write(path, an_hour()[:1])
    assert read(source).entries == an_hour()[:1]


def test_a_damaged_ledger_says_where(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:2])
    path.write_bytes(path.read_bytes().replace(b'"floor"', b'"flour"'))
    found = LedgerSource(path, lambda: WRITTEN_AT).read()
    assert isinstance(found, Notice)
    assert f"{path}, line 2" in found.text


def test_a_ledger_that_breaks_while_it_is_read_says_so_and_keeps_saying_so(tmp_path: Path) -> None:
    path = write(tmp_path / "ledger.jsonl", an_hour()[:2])
    source = LedgerSource(path, lambda: WRITTEN_AT)
    read(source)
    with path.open("ab") as file:
        file.write(b"no entry\n")
    found = [source.read(), source.read()]
    assert found[0] == found[1]
    assert isinstance(found[0], Notice)
    assert "line 4" in found[0].text


@pytest.fixture
def url() -> Iterator[str]:
    metrics = ControllerMetrics(CollectorRegistry())
    metrics.record(an_hour()[9])
    port = free_port()
    stop = serve_metrics(metrics, port)
    yield f"http://127.0.0.1:{port}/metrics"
    stop()


def test_a_running_controller_reports_its_newest_decision(url: str) -> None:
    entry = an_hour()[9]
    assert MetricsSource(url).read() == Reported(entry.now, entry.decision.floor)


def test_an_endpoint_that_does_not_answer_is_a_state() -> None:
    found = MetricsSource(f"http://127.0.0.1:{free_port()}/metrics").read()
    assert isinstance(found, Notice)
    assert "the run has ended, or is elsewhere" in found.text


def test_another_service_is_told_from_a_controller() -> None:
    server, thread = start_http_server(port := free_port(), "127.0.0.1", CollectorRegistry())
    found = MetricsSource(f"http://127.0.0.1:{port}/metrics").read()
    server.shutdown()
    server.server_close()
    thread.join()
    assert isinstance(found, Notice)
    assert "no decision reported yet" in found.text
