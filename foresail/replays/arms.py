"""The arms of `foresail replay`, each a row of `ARMS`: what could have scaled the workload. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from controller.simulation.equal_cost import hpa_at_cost
from controller.simulation.feed import ForecastFeed, PrecomputedFeed, feed_from
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Run, replay
from controller.simulation.score import score
from forecaster.baselines import BASELINES, has_errors
from forecaster.forecast import Forecaster
from forecaster.verdict import Verdict
from foresail.replays.case import Case

HPA, FORESAIL, HPA_SAME_COST, OFFSET_RULE, PERFECT = "hpa", "foresail", "hpa_same_cost", "offset_rule", "perfect"
NOT_JUDGED, NO_FORECAST = "not judged", "no forecast"


class Played(NamedTuple):
    """The run of one arm, the HPA that was in it, and what the planner was told; None where no planner was."""

    run: Run
    hpa: HpaSpec
    feed: ForecastFeed | None = None


class Arm(NamedTuple):
    """One way to scale the workload; `play` is given the arms before it too, by their keys."""

    key: str
    title: str
    color: str
    play: Callable[[Case, Mapping[str, Played]], Played]


def _hpa(case: Case, _: Mapping[str, Played]) -> Played:
    return Played(replay(case.load, case.policy, case.hpa, case.settings, None), case.hpa)


def _foresail(case: Case, _: Mapping[str, Played]) -> Played:
    return _planned(case, case.told(case.forecaster))


def _hpa_same_cost(case: Case, before: Mapping[str, Played]) -> Played:
    cost = score(before[FORESAIL].run).pod_minutes
    found = hpa_at_cost(case.load, case.policy, case.hpa, case.settings, cost)
    return Played(found.run, found.hpa_spec)


def _offset_rule(case: Case, _: Mapping[str, Played]) -> Played:
    """Until the rule has made enough errors on every signal to know its spread, the HPA is alone."""
    after = case.settings.known_after
    starts = [s.time(int(np.argmax(has_errors(s))) + 1) + after for s in case.repeated if has_errors(s).any()]
    if len(starts) < len(case.series):
        return _led(case, PrecomputedFeed((), after))
    return _planned(case, case.told(BASELINES["offset-rule"]), max(starts))


def _perfect(case: Case, _: Mapping[str, Played]) -> Played:
    return _planned(case, Perfect())


def _planned(case: Case, forecaster: Forecaster, since: datetime | None = None) -> Played:
    """With forecasts from `since` on, where that is later than the start."""
    start = case.load.start if since is None else max(since, case.load.start)
    return _led(case, feed_from(forecaster, case.series, case.policy, case.settings.known_after, start))


def _led(case: Case, feed: ForecastFeed) -> Played:
    return Played(replay(case.load, case.policy, case.hpa, case.settings, feed), case.hpa, feed)


ARMS = (
    Arm(HPA, "HPA as given", "tab:orange", _hpa),
    Arm(FORESAIL, "Foresail over HPA", "tab:blue", _foresail),
    Arm(HPA_SAME_COST, "HPA at equal cost", "tab:red", _hpa_same_cost),
    Arm(OFFSET_RULE, "max(now, yesterday)", "tab:purple", _offset_rule),
    Arm(PERFECT, "perfect forecast", "tab:green", _perfect),
)
"""In the order of their being played and shown."""


def play_arms(case: Case, on_arm: Callable[[Arm], None], keys: Collection[str] | None = None) -> dict[str, Played]:
    """Every arm of `ARMS` by its key, or those of `keys` alone; `on_arm` is called before each.

    Raises KeyError where `keys` lack an arm that one of them is measured by.
    """
    played: dict[str, Played] = {}
    for arm in ARMS:
        if keys is not None and arm.key not in keys:
            continue
        on_arm(arm)
        played[arm.key] = arm.play(case, played)
    return played


def ruled_hours(case: Case, feed: ForecastFeed) -> dict[str, dict[str, float]]:
    """Signal -> ruling -> hours for which the forecast in use had it, over the time that is scored.

    A ruling for a simple rule bears the rule's name.
    """
    load = case.load
    hours: dict[str, dict[str, float]] = {signal.name: {} for signal in case.policy.signals}
    for tick in np.flatnonzero(load.known):
        told = {forecast.signal: forecast.verdict for forecast in feed.at(load.time(int(tick))).forecasts}
        for name, counted in hours.items():
            said = _said(told[name]) if name in told else NO_FORECAST
            counted[said] = counted.get(said, 0.0) + load.tick / timedelta(hours=1)
    return hours


def _said(verdict: Verdict | None) -> str:
    if verdict is None:
        return NOT_JUDGED
    return f"{verdict.ruling}: {verdict.model}" if verdict.ruling == "Baseline" else str(verdict.ruling)
