"""A short replay with every arm played, for whatever draws or tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from controller.domain import Bounds, Policy, Signal
from controller.simulation.replay import hpa_for
from controller.simulation.world import WorldSettings
from forecaster.baselines import BASELINES
from forecaster.forecast import Forecaster
from forecaster.series import FloatArray, Kind, Series
from foresail.replays.arms import play_arms
from foresail.replays.case import Case, Stretch, case_of
from foresail.replays.figures import Replayed
from tests.helpers.histories import MINUTE, a_series

STEPS = np.tile(np.repeat([200.0, 1000.0], [9, 9]), 16)
"""A day in bins of five minutes, up and down every hour and a half."""


def a_history(values: Sequence[float] | FloatArray = STEPS, name: str = "load", kind: Kind = Kind.FLOW) -> Series:
    return replace(a_series(values, 5 * MINUTE, name=name), kind=kind)


def a_case(
    *series: Series, share: float = 0.5, hours: float = 6, forecaster: Forecaster = BASELINES["last-value"]
) -> Case:
    """These histories, or one of steps, with 20 pods at their peak."""
    given = series or (a_history(),)
    signals = tuple(Signal(s.name, s.kind, float(np.nanmax(s.values)) / 20) for s in given)
    policy = Policy("replay", signals, Bounds(1, 80), lead_time=timedelta(minutes=2))
    stretch, settings = Stretch(share, timedelta(hours=hours)), WorldSettings(pod_start=timedelta(minutes=2))
    return case_of(given, stretch, policy, hpa_for(policy), settings, forecaster)


def a_replayed(case: Case, source: str = "steps.csv") -> Replayed:
    """The case with every arm played."""
    return Replayed(source, "last-value", case.hpa, case, play_arms(case, lambda _: None))
