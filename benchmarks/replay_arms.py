"""The arms of `benchmarks.replays`: what each scaler does on one trace in one world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from controller.domain import Bounds, Lever, Policy, Signal, TargetBounds
from controller.simulation.clairvoyant import Hindsight, hindsight
from controller.simulation.comparison import Daily
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.floor_alone import FloorAlone
from controller.simulation.load import TICK
from controller.simulation.oracle import Perfect
from controller.simulation.phpa import HoltWinters, LinearRegression, PredictiveHpa, ReplicaModel
from controller.simulation.replay import HpaAlone, Run, Scaler, hpa_for, play, replay
from controller.simulation.replica_series import ReplicaSeries
from controller.simulation.triggers import HpaWithTriggers, Trigger, cron, yesterday
from controller.simulation.world import WorldSettings
from forecaster.baselines import BASELINES
from forecaster.forecast import Forecaster
from forecaster.series import DAY, Kind, Series
from foresail.replays.case import Case, Stretch, case_of, usual_policy

SHARE = 0.7
DAYS = timedelta(days=4)
STRETCH = Stretch(SHARE, DAYS)
PODS = 20
TARGET = 0.7
TARGET_RANGE = (0.6, 0.9)
"""Of the capacity, how far the lever Target may move the HPA's target: the example of the documentation."""
TARGETS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)
"""Down to where the HPA costs more than any other arm."""
STABILIZATIONS = (timedelta(minutes=1), timedelta(minutes=5))
FORECASTERS: dict[str, Forecaster] = {
    "perfect": Perfect(),
    "offset_rule": BASELINES["offset-rule"],
    "seasonal": BASELINES["same-time-last-week"],
}
FORESAIL = "foresail"
_LINE = timedelta(minutes=10)
_SMOOTHING = 0.9
"""Alpha, beta and gamma of the examples in the predictive HPA's documentation."""


@dataclass(frozen=True, eq=False)
class Contest:
    """A case of one trace in one world, and the forecasts of each arm that plans, made once for all seeds."""

    case: Case
    feeds: Mapping[str, PrecomputedFeed]

    def seeded(self, seed: int) -> Contest:
        """The same where chance falls another way."""
        return replace(self, case=self.case.seeded(seed))

    @property
    def series(self) -> Series:
        (one,) = self.case.series
        return one

    @property
    def first(self) -> int:
        """The bin with which the replay begins."""
        return self.series.index(self.case.load.start)

    @property
    def capacity(self) -> float:
        (signal,) = self.case.policy.signals
        return signal.capacity_per_pod

    def hpa_at(self, target: float, stabilization: timedelta) -> Run:
        """The HPA alone with another target and downscale stabilization."""
        spec = hpa_for(self.case.policy, target)
        return self.play(HpaAlone(replace(spec, flags=replace(spec.flags, downscale_stabilization=stabilization))))

    def clairvoyant(self, minutes: float) -> Run:
        """The cheapest pods with at most so many minutes of overload."""
        return self.play(
            ReplicaSeries(self._hindsight.cheapest(int(minutes * timedelta(minutes=1) / TICK)), self.case.load)
        )

    def arms(self) -> Iterator[tuple[str, Callable[[], Run]]]:
        """Every arm that is not the HPA at another target, by name."""
        case, forecast = self.case, self.feeds[FORESAIL]
        yield "hpa", lambda: self.play(HpaAlone(case.hpa))
        for name, feed in self.feeds.items():
            yield name, lambda feed=feed: self._planned(case.policy, feed)  # type: ignore[misc]
        yield "foresail_target", lambda: self._planned(self._moving, forecast)
        yield "perfect_target", lambda: self._planned(self._moving, self.feeds["perfect"])
        yield "floor_alone", lambda: self.play(FloorAlone(case.policy, case.hpa, forecast))
        yield "keda_yesterday", lambda: self.play(HpaWithTriggers(case.hpa, [self._yesterday]))
        yield "keda_cron", lambda: self.play(HpaWithTriggers(case.hpa, [self._cron]))
        for name, model in self._models.items():
            yield name, lambda model=model: self.play(PredictiveHpa(case.hpa, model))  # type: ignore[misc]

    def _planned(self, policy: Policy, feed: PrecomputedFeed) -> Run:
        return replay(self.case.load, policy, self.case.hpa, self.case.settings, feed)

    def play(self, scaler: Scaler) -> Run:
        return play(self.case.load, {self.series.name: self.capacity}, self.case.settings, scaler)

    @property
    def _moving(self) -> Policy:
        """Both levers, over the same HPA."""
        low, high = (share * self.capacity for share in TARGET_RANGE)
        return replace(self.case.policy, levers=tuple(Lever), target=TargetBounds(self.series.name, low, high))

    @property
    def _yesterday(self) -> Trigger:
        ahead = self._pod_start + self.case.settings.metric_lag
        return yesterday(self.series, self.case.hpa.metrics[0].target, ahead)

    @property
    def _cron(self) -> Trigger:
        return cron(self.series.part(0, self.first), TARGET * self.capacity, self._pod_start)

    @property
    def _models(self) -> dict[str, ReplicaModel]:
        ahead = -(-self._pod_start // TICK) + 1
        return {
            "phpa_linear": LinearRegression(_LINE // TICK, ahead),
            "phpa_holt_winters": HoltWinters(DAY // TICK, ahead, _SMOOTHING, _SMOOTHING, _SMOOTHING),
        }

    @property
    def _pod_start(self) -> timedelta:
        return self.case.settings.pod_start

    @cached_property
    def _hindsight(self) -> Hindsight:
        return hindsight(self.case.load, self.case.policy, self.case.settings)


def a_contest(series: Series, pod_start: timedelta, forecaster: Forecaster) -> Contest:
    """The case of a whole trace with all forecasts. Raises NoForecast where the trace is too short for them."""
    case = a_case(series, STRETCH, pod_start, forecaster)
    feeds = {
        name: feed_from(one, case.series, case.policy, case.settings.known_after, case.load.start)
        for name, one in {FORESAIL: forecaster, **FORECASTERS}.items()
    }
    return Contest(case, feeds)


def a_case(series: Series, stretch: Stretch, pod_start: timedelta, forecaster: Forecaster) -> Case:
    """A stretch of one trace with default settings, over an HPA with a usual target.

    A pod is sized by what is seen of the trace to the stretch's end: of its highest load it takes 20.
    """
    (played,) = stretch.of([series])
    seen = series.part(0, series.index(played.end))
    capacity = float(seen.values[seen.known].max()) / PODS
    policy = usual_policy((Signal("load", series.kind, capacity),), Bounds(1, 4 * PODS), pod_start)
    settings = WorldSettings(pod_start=pod_start)
    return case_of([replace(series, name="load")], stretch, policy, hpa_for(policy, TARGET), settings, forecaster)


def seeds_for(kind: Kind, seeds: int) -> range:
    """Only connections are drawn: a flow in a world of equal starts is the same with every seed."""
    return range(seeds if kind is Kind.STOCK else 1)


def daily_mean(runs: list[Daily]) -> Daily:
    """Overload and pods of each day, in the mean over seeds."""
    return Daily(np.mean([one.overload for one in runs], axis=0), np.mean([one.pods for one in runs], axis=0))
