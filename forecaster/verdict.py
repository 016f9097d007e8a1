"""Whose forecast is served, and why: what the gate says of one origin. A result, not an error. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


class Ruling(enum.StrEnum):
    """The network's forecast, a simple rule's in its place, or none that may be acted on."""

    ACCEPT = "Accept"
    BASELINE = "Baseline"
    ABSTAIN = "Abstain"


@dataclass(frozen=True)
class Verdict:
    """The ruling on one origin, with the figures that it rests on; None where nothing could be scored.

    model     whose numbers the forecast holds; those of an abstention are shown and not acted on
    reason    why not the network, in a clause; empty where it is accepted
    best      the rule that lost least lately
    skill     the network's pinball loss over that of the last value; below 1 is better
    against   the network's pinball loss over that of `best`
    coverage  share of the last day's targets that lay at or below the network's 0.95 quantile
    hours     of the last days in which forecasts were scored
    """

    ruling: Ruling
    model: str
    reason: str = ""
    best: str | None = None
    skill: float | None = None
    against: float | None = None
    coverage: float | None = None
    hours: int = 0

    def sentence(self) -> str:
        """The verdict in one sentence, such as "Accept lstm:base: it loses 0.71 of what ..."."""
        named = "Abstain" if self.ruling is Ruling.ABSTAIN else f"{self.ruling} {self.model}"
        clauses = [clause for clause in (self.reason, *self._figures()) if clause]
        return f"{named}: {'; '.join(clauses)}" if clauses else named

    def _figures(self) -> list[str]:
        figures = []
        if self.skill is not None:
            figures.append(f"the network loses {self.skill:.2f} of what the last value loses")
        if self.against is not None and self.best is not None:
            figures.append(f"{self.against:.2f} of what the best rule, {self.best}, does")
        if self.coverage is not None:
            figures.append(f"{100 * self.coverage:.0f} % of the last day's loads lay within its 0.95 quantile")
        if figures:
            figures.append(f"{self.hours} hours scored")
        return figures


def shares(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """How often each ruling was made, a baseline by its rule's name: {"Accept": 0.9, "ridge": 0.1, "Abstain": 0.0}.

    The rules come in between, the most frequent first. `verdicts` is not empty.
    """
    counts = Counter(v.model if v.ruling is Ruling.BASELINE else str(v.ruling) for v in verdicts)
    rules = [name for name, _ in counts.most_common() if name not in (Ruling.ACCEPT, Ruling.ABSTAIN)]
    return {name: counts[name] / len(verdicts) for name in (str(Ruling.ACCEPT), *rules, str(Ruling.ABSTAIN))}
