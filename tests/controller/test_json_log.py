"""Every line of the log is one JSON object of the documented schema, whoever logs and whatever it is about."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import pytest

from controller.domain import Mode
from controller.json_log import DecisionLog, Line, log_as_json
from controller.onlooker import Decided
from tests.controller.test_deciding import RISE, a_subject, decided
from tests.helpers.processes import PATIENCE_S

KEY = ("chat", "gateway")


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged while the test lasts."""
    root = logging.getLogger()
    before, level, stream = root.handlers[:], root.level, StringIO()
    root.handlers = []
    log_as_json("DEBUG", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers, root.level = before, level


def lines(log: StringIO) -> list[Line]:
    return [Line.model_validate_json(line) for line in log.getvalue().splitlines()]


def test_whoever_logs_a_line_is_a_line(log: StringIO) -> None:
    logging.getLogger("aiohttp.client").warning('two\nlines, a "quote" and %s', "\x1b[31m")
    try:
        raise KeyError("mine")
    except KeyError:
        logging.getLogger("asyncio").exception("it failed")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    said, failed, warned = lines(log)
    assert (said.level, said.logger, said.message) == (
        "WARNING", "aiohttp.client", 'two\nlines, a "quote" and \x1b[31m',
    )  # fmt: skip
    assert (failed.level, failed.message) == ("ERROR", "it failed")
    assert failed.error is not None
    assert failed.error.endswith("KeyError: 'mine'")
    assert "DeprecationWarning: old" in warned.message


def test_a_decision_is_told_with_its_id(log: StringIO) -> None:
    one = Decided(KEY, decided(a_subject(), RISE), {}, "409 Conflict")
    DecisionLog().decided(one)
    (line,) = lines(log)
    assert (line.logger, line.message) == ("foresail.decisions", one.outcome.decision.summary())
    assert line.decision is not None
    assert (line.decision.id, line.decision.policy, line.decision.floor) == (one.id, "chat/gateway", 9)
    assert (line.decision.mode, line.decision.failed, line.decision.held) == (Mode.ACTIVE, "409 Conflict", None)
    assert "held" not in json.loads(log.getvalue())["decision"]


def test_what_changes_nothing_is_for_those_who_ask(log: StringIO) -> None:
    decisions, outcome = DecisionLog(), decided(a_subject(), RISE)
    same = Decided(KEY, outcome, {})
    lower = Decided(KEY, replace(outcome, decision=replace(outcome.decision, floor=8)), {})
    for one in (same, same, lower, replace(lower, failed="away"), same):
        decisions.decided(one)
    decisions.ticked({})
    decisions.decided(same)
    assert [line.level for line in lines(log)] == ["INFO", "DEBUG", "INFO", "INFO", "INFO", "INFO"]


def test_a_quiet_log_costs_no_line(log: StringIO) -> None:
    logging.getLogger().setLevel("WARNING")
    DecisionLog().decided(Decided(KEY, decided(a_subject(), RISE), {}))
    assert log.getvalue() == ""


def test_a_controller_that_cannot_begin_says_so_in_a_line() -> None:
    environment = {"KUBECONFIG": "/nowhere", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "foresail", "controller", "run"]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
    said = [Line.model_validate_json(line) for line in found.stderr.splitlines()]
    assert found.returncode != 0
    assert said[-1].level == "CRITICAL"
