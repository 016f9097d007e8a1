"""The figures of a replay: rows of its tables, intervals over its days, and everything for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from controller.domain import Policy
from controller.simulation.hpa_spec import MILLI, HpaSpec
from controller.simulation.load import Load
from controller.simulation.replay import Run
from controller.simulation.score import Score, score, score_by_day
from controller.simulation.world import WorldSettings
from forecaster.evaluate.bootstrap import day_weights, interval, redrawn
from foresail.output import number
from foresail.replays.arms import ARMS, FORESAIL, HPA, HPA_SAME_COST, Played, ruled_hours
from foresail.replays.case import Case

FEWEST_DAYS = 3
_ENDS = (0.05, 0.95)
_COLUMNS = ("arm", "overload min", "of the time", "longest")
_OF_STOCK = ("hot conn-min", "broken", "reconnect peak")
_COST = ("pod-hours", "vs HPA", "rescales")


@dataclass(frozen=True, eq=False)
class Replayed:
    """A case with every arm played.

    source  what the histories are called
    model   as the user named it
    given   the HPA with its metrics under the user's names, in the order of `case.hpa`
    assumed  a sentence for each thing that nobody said
    """

    source: str
    model: str
    given: HpaSpec
    case: Case
    played: Mapping[str, Played]
    assumed: tuple[str, ...] = ()

    @property
    def runs(self) -> dict[str, Run]:
        return {key: one.run for key, one in self.played.items()}

    @property
    def scores(self) -> dict[str, Score]:
        return {key: score(run) for key, run in self.runs.items()}

    @property
    def hours(self) -> dict[str, dict[str, float]]:
        """Signal -> ruling -> hours, of what Foresail was told."""
        feed = self.played[FORESAIL].feed
        return {} if feed is None else ruled_hours(self.case, feed)

    @property
    def same_cost_share(self) -> float:
        """The targets of the HPA at Foresail's cost over those of the HPA as given."""
        return self.played[HPA_SAME_COST].hpa.metrics[0].target / self.case.hpa.metrics[0].target


@dataclass(frozen=True)
class Against:
    """Foresail against the HPA as given: each figure with the ends of its 90 % interval over days drawn again.

    days              calendar days (UTC) that are drawn again; the first and the last may be in part
    measured_days     how many days' time lies in them
    overload_minutes  by how many more or fewer
    pod_hours         the ratio
    """

    days: int
    measured_days: float
    overload_minutes: tuple[float, float, float]
    pod_hours: tuple[float, float, float]

    def sentence(self) -> str:
        """Such as "Foresail against the HPA, with 90 % intervals over 5 days drawn again: overload -12 min ..."."""
        minutes, low, high = (f"{x:+,.1f}" for x in self.overload_minutes)
        ratio, least, most = (f"{100 * (x - 1):+.1f}" for x in self.pod_hours)
        return (
            f"Foresail against the HPA, with 90 % intervals over {self._drawn} drawn again: overload {minutes} min"
            f" ({low} to {high}), pod-hours {ratio} % ({least} to {most} %)"
        )

    @property
    def _drawn(self) -> str:
        if round(self.measured_days, 1) >= self.days:
            return f"{self.days} days"
        return f"the {self.days} calendar days (UTC) that the {self.measured_days:.1f} days lie in,"


def against_hpa(ours: Run, theirs: Run) -> Against | None:
    """The intervals of one run against another under the same load; None with fewer than three days' time."""
    by_day, others = score_by_day(ours), score_by_day(theirs)
    measured = sum(one.scored_minutes for one in by_day.values()) * (timedelta(minutes=1) / timedelta(days=1))
    if round(measured, 1) < FEWEST_DAYS:
        return None
    weights = day_weights("replay", len(by_day))
    short = np.array([by_day[day].overload_minutes - others[day].overload_minutes for day in by_day])
    pods = [np.array([scores[day].pod_minutes for day in by_day]) for scores in (by_day, others)]
    ratio = interval(redrawn(pods[0], pods[1], weights), _ENDS)
    return Against(len(by_day), measured, interval(weights @ short, _ENDS), ratio)


def arm_table(scores: Mapping[str, Score], has_stock: bool) -> tuple[Sequence[str], list[list[str]]]:
    """(columns, rows) of the arms among `scores`, that of the HPA as given being one of them."""
    titled = [(arm.title, scores[arm.key]) for arm in ARMS if arm.key in scores]
    return score_table(titled, scores[HPA], has_stock)


def score_table(
    titled: Sequence[tuple[str, Score]], hpa: Score, has_stock: bool
) -> tuple[Sequence[str], list[list[str]]]:
    """(columns, rows) of figures by what had them; pod-hours beside those of `hpa`."""
    columns = (*_COLUMNS, *(_OF_STOCK if has_stock else ()), *_COST)
    rows = []
    for name, s in titled:
        share = s.overload_minutes / s.scored_minutes
        row = [name, number(s.overload_minutes), f"{share:.2%}", f"{s.longest_shortage_s:,.0f} s"]
        if has_stock:
            row += [number(s.hot_connection_minutes, 0), f"{s.connections_broken:,}", f"{s.reconnect_peak:,}"]
        ratio = f"{s.pod_minutes / hpa.pod_minutes:.3f}x"
        rows.append([*row, number(s.pod_hours, 1), ratio, f"{s.rescales:,}"])
    return columns, rows


def title(replayed: Replayed) -> str:
    """What was replayed, in a line."""
    case = replayed.case
    hours = float(case.load.known.sum() * (case.load.tick / timedelta(hours=1)))
    lasted = f"{hours / 24:.1f} days" if hours >= 24 else f"{number(hours, 1)} hours"
    carried = ", ".join(
        f"{number(s.capacity_per_pod)} {s.name + ' ' if len(case.policy.signals) > 1 else ''}per pod"
        for s in case.policy.signals
    )
    return (
        f"{replayed.source}: {lasted} from {case.load.start:%Y-%m-%d %H:%M} UTC, {carried},"
        f" pods ready in {case.settings.pod_start.total_seconds():g} s"
    )


def short_lead(replayed: Replayed) -> list[str]:
    """A sentence where the policy plans for less than a pod takes; none where it does not."""
    longest = replayed.case.settings.start.p95
    planned = replayed.case.policy.lead_time
    if planned >= longest:
        return []
    return [
        f"The policy plans {planned.total_seconds():g} s ahead, and one pod in twenty takes"
        f" {longest.total_seconds():g} s or more: a leadTime of that is early enough for the other nineteen."
    ]


def unmeasured(load: Load) -> list[str]:
    """A sentence for each gap, and one for all that was not measured; none where everything was."""
    said = [
        f"Gap from {first:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}, longer than a forecast reaches: every arm begins"
        " anew after it."
        for first, stop in gaps(load)
    ]
    minutes = unmeasured_minutes(load)
    counted = "1 minute was" if round(minutes) == 1 else f"{minutes:,.0f} minutes were"
    return [*said, f"{counted} not measured: not scored."] if minutes else said


def unmeasured_minutes(load: Load) -> float:
    """How long nothing was measured, or not all of it."""
    return float((~load.known).sum() * (load.tick / timedelta(minutes=1)))


def gaps(load: Load) -> list[tuple[datetime, datetime]]:
    """From when until when nothing was measured for longer than a forecast reaches."""
    return [(load.time(gap.first), load.time(gap.stop)) for gap in load.gaps]


def to_dict(replayed: Replayed) -> dict[str, object]:
    """The whole result, ready for JSON."""
    case, runs = replayed.case, replayed.runs
    against = against_hpa(runs[FORESAIL], runs[HPA])
    return {
        "file": replayed.source,
        "from": case.load.start.isoformat(),
        "minutes": len(case.load) * (case.load.tick / timedelta(minutes=1)),
        "unknown_minutes": unmeasured_minutes(case.load),
        "gaps": [[first.isoformat(), stop.isoformat()] for first, stop in gaps(case.load)],
        "world": world_figures(case.settings),
        "signals": {s.name: {"kind": s.kind, "capacity_per_pod": s.capacity_per_pod} for s in case.policy.signals},
        "hpa": {
            "min_replicas": case.hpa.min_replicas,
            "max_replicas": case.hpa.max_replicas,
            "metrics": [
                {"metric": given.key, "signal": metric.name, "target": metric.target / MILLI}
                for given, metric in zip(replayed.given.metrics, case.hpa.metrics, strict=True)
            ],
        },
        "policy": _policy(case.policy),
        "incidents": [_entry(one.start, one.end, one.reason) for one in case.incidents],
        "same_cost_share": replayed.same_cost_share,
        "model": replayed.model,
        "ruled_hours": replayed.hours,
        "against_hpa": against and {
            "days": against.days,
            "measured_days": against.measured_days,
            "level": round(_ENDS[1] - _ENDS[0], 6),
            "overload_minutes": against.overload_minutes,
            "pod_hours_ratio": against.pod_hours,
        },
        "arms": {name: figures.to_dict() for name, figures in replayed.scores.items()},
    }  # fmt: skip


def _policy(policy: Policy) -> dict[str, object]:
    moved = policy.moved_target
    return {
        "min_replicas": policy.bounds.min_replicas,
        "max_replicas": policy.bounds.max_replicas,
        "lead_time_s": policy.lead_time.total_seconds(),
        "cost_ratio": policy.cost_ratio,
        "budget_percent": policy.budget_percent,
        "levers": list(policy.levers),
        "target": moved and {"metric": moved.metric, "min": moved.lowest, "max": moved.highest},
        "events": [
            {**_entry(one.start, one.end, one.reason), "min_replicas": one.min_replicas} for one in policy.events
        ],
    }


def _entry(start: datetime, end: datetime, reason: str) -> dict[str, str]:
    return {"from": start.isoformat(), "to": end.isoformat(), "reason": reason}


def world_figures(settings: WorldSettings) -> dict[str, float | None]:
    """What a user may choose of the world, by name and unit."""
    p95 = settings.pod_start_p95
    return {
        "pod_start_s": settings.pod_start.total_seconds(),
        "pod_start_p95_s": None if p95 is None else p95.total_seconds(),
        "failed_starts": settings.failed_starts,
        "metric_lag_s": settings.metric_lag.total_seconds(),
        "scrape_interval_s": settings.scrape_interval.total_seconds(),
        "rate_window_s": settings.rate_window.total_seconds(),
        "session_s": settings.session.total_seconds(),
        "drain_s": settings.drain.total_seconds(),
        "retry_within_s": settings.retry_within.total_seconds(),
        "seed": settings.seed,
    }
