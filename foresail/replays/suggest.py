"""`foresail replay --suggest`: the policy that would have cost least before the part that is replayed, and then in it.

It is chosen on the days before alone, so that the part replayed says what such a choice is worth. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import NamedTuple

from controller.domain import Policy
from controller.simulation.feed import feed_from
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.replay import replay
from controller.simulation.score import Score, score
from controller.simulation.suggestion import Suggestion, suggested
from foresail.replays.case import Case, Stretch, case_of
from foresail.replays.figures import gaps, score_table, unmeasured, unmeasured_minutes

_LEAST_SHARE = 0.5
"""Of what lies before: forecasts, and what corrects them, want a past of their own."""


class Suggested(NamedTuple):
    """What was found on the days before, and what it would then have had.

    chosen_on  the part before
    score      of the suggested policy in the part that is replayed; None where nothing is suggested
    hpa        the figures of the HPA as given there
    """

    chosen_on: Case
    found: Suggestion
    score: Score | None
    hpa: Score


def suggest(case: Case, longest: timedelta, hpa: Score) -> Suggested:
    """The suggestion from at most the `longest` time before the case, of which `hpa` are the HPA's figures.

    Raises BadHistory where nothing lies before it.
    """
    past = before(case, longest)
    lag = past.settings.known_after
    feed = feed_from(past.told(past.forecaster), past.series, past.policy, lag, past.load.start)
    found = suggested(past.load, past.policy, past.hpa, past.settings, feed)
    if found.policy is None:
        return Suggested(past, found, None, hpa)
    now = feed_from(case.told(case.forecaster), case.series, found.policy, lag, case.load.start)
    return Suggested(past, found, score(replay(case.load, found.policy, case.hpa, case.settings, now)), hpa)


def before(case: Case, longest: timedelta) -> Case:
    """The time before the case, of which the last part is played: as long as asked, and at most half."""
    series = [one.part(0, max(0, one.index(case.load.start))) for one in case.series]
    whole = case.load.start - max(one.start for one in series)
    share = max(_LEAST_SHARE, 1 - longest / whole) if whole > timedelta(0) else _LEAST_SHARE
    past = case_of(series, Stretch(share, longest), case.policy, case.hpa, case.settings, case.forecaster)
    return replace(past, incidents=case.incidents)


def tried_table(suggestion: Suggested) -> tuple[str, Sequence[str], list[list[str]]]:
    """(title, columns, rows) of everything that was played on the days before, the HPA alone first."""
    found, load = suggestion.found, suggestion.chosen_on.load
    titled = [("HPA as given", found.hpa), *((_called(policy), figures) for policy, figures in found.tried)]
    columns, rows = score_table(titled, found.hpa, load.stock is not None)
    return f"What was tried on {_days(suggestion)} days before, from {load.start:%Y-%m-%d %H:%M} UTC", columns, rows


def sentences(suggestion: Suggested, given: HpaSpec) -> list[str]:
    """What is suggested, why, and what it would have had; `given` is the HPA with the user's names of its metrics."""
    load, found = suggestion.chosen_on.load, suggestion.found
    days, stock = f"In {_days(suggestion)} days before", load.stock is not None
    gone = [f"{days}: {sentence}" for sentence in unmeasured(load)]
    if found.policy is None or found.score is None or suggestion.score is None:
        return [
            *gone,
            f"{days}, with {_figures(found.hpa, stock)} for the HPA alone, no policy that was tried had as little"
            " overload for less, or less overload: nothing is suggested, leave the HPA as it is.",
        ]
    return [
        *gone,
        f"{days}, '{_called(found.policy)}' would have cost least, with no more overload than the HPA:"
        f" {_figures(found.score, stock)}; the HPA {_figures(found.hpa, stock)}.",
        f"In the part replayed it would have had {_figures(suggestion.score, stock)}; the HPA"
        f" {_figures(suggestion.hpa, stock)}.",
        *policy_lines(found.policy, suggestion.chosen_on.hpa, given),
    ]


def policy_lines(policy: Policy, hpa: HpaSpec, given: HpaSpec) -> list[str]:
    """The lines of the policy that are suggested, as YAML."""
    lines = ["spec:", f"  costRatio: {policy.cost_ratio:g}", "  levers:", *(f"  - {lever}" for lever in policy.levers)]
    if policy.target is not None:
        names = {ours.name: users.name for ours, users in zip(hpa.metrics, given.metrics, strict=True)}
        lines += [
            "  target:",
            f"    metric: {names[policy.target.metric]}",
            f'    min: "{_quantity(policy.target.lowest)}"',
            f'    max: "{_quantity(policy.target.highest)}"',
        ]
    return lines


def suggestion_dict(suggestion: Suggested) -> dict[str, object]:
    """The suggestion, ready for JSON; `policy` None where there is none."""
    found, load = suggestion.found, suggestion.chosen_on.load
    return {
        "from": load.start.isoformat(),
        "minutes": len(load) * (load.tick / timedelta(minutes=1)),
        "unknown_minutes": unmeasured_minutes(load),
        "gaps": [[first.isoformat(), stop.isoformat()] for first, stop in gaps(load)],
        "policy": None if found.policy is None else _levers(found.policy),
        "tried": [{**_levers(policy), "figures": figures.to_dict()} for policy, figures in found.tried],
        "before": {"hpa": found.hpa.to_dict(), "suggested": found.score and found.score.to_dict()},
        "replayed": {"hpa": suggestion.hpa.to_dict(), "suggested": suggestion.score and suggestion.score.to_dict()},
    }


def _levers(policy: Policy) -> dict[str, object]:
    return {
        "cost_ratio": policy.cost_ratio,
        "levers": list(policy.levers),
        "target": None if policy.target is None else asdict(policy.target),
    }


def _called(policy: Policy) -> str:
    """Such as "target to 45.9, ratio 50"."""
    levers = "floor alone" if policy.target is None else f"target to {_quantity(policy.target.highest)}"
    return f"{levers}, ratio {policy.cost_ratio:g}"


def _days(suggestion: Suggested) -> str:
    load = suggestion.chosen_on.load
    return f"the {len(load) * load.tick / timedelta(days=1):.1f}"


def _quantity(value: float) -> str:
    """In thousandths at most, as an HPA counts."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _figures(figures: Score, stock: bool) -> str:
    of_stock = (
        f", {figures.hot_connection_minutes:,.0f} hot connection-minutes, {figures.connections_broken:,} connections"
        " broken"
    )
    said = f"{figures.overload_minutes:,.1f} overload minutes{of_stock if stock else ''}"
    return f"{said} and {figures.pod_hours:,.1f} pod-hours"
