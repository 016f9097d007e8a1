"""The model card, written from measured figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_COLUMNS = ("mae", "pinball", "ramp")


def card(name: str, parameters: int, recorded: Mapping[str, Any]) -> str:
    """Markdown: what it is, what it learned from, what it reaches on what it did not see, what it is not for.

    recorded  the content of metrics.json: `recipe`, and one of `scores` per history, None where a ratio has no meaning
    """
    recipe, scores = recorded["recipe"], recorded["scores"]
    rows = [_row(s["series"], [s[c] for c in _COLUMNS], s["coverage"]["0.95"]) for s in scores]
    means = [_geometric([s[c] for s in scores]) for c in _COLUMNS]
    rows.append(_row("**geometric mean** (coverage: mean)", means, _mean([s["coverage"]["0.95"] for s in scores])))
    return "\n".join(
        [
            f"# Model card: {name}",
            "",
            f"A global LSTM with {parameters:,} parameters: 120 steps of context, windows of 1, 2, 7 and 14 days ago, "
            "of the usual day, week and hour, the workload's own ridge regression and the usual spread of its moves; "
            "15 steps ahead, eight quantiles of each step and of the peak of any window of them.",
            "One network for every workload; it sees only what is relative to a workload's own level. What is served "
            "and measured here is calibrated online by the last two days.",
            "",
            f"Learned from the first {recipe['share']:.0%} of {len(scores)} histories and from {recipe['synthetic']} "
            f"made-up series (seed {recipe['synthetic_seed']}), in {recipe['train']['steps']:,} steps, "
            f"seed {recipe['train']['seed']}.",
            "",
            "## What it reaches",
            "",
            f"On the last {1 - recipe['share']:.0%} of each history, which training did not see, an origin every "
            f"{recipe['measure_every']} steps. Ratios to persistence with the spread of past increments; below 1 is "
            "better.",
            "",
            "| history | MAE | pinball | on up-ramps | coverage of 0.95 |",
            "| --- | ---: | ---: | ---: | ---: |",
            *rows,
            "",
            "## What it is not for",
            "",
            "Steps below 15 seconds or above five minutes; horizons beyond 15 steps; loads that follow no clock and "
            "give no sign: there it is about as good as persistence, and its upper quantiles do not cover what nobody "
            "could know.",
            "",
        ]
    )


def _row(name: str, ratios: list[float | None], coverage: float | None) -> str:
    covered = "-" if coverage is None else f"{100 * coverage:.1f} %"
    return f"| {name} | {' | '.join('-' if r is None else f'{r:.2f}' for r in ratios)} | {covered} |"


def _geometric(ratios: list[float | None]) -> float | None:
    """Of those that are known and positive; a history that persistence forecasts exactly has no ratio."""
    known = [r for r in ratios if r is not None and r > 0]
    return math.exp(sum(math.log(r) for r in known) / len(known)) if known else None


def _mean(shares: list[float | None]) -> float | None:
    known = [s for s in shares if s is not None]
    return sum(known) / len(known) if known else None
