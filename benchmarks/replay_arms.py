"""The arms of `benchmarks.replays`: what each scaler does on one trace in one world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from controller.domain import Bounds, Lever, Mode, Policy, Signal, TargetBounds, usual_ramp
from controller.simulation.clairvoyant import Hindsight, hindsight
from controller.simulation.comparison import Daily
from controller.simulation.feed import PrecomputedFeed, feed_from
from controller.simulation.floor_alone import FloorAlone
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.oracle import Perfect
from controller.simulation.phpa import HoltWinters, LinearRegression, PredictiveHpa, ReplicaModel
from controller.simulation.replay import HpaAlone, Run, Scaler, hpa_for, play, replay
from controller.simulation.replica_series import ReplicaSeries
from controller.simulation.triggers import HpaWithTriggers, Trigger, cron, yesterday
from controller.simulation.world import WorldSettings
from forecaster.baselines import BASELINES
from forecaster.forecast import Forecaster
from forecaster.series import DAY, Kind, Series

SHARE = 0.7
DAYS = timedelta(days=4)
PODS = 20
TARGET = 0.7
TARGET_RANGE = (0.6, 0.9)
"""Of the capacity, how far the lever Target may move the HPA's target: the example of the documentation."""
TARGETS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4, 0.3, 0.2)
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
class Case:
    """One trace in one world, played from bin `first` to its end.

    feeds  the forecasts of each arm that plans, made once for all seeds
    """

    series: Series
    first: int
    pod_start: timedelta
    feeds: Mapping[str, PrecomputedFeed]
    seed: int = 0

    @cached_property
    def policy(self) -> Policy:
        return policy_for(self.series, self.pod_start)

    @cached_property
    def settings(self) -> WorldSettings:
        return WorldSettings(pod_start=self.pod_start, seed=self.seed)

    @cached_property
    def load(self) -> Load:
        part = self.series.part(self.first, len(self.series))
        return load_from_series([part], TICK, self.settings.session, self.seed)

    @cached_property
    def hpa(self) -> HpaSpec:
        return hpa_for(self.policy, TARGET)

    def hpa_at(self, target: float, stabilization: timedelta) -> Run:
        """The HPA alone with another target and downscale stabilization."""
        spec = hpa_for(self.policy, target)
        return self.play(HpaAlone(replace(spec, flags=replace(spec.flags, downscale_stabilization=stabilization))))

    def clairvoyant(self, minutes: float) -> Run:
        """The cheapest pods with at most so many minutes of overload."""
        return self.play(ReplicaSeries(self._hindsight.cheapest(int(minutes * timedelta(minutes=1) / TICK)), self.load))

    def arms(self) -> Iterator[tuple[str, Callable[[], Run]]]:
        """Every arm that is not the HPA at another target, by name."""
        yield "hpa", lambda: self.play(HpaAlone(self.hpa))
        for name, feed in self.feeds.items():
            yield name, lambda feed=feed: replay(self.load, self.policy, self.hpa, self.settings, feed)  # type: ignore[misc]
        forecast = self.feeds[FORESAIL]
        yield "foresail_target", lambda: self._moving(forecast)
        yield "perfect_target", lambda: self._moving(self.feeds["perfect"])
        yield "floor_alone", lambda: self.play(FloorAlone(self.policy, self.hpa, forecast))
        yield "keda_yesterday", lambda: self.play(HpaWithTriggers(self.hpa, [self._yesterday]))
        yield "keda_cron", lambda: self.play(HpaWithTriggers(self.hpa, [self._cron]))
        for name, model in self._models.items():
            yield name, lambda model=model: self.play(PredictiveHpa(self.hpa, model))  # type: ignore[misc]

    def _moving(self, feed: PrecomputedFeed) -> Run:
        """Both levers, over the same HPA."""
        low, high = (share * self.policy.signals[0].capacity_per_pod for share in TARGET_RANGE)
        bounds = TargetBounds(self.policy.signals[0].name, low, high)
        policy = replace(self.policy, levers=tuple(Lever), target=bounds)
        return replay(self.load, policy, self.hpa, self.settings, feed)

    def play(self, scaler: Scaler) -> Run:
        return play(self.load, {one.name: one.capacity_per_pod for one in self.policy.signals}, self.settings, scaler)

    @property
    def _yesterday(self) -> Trigger:
        ahead = self.pod_start + self.settings.metric_lag
        return yesterday(self.series, self.hpa.metrics[0].target, ahead)

    @property
    def _cron(self) -> Trigger:
        past = self.series.part(0, self.first)
        return cron(past, TARGET * self.policy.signals[0].capacity_per_pod, self.pod_start)

    @property
    def _models(self) -> dict[str, ReplicaModel]:
        ahead = -(-self.pod_start // TICK) + 1
        return {
            "phpa_linear": LinearRegression(_LINE // TICK, ahead),
            "phpa_holt_winters": HoltWinters(DAY // TICK, ahead, _SMOOTHING, _SMOOTHING, _SMOOTHING),
        }

    @cached_property
    def _hindsight(self) -> Hindsight:
        return hindsight(self.load, self.policy, self.settings)


def a_case(series: Series, pod_start: timedelta, forecaster: Forecaster) -> Case:
    """The case of a whole trace with all forecasts. Raises NoForecast where the trace is too short for them."""
    series, first = replace(series, name="load"), int(SHARE * len(series))
    series = series.part(0, min(len(series), first + DAYS // series.step))
    policy, settings = policy_for(series, pod_start), WorldSettings(pod_start=pod_start)
    feeds = {
        name: feed_from(one, [series], policy, settings.known_after, series.time(first))
        for name, one in {FORESAIL: forecaster, **FORECASTERS}.items()
    }
    return Case(series, first, pod_start, feeds)


def policy_for(series: Series, pod_start: timedelta) -> Policy:
    """Default settings, with a capacity of which the highest load takes 20 pods."""
    signals = (Signal("load", series.kind, float(series.values[series.known].max()) / PODS),)
    ramp = usual_ramp(signals)
    return Policy("replay", signals, Bounds(1, 4 * PODS), mode=Mode.ACTIVE, lead_time=pod_start, ramp_down=ramp)


def seeds_for(kind: Kind, seeds: int) -> range:
    """Only connections are drawn: a flow in a world of equal starts is the same with every seed."""
    return range(seeds if kind is Kind.STOCK else 1)


def daily_mean(runs: list[Daily]) -> Daily:
    """Overload and pods of each day, in the mean over seeds."""
    return Daily(np.mean([one.overload for one in runs], axis=0), np.mean([one.pods for one in runs], axis=0))
