"""What `foresail replay` replays: the user's histories, policy and HPA, checked against one another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from controller.domain import Bounds, Mode, Policy, Signal, usual_ramp
from controller.errors import BadPolicy
from controller.simulation.hpa_spec import HpaSpec
from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.world import WorldSettings
from forecaster.forecast import Forecaster
from forecaster.incidents import Incident, Unrepeated, without
from forecaster.series import Series


@dataclass(frozen=True)
class Stretch:
    """Which part of the histories is replayed: what comes after `share` of them, at most so long."""

    share: float
    longest: timedelta

    def of(self, series: Sequence[Series]) -> list[Series]:
        """That part of each, within the time that all cover; histories that share no time as they are."""
        start, stop = max(s.start for s in series), min(s.end for s in series)
        step = max(s.step for s in series)
        bins = max(0, (stop - start) // step)
        if not bins:
            return list(series)
        first = int(self.share * bins)
        last = min(bins, first + max(1, round(self.longest / step)))
        return [s.part(s.index(start + first * step), s.index(start + last * step)) for s in series]


@dataclass(frozen=True, eq=False)
class Case:
    """Histories, one named like each signal of the policy, and what they are replayed with.

    series      up to the end of the part that is replayed: what comes later nobody sees
    hpa         its metrics named like signals
    forecaster  whose forecasts Foresail acts on
    incidents   what no forecaster is to expect again: every arm that looks back is told
    """

    series: tuple[Series, ...]
    load: Load
    policy: Policy
    hpa: HpaSpec
    settings: WorldSettings
    forecaster: Forecaster
    incidents: tuple[Incident, ...] = ()

    def told(self, forecaster: Forecaster) -> Forecaster:
        """The forecaster, on the histories without the incidents."""
        return Unrepeated(forecaster, self.incidents) if self.incidents else forecaster

    def seeded(self, seed: int) -> Case:
        """The same case where chance falls another way."""
        settings = replace(self.settings, seed=seed)
        parts = [one.part(one.index(self.load.start), len(one)) for one in self.series]
        return replace(self, settings=settings, load=load_from_series(parts, TICK, settings.session, seed))

    @property
    def repeated(self) -> list[Series]:
        """The histories without the incidents: the least that any forecaster of these has to go on."""
        return [without(one, self.incidents) for one in self.series]


def usual_policy(signals: tuple[Signal, ...], bounds: Bounds, lead_time: timedelta) -> Policy:
    """Default settings around what a pod carries, for a case that has no policy of its own."""
    ramp = usual_ramp(signals)
    return Policy("replay", signals, bounds, mode=Mode.ACTIVE, lead_time=lead_time, ramp_down=ramp)


def case_of(
    series: Sequence[Series],
    stretch: Stretch,
    policy: Policy,
    hpa: HpaSpec,
    settings: WorldSettings,
    forecaster: Forecaster,
) -> Case:
    """The case of whole histories. The policy is taken to be Active: what it would do is what is asked.

    Raises BadPolicy where policy and HPA contradict each other, and BadHistory where the histories cannot be one load.
    """
    policy = within(policy, hpa)
    load = load_from_series(stretch.of(series), TICK, settings.session, settings.seed)
    seen = tuple(s.part(0, min(len(s), s.index(load.time(len(load) - 1)) + 1)) for s in series)
    return Case(seen, load, replace(policy, mode=Mode.ACTIVE), hpa, settings, forecaster)


def within(policy: Policy, hpa: HpaSpec) -> Policy:
    """The policy within the HPA's limits, as the controller follows it. Raises BadPolicy where none of it is within."""
    least, most = policy.bounds.min_replicas, policy.bounds.max_replicas
    if beyond := policy.bounds.beyond(hpa.max_replicas):
        raise BadPolicy(beyond)
    most = max(min(most, hpa.max_replicas), hpa.min_replicas)
    return replace(policy, bounds=Bounds(min(max(least, hpa.min_replicas), most), most))
