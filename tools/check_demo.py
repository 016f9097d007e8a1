"""Judges the JSON of a demo run: did it show what a demo is there to show?

Ends with 0 when every claim holds, 1 when one does not, 2 when the file is no result of a demo.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

LIVE, REPLAY, HPA, PERFECT = "foresail_live", "foresail", "hpa", "perfect"
FIGURES = (
    "overload_minutes",
    "hot_connection_minutes",
    "pod_minutes",
    "longest_shortage_s",
    "connections_opened",
    "connections_refused",
    "connections_broken",
    "rescales",
    "connections_moved",
    "reconnect_peak",
    "scored_minutes",
)
RISE, FLASH = "recurring rise", "flash crowd"

FIRST_FORECAST_S = 20.0
"""Real seconds from the start to the first forecast: what a newcomer waits without wondering."""
AGREEMENT = 0.10
"""How far the live run and its replay may be apart. Beyond it the other replays would say nothing about real ones."""
GRAIN_MINUTES = 0.5
"""Two ticks of 15 s: both ends of a shortage may fall into the neighbouring tick, however short the shortage is."""
OVERLOAD_SHARE = 0.5
"""Of the HPA's overload minutes, what Foresail may have left."""
COST_SHARE = 1.1
"""Of the HPA's pod-minutes, what Foresail may use for it."""


class BadResult(Exception):
    """The file is not the result of a demo; the text says what is missing."""


class Claim(NamedTuple):
    """One thing that a demo must show, and whether this one did."""

    holds: bool
    text: str


def claims(result: Mapping[str, Any]) -> list[Claim]:
    """Every claim about a result, or BadResult where a figure that they need is missing."""
    arms = {name: _figures(_at(result, "arms", name), f"arms.{name}") for name in (LIVE, REPLAY, HPA, PERFECT)}
    live, replay, hpa = arms[LIVE], arms[REPLAY], arms[HPA]
    first = _at(result, "first_forecast_s")
    return [
        Claim(
            first is not None and first <= FIRST_FORECAST_S,
            f"first forecast after {first} s, by {FIRST_FORECAST_S:g} s",
        ),
        Claim(
            live["connections_opened"] > 0, f"{live['connections_opened']:g} connections were opened by real clients"
        ),
        _agree("pod_minutes", live, replay, 0.0),
        _agree("overload_minutes", live, replay, GRAIN_MINUTES),
        Claim(hpa["overload_minutes"] > 0, f"the HPA alone is short for {hpa['overload_minutes']:g} minutes, above 0"),
        _at_most("overload_minutes", replay, hpa, OVERLOAD_SHARE),
        _at_most("pod_minutes", replay, hpa, COST_SHARE),
        _in_time(_at(result, "segments", RISE, "ready_ahead_s", LIVE)),
        _no_worse(_at(result, "segments", FLASH, "arms")),
    ]


def _agree(figure: str, live: Mapping[str, float], replay: Mapping[str, float], grain: float) -> Claim:
    apart, allowed = abs(live[figure] - replay[figure]), max(AGREEMENT * replay[figure], grain)
    text = f"{figure}: live {live[figure]:g}, replayed {replay[figure]:g}, apart {apart:g}, at most {allowed:g}"
    return Claim(apart <= allowed, text)


def _at_most(figure: str, ours: Mapping[str, float], theirs: Mapping[str, float], share: float) -> Claim:
    text = f"{figure}: Foresail {ours[figure]:g}, HPA {theirs[figure]:g}, at most {share:g}x"
    return Claim(ours[figure] <= share * theirs[figure], text)


def _in_time(ahead_s: float | None) -> Claim:
    when = "from the start" if ahead_s is None else f"{ahead_s:g} s ahead, at least 0"
    return Claim(ahead_s is None or ahead_s >= 0, f"{RISE}: the pods were ready {when}")


def _no_worse(arms: Mapping[str, Any]) -> Claim:
    ours, theirs = (_at(arms, name, "overload_minutes") for name in (REPLAY, HPA))
    return Claim(
        ours <= theirs, f"{FLASH}: Foresail is short for {ours:g} minutes, the HPA for {theirs:g}, no more than it"
    )


def _figures(arm: Mapping[str, Any], where: str) -> dict[str, float]:
    found = {figure: _at(arm, figure) for figure in FIGURES}
    if odd := [
        figure for figure, value in found.items() if isinstance(value, bool) or not isinstance(value, int | float)
    ]:
        raise BadResult(f"{where}.{odd[0]} is {found[odd[0]]!r}; expected a number")
    return found


def _at(table: Any, *path: str) -> Any:
    for depth, key in enumerate(path):
        if not isinstance(table, dict) or key not in table:
            raise BadResult(f"no {'.'.join(path[: depth + 1])}; expected the JSON of `foresail demo --json FILE`")
        table = table[key]
    return table


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1:
        print("usage: python -m tools.check_demo FILE", file=sys.stderr)
        return 2
    try:
        verdict = claims(json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, BadResult) as error:
        print(f"check_demo: {argv[0]}: {error}", file=sys.stderr)
        return 2
    for claim in verdict:
        print(f"{'holds ' if claim.holds else 'FAILED'}  {claim.text}")
    return 0 if all(claim.holds for claim in verdict) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
