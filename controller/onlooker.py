"""What whoever looks on is told of a running controller: metrics, the read API, ledgers. A call costs next to nothing.

An onlooker is called between the steps of a tick: it takes what it is told and returns, and leaves slow work to others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.adapters.ledger import Entry
from controller.deciding import Outcome
from controller.domain import decision_id
from controller.subjects import Key, Refusal


@dataclass(frozen=True, eq=False)
class Decided:
    """One policy's tick: the outcome, and how it went.

    problem  signal -> "Reason: words" where its history is not read as it should be
    failed   why the HPA could not be written; empty where it could, or need not
    """

    key: Key
    outcome: Outcome
    problem: Mapping[str, str]
    failed: str = ""

    @property
    def id(self) -> str:
        """When, and for which policy: the same in the log, the event, the ledger and the read API."""
        return decision_id(self.outcome.policy.name, self.outcome.decision.at)

    @property
    def entry(self) -> Entry:
        """As the ledger has it."""
        one = self.outcome
        return Entry(
            id=self.id, now=one.decision.at, observed=one.observed, forecasts=one.forecasts, memory=one.before,
            decision=one.decision,
        )  # fmt: skip


class Onlooker:
    """By itself it does nothing."""

    def decided(self, one: Decided) -> None:
        """A policy was decided upon, and what was to be written was written, or failed."""

    def timed(self, step: str, seconds: float) -> None:
        """A step of a tick took so long: read, plan or write; and beside the ticks, forecast."""

    def reset(self, key: Key) -> None:
        """A floor that an owner's apply had reset was put back at once."""

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        """A tick is over; these are all the policies that there are. None, where another leads."""


class Onlookers(Onlooker):
    """Several as one."""

    def __init__(self, ones: Sequence[Onlooker]) -> None:
        self._ones = tuple(ones)

    def decided(self, one: Decided) -> None:
        for onlooker in self._ones:
            onlooker.decided(one)

    def timed(self, step: str, seconds: float) -> None:
        for onlooker in self._ones:
            onlooker.timed(step, seconds)

    def reset(self, key: Key) -> None:
        for onlooker in self._ones:
            onlooker.reset(key)

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        for onlooker in self._ones:
            onlooker.ticked(found)
