"""The model card, written from measured figures. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from forecaster.promotion import CONFIDENCE

_COLUMNS = ("mae", "pinball", "ramp")
_HEADER = (
    "| history | MAE | pinball | on up-ramps | coverage of 0.95 |",
    "| --- | ---: | ---: | ---: | ---: |",
)


def card(name: str, parameters: int, recorded: Mapping[str, Any]) -> str:
    """Markdown: what it is, what it learned from, what it reaches on what it did not see, what it is not for.

    recorded  the content of metrics.json: `recipe`, and one of `scores` per history, None where a ratio has no meaning;
              of a refit those of what it went on from, and `refit`
    """
    recipe, scores = recorded["recipe"], recorded["scores"]
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
            *(_reach(recipe, scores) if "refit" not in recorded else _refit_reach(recorded["refit"])),
            "",
            "## What it is not for",
            "",
            "Steps below 15 seconds or above five minutes; horizons beyond 15 steps; loads that follow no clock and "
            "give no sign: there it is about as good as persistence, and its upper quantiles do not cover what nobody "
            "could know.",
            "",
        ]
    )


def _reach(recipe: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> list[str]:
    means = [_geometric([s[c] for s in scores]) for c in _COLUMNS]
    covered = _mean([s["coverage"]["0.95"] for s in scores])
    return [
        "## What it reaches",
        "",
        f"On the last {1 - recipe['share']:.0%} of each history, which training did not see, an origin every "
        f"{recipe['measure_every']} steps. Ratios to persistence with the spread of past increments; below 1 is "
        "better.",
        "",
        *_HEADER,
        *(_score_row(s["series"], s) for s in scores),
        _row("**geometric mean** (coverage: mean)", means, covered),
    ]


def _refit_reach(refit: Mapping[str, Any]) -> list[str]:
    """Of a refit: what it went on from, and how it compared with what it replaced. Elsewhere it was not measured."""
    base, config, verdict = refit["base"], refit["config"], refit["verdict"]
    used, refitted = refit["scores"]
    return [
        f"Refitted from {base['name']} ({base['seal'][:12]}), on {refit['history']} from {refit['learned_from']} to "
        f"{refit['learned_until']}: layers {config['layers']}, {config['steps']:,} steps, seed {config['seed']}. "
        "It is made for that workload; on others it was not measured.",
        "",
        "## What it reaches",
        "",
        f"On {refit['history']} from there to {refit['judged_until']}, which neither this refit nor one before it has "
        f"learned from, an origin every {config['every']} steps. Ratios to persistence with the spread of past "
        "increments; below 1 is better.",
        "",
        *_HEADER,
        _score_row(f"{refit['used']['name']} ({refit['used']['seal'][:12]}), in use until then", used),
        _score_row("this refit", refitted),
        "",
        f"Its pinball loss is {verdict['ratio']:.3f} of the other's, with a confidence of {100 * CONFIDENCE:g} % below "
        f"{verdict['bound']:.3f}, by {verdict['hours']} hours; at the levels from 0.95 on {verdict['upper']:.3f}.",
    ]


def _score_row(name: str, score: Mapping[str, Any]) -> str:
    return _row(name, [score[c] for c in _COLUMNS], score["coverage"]["0.95"])


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
