"""The log of a running controller: one JSON object a line, of one schema, whoever logs.

A decision's line holds the decision with its id, by which its event, its entry in the ledger and the read API have it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TextIO

from pydantic import BaseModel, ConfigDict, Field

from controller.deciding import Outcome
from controller.domain import Mode
from controller.onlooker import Decided, Onlooker
from controller.subjects import Key, Refusal

_DECISIONS = logging.getLogger("foresail.decisions")


class LoggedDecision(BaseModel):
    """What a line says of a decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(description="the same in event, ledger and read API; ids sort by time")]
    policy: Annotated[str, Field(description="namespace/name")]
    mode: Annotated[Mode, Field(description="that was followed")]
    floor: Annotated[int, Field(description="replicas that the HPA is to hold at least")]
    previous: Annotated[int, Field(description="the floor before")]
    wanted: Annotated[int | None, Field(description="what the forecast asked for, before any guard")] = None
    target: Annotated[float | None, Field(description="of the HPA's metric, per pod; absent: its owner's")] = None
    hpa_alone: Annotated[int | None, Field(description="replicas that the HPA would hold without Foresail")] = None
    replicas: Annotated[int, Field(description="that the HPA asks for now")]
    ready: Annotated[int, Field(description="pods that take traffic")]
    held: Annotated[str | None, Field(description="why the floor is held as it is, where that is so")] = None
    failed: Annotated[str | None, Field(description="why the HPA could not be written, where that is so")] = None


class Line(BaseModel):
    """A line of the log. What does not apply is absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: Annotated[datetime, Field(description="when, ISO 8601 in UTC")]
    level: Annotated[str, Field(description="DEBUG, INFO, WARNING, ERROR or CRITICAL")]
    logger: Annotated[str, Field(description="the module; `foresail.decisions` for decisions")]
    message: Annotated[str, Field(description="in words; of a decision, what happens to the floor and why")]
    error: Annotated[str | None, Field(description="the traceback, where there is one")] = None
    decision: Annotated[LoggedDecision | None, Field(description="of a decision, see below")] = None


class JsonFormatter(logging.Formatter):
    """A record as its line."""

    def format(self, record: logging.LogRecord) -> str:
        told = getattr(record, "decision", None)
        return Line(
            time=datetime.fromtimestamp(record.created, UTC),
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            error=self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else None,
            decision=told if isinstance(told, LoggedDecision) else None,
        ).model_dump_json(exclude_none=True)


def logged(one: Decided) -> LoggedDecision:
    """What the log says of a decision."""
    outcome, decision = one.outcome, one.outcome.decision
    return LoggedDecision(
        id=one.id, policy=f"{one.key[0]}/{one.key[1]}", mode=outcome.policy.mode, floor=decision.floor,
        previous=decision.previous, wanted=decision.wanted, target=decision.target,
        hpa_alone=outcome.observed.hpa_wish, replicas=outcome.observed.replicas, ready=outcome.observed.ready,
        held=outcome.held or None, failed=one.failed or None,
    )  # fmt: skip


class DecisionLog(Onlooker):
    """Logs each decision: at INFO what moves something, or differs from the one before in how it came to be; the rest,
    which says that all is as it was, at DEBUG."""

    def __init__(self) -> None:
        self._newest: dict[Key, object] = {}

    def decided(self, one: Decided) -> None:
        outcome, decision = one.outcome, one.outcome.decision
        state = decision.floor, decision.target, outcome.policy.mode, bool(outcome.held), bool(one.failed)
        level = logging.DEBUG if self._newest.get(one.key) == state else logging.INFO
        self._newest[one.key] = state
        if _DECISIONS.isEnabledFor(level):
            _DECISIONS.log(level, "%s", decision.summary(), extra={"decision": logged(one)})

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        for gone in self._newest.keys() - found.keys():
            del self._newest[gone]


def log_as_json(level: str = "INFO", stream: TextIO | None = None) -> None:
    """From now on every line that anything logs, Python's warnings among them, is one of ours, on standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
