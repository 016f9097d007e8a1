"""The demo's result: as JSON for machines, as a few tables and sentences for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from controller.simulation.replay import Run
from controller.simulation.score import Score, score
from controller.simulation.world import WorldSettings
from forecaster.series import IntArray
from foresail.demo.arms import FORESAIL, HPA, HPA_SAME_COST, LIVE, OFFSET_RULE, PERFECT, scored_within
from foresail.demo.live import LiveResult
from foresail.demo.scenario import CAPACITY, CONNECTIONS, Scenario, Segment

_NAMES = {
    LIVE: "Foresail, live processes",
    FORESAIL: "Foresail, replayed",
    HPA: "HPA alone, replayed",
    HPA_SAME_COST: "HPA at that cost, replayed",
    OFFSET_RULE: "max(now, yesterday), replayed",
    PERFECT: "perfect forecast, replayed",
}
_KEPT_UP = 0.95
"""A clock that reached this share of the speed asked for kept up."""


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a finished demo has to say."""

    scenario: Scenario
    settings: WorldSettings
    asked_speed: float
    model: str
    live: LiveResult
    runs: Mapping[str, Run]

    def arms(self) -> dict[str, Score]:
        """The figures of every arm, the live one first."""
        return {LIVE: score(self.live.run), **{name: score(run) for name, run in self.runs.items()}}

    def to_dict(self) -> dict[str, object]:
        """The whole result, for `--json`."""
        load = self.scenario.load
        return {
            "scenario": self.scenario.title,
            "seed": self.settings.seed,
            "model": self.model,
            "scale": {
                "most_clients": int(max(self.live.run.load.signals[CONNECTIONS])),
                "most_pods": max(r.pods for r in self.live.run.records),
                "capacity_per_pod": CAPACITY,
                "pod_start_s": self.settings.pod_start.total_seconds(),
                "metric_lag_s": self.settings.metric_lag.total_seconds(),
                "minutes": len(load) * load.tick / timedelta(minutes=1),
            },
            "clock": {
                "asked_speed": self.asked_speed,
                "speed": self.live.clock_speed,
                "late_ticks": self.live.late_ticks,
                "ticks": len(load),
                "kept_up": self.live.clock_speed >= _KEPT_UP * self.asked_speed,
            },
            "first_forecast_s": self.live.first_forecast_s,
            "messages": {"sent": self.live.messages_sent, "delivered": self.live.messages_received},
            "arms": {name: figures.to_dict() for name, figures in self.arms().items()},
            "segments": {s.name: self._segment(s) for s in self.scenario.segments},
        }

    def _segment(self, segment: Segment) -> dict[str, object]:
        runs = {LIVE: self.live.run, **self.runs}
        ahead = {name: lead_of(run, segment) for name, run in runs.items()}
        return {
            "start": segment.start.isoformat(),
            "end": segment.end.isoformat(),
            "arms": {name: scored_within(run, segment).to_dict() for name, run in runs.items()},
            "ready_ahead_s": {name: None if lead is None else lead.total_seconds() for name, lead in ahead.items()},
        }


def lead_of(run: Run, segment: Segment) -> timedelta | None:
    """How long before the load needed it was each further pod of the segment ready: the worst of them.

    Negative where a pod came after the load first needed it (one that never came counts to the segment's end), None
    where the load needed no more pods than were ready when the segment began.
    """
    load = run.load
    inside = [k for k in range(len(load)) if segment.start <= load.time(k) < segment.end]
    if not inside:
        return None
    needs = np.maximum.accumulate(needed(run)[inside])
    ready = np.maximum.accumulate([run.records[k].ready for k in inside])
    further = range(int(ready[0]) + 1, int(needs[-1]) + 1)
    leads = [int(np.searchsorted(needs, pods)) - int(np.searchsorted(ready, pods)) for pods in further]
    return min(leads) * load.tick if leads else None


def needed(run: Run) -> IntArray:
    """[ticks], pods that the offered load of every signal needs."""
    needs = [np.ceil(run.load.signals[name] / capacity - 1e-9) for name, capacity in run.capacities.items()]
    return np.asarray(np.maximum.reduce(needs), dtype=np.int64)


COLUMNS = ("arm", "overload min", "longest", "hot conn-min", "pod-min", "vs HPA", "refused", "broken", "rescales")


def rows(arms: Mapping[str, Score]) -> list[list[str]]:
    """The table of arms: a name and its figures."""
    return [
        [
            _NAMES[name],
            f"{s.overload_minutes:.2f}",
            f"{s.longest_shortage_s:.0f} s",
            f"{s.hot_connection_minutes:.0f}",
            f"{s.pod_minutes:,.0f}",
            f"{s.pod_minutes / arms[HPA].pod_minutes:.2f}x",
            f"{s.connections_refused:,}",
            f"{s.connections_broken:,}",
            f"{s.rescales}",
        ]
        for name, s in arms.items()
    ]


def sentences(report: Report) -> list[str]:
    """What a reader should take away, each from the figures."""
    arms = report.arms()
    live, hpa, perfect = arms[LIVE], arms[HPA], arms[PERFECT]
    said = [
        f"The HPA alone would have been short for {hpa.overload_minutes:.2f} minutes, Foresail was for "
        f"{live.overload_minutes:.2f}, a perfect forecast would have been for {perfect.overload_minutes:.2f}; "
        f"Foresail's pods cost {live.pod_minutes / hpa.pod_minutes - 1:+.1%} against the HPA's."
    ]
    if (same := arms.get(HPA_SAME_COST)) is not None:
        said.append(
            f"An HPA with its target lowered until it costs that much ({same.pod_minutes / hpa.pod_minutes - 1:+.1%}) "
            f"would have been short for {same.overload_minutes:.2f} minutes."
        )
    said += [_about(report, segment) for segment in report.scenario.segments]
    if report.live.clock_speed < _KEPT_UP * report.asked_speed:
        said.append(
            f"This machine did not keep up with {report.asked_speed:g}x: the clock was slowed to "
            f"{report.live.clock_speed:.0f}x on average ({report.live.late_ticks} late ticks), the load not changed."
        )
    return said


def _about(report: Report, segment: Segment) -> str:
    runs = {LIVE: report.live.run, **report.runs}
    short = {name: scored_within(run, segment).overload_minutes for name, run in runs.items()}
    text = f"{segment.name.capitalize()}: {short[LIVE]:.2f} minutes short with Foresail, {short[HPA]:.2f} with the HPA"
    ahead = {name: lead_of(runs[name], segment) for name in (LIVE, HPA)}
    clauses = [f"{'Foresail' if name == LIVE else 'the HPA'} had each pod ready {_ahead(lead)}"
               for name, lead in ahead.items() if lead is not None]  # fmt: skip
    return f"{text}; {', '.join(clauses)}." if clauses else f"{text}."


def _ahead(lead: timedelta) -> str:
    seconds = lead.total_seconds()
    if seconds < 0:
        return f"up to {-seconds:.0f} s after the load needed it"
    return f"at least {seconds:.0f} s before the load needed it"
