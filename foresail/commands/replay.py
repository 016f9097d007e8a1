"""`foresail replay FILE`: a trace through the HPA alone, through Foresail, and with a perfect forecast."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from controller.domain import Bounds, Mode, Policy, Signal, usual_ramp
from controller.simulation.feed import feed_from
from controller.simulation.load import TICK, Load, load_from_series
from controller.simulation.oracle import Perfect
from controller.simulation.replay import Run, hpa_for, replay
from controller.simulation.score import Score, overloaded, score
from controller.simulation.world import WorldSettings
from forecaster.forecast import HORIZON
from forecaster.series import Series
from foresail.commands.forecast import add_model_option, forecaster_of
from foresail.commands.history_options import add_history_options, label, read_history
from foresail.errors import UsageError
from foresail.output import check_picture, check_place, emit_json, figure, number, out, progress, table

_EXAMPLES = """examples:
  foresail replay history.csv
  foresail replay connections.csv.gz --kind stock --capacity 200 --pod-start 240 --json -
  foresail replay history.csv --policy policy.yaml --png replay.png
  foresail replay --prometheus http://prometheus:9090 --query 'sum(connections)' --kind stock --history-days 14
without --policy or --capacity, a pod is sized so that the largest load needs 20 of them."""
FORESAIL, HPA, PERFECT = "foresail", "hpa", "perfect"
NAMES = {FORESAIL: "Foresail over the HPA", HPA: "HPA alone", PERFECT: "perfect forecast over the HPA"}
_PODS, _MOST_PODS = 20, 5_000
_SIGNAL = "load"
COLUMNS = ("arm", "overload min", "of the time", "longest", "pod-hours", "vs HPA", "rescales")


@dataclass(frozen=True, eq=False)
class Replayed:
    """The runs of one trace, by arm."""

    series: Series
    policy: Policy
    runs: dict[str, Run]

    def scores(self) -> dict[str, Score]:
        return {name: score(run) for name, run in self.runs.items()}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("replay", help="a trace through HPA alone and through Foresail", epilog=_EXAMPLES,
                            formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    add_history_options(p, days=["--history-days"])
    add_model_option(p)
    p.add_argument("--policy", type=Path, metavar="FILE", help="a PredictiveAutoscaler as YAML, with one signal")
    p.add_argument("--capacity", type=float, metavar="LOAD", help="what one pod carries, in the history's unit")
    p.add_argument(
        "--target", type=float, default=0.7, help="share of the capacity that the HPA aims at (default: 0.7)"
    )
    p.add_argument(
        "--from", dest="share", type=float, default=0.7, help="replay what comes after this share (default: 0.7)"
    )
    p.add_argument("--days", type=float, default=4.0, help="at most so many days of it (default: 4)")
    p.add_argument(
        "--pod-start", type=float, default=60.0, metavar="SECONDS", help="from creation to ready (default: 60)"
    )
    p.add_argument("--metric-lag", type=float, default=30.0, metavar="SECONDS", help="age of metrics (default: 30)")
    p.add_argument("--session", type=float, default=20.0, metavar="MINUTES", help="stay of a connection (default: 20)")
    p.add_argument("--seed", type=int, default=0, help="seed of who connects where (default: 0)")
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.add_argument("--png", type=Path, metavar="FILE", help="draw load, capacity and pods of every arm")
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if options.json and str(options.json) != "-":
        check_place(options.json)
    if options.png:
        check_picture(options.png)
    series = replace(read_history(options), name=_SIGNAL)
    _check_reach(settings, series)
    series, policy = _policy(options, series)
    replayed = _replay(options, series, policy, settings)
    scores = replayed.scores()
    if options.png:
        _draw(replayed, options.png)
    if options.json:
        emit_json(_as_dict(options, replayed, scores, settings), options.json)
    if not options.json or str(options.json) != "-":
        _print(options, replayed, scores)
    return 0


def _settings(options: argparse.Namespace) -> WorldSettings:
    allowed = {"pod_start": (0, 3600), "metric_lag": (0, 600), "session": (0.1, 100_000), "days": (0.02, 400),
               "share": (0.0, 0.99), "target": (0.05, 1.0)}  # fmt: skip
    for name, (low, high) in allowed.items():
        if not low <= (value := getattr(options, name)) <= high:
            flag = "from" if name == "share" else name.replace("_", "-")
            raise UsageError(f"--{flag} {value:g}; expected {low:g} to {high:g}")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed}; expected 0 or more")
    return WorldSettings(
        pod_start=timedelta(seconds=options.pod_start),
        metric_lag=timedelta(seconds=options.metric_lag),
        session=timedelta(minutes=options.session),
        seed=options.seed,
    )


def _check_reach(settings: WorldSettings, series: Series) -> None:
    """A forecast is known after the lag and may be a step old: what is left of its horizon must cover a pod's start."""
    horizon = HORIZON * series.step
    longest = (horizon - settings.metric_lag - series.step).total_seconds()
    if settings.pod_start.total_seconds() > longest:
        raise UsageError(
            f"--pod-start {settings.pod_start.total_seconds():g} is beyond what the horizon of {HORIZON} steps "
            f"({horizon / timedelta(minutes=1):g} min) can plan for: with the metric lag and one step, pods may take "
            f"{max(0.0, longest):g} s"
        )


def _policy(options: argparse.Namespace, series: Series) -> tuple[Series, Policy]:
    """The series under the signal's name, and the policy: the file's, or default settings around one capacity."""
    if options.policy is not None:
        if options.capacity is not None:
            raise UsageError("--policy says the capacity already; leave --capacity out")
        from controller.policy import load_policy

        policy = load_policy(options.policy)
        if len(policy.signals) != 1:
            raise UsageError(
                f"{options.policy}: has {len(policy.signals)} signals; a replay of one history takes one signal"
            )
        signal = policy.signals[0]
        series = replace(series, name=signal.name, kind=signal.kind)
        return series, replace(policy, mode=Mode.ACTIVE)
    known = series.values[series.known]
    if not len(known) or not known.max() > 0:
        raise UsageError(f"{label(options)}: nothing was measured, or nothing but zeros; there is nothing to scale")
    peak = float(known.max())
    capacity = peak / _PODS if options.capacity is None else options.capacity
    if not (0 < capacity < math.inf and peak / capacity <= _MOST_PODS):
        raise UsageError(
            f"--capacity {capacity:g}; expected {peak / _MOST_PODS:g} or more, in the unit of the history, whose "
            f"largest load is {peak:g} and may need {_MOST_PODS:,} pods at most"
        )
    signals = (Signal(series.name, series.kind, capacity),)
    bounds = Bounds(1, 4 * max(_PODS, math.ceil(peak / capacity)))
    lead = timedelta(seconds=options.pod_start)
    ramp = usual_ramp(signals)
    return series, Policy("replay", signals, bounds, mode=Mode.ACTIVE, lead_time=lead, ramp_down=ramp)


def _replay(options: argparse.Namespace, series: Series, policy: Policy, settings: WorldSettings) -> Replayed:
    load = _load(options, series, settings)
    seen = series.part(0, series.index(load.time(len(load) - 1)) + 1)
    spec = hpa_for(policy, options.target)
    runs: dict[str, Run] = {}
    with progress() as bar:
        task = bar.add_task("forecasting", total=3)
        for name in (FORESAIL, HPA, PERFECT):
            bar.update(task, description=NAMES[name])
            forecaster = {FORESAIL: forecaster_of(options.model), PERFECT: Perfect()}.get(name)
            feed = None if forecaster is None else feed_from(
                forecaster, [seen], policy, settings.known_after, load.start)  # fmt: skip
            runs[name] = replay(load, policy, spec, settings, feed)
            bar.advance(task)
    return Replayed(series, policy, runs)


def _load(options: argparse.Namespace, series: Series, settings: WorldSettings) -> Load:
    """The part to replay, in ticks."""
    first = int(options.share * len(series))
    stop = min(len(series), first + max(1, round(timedelta(days=options.days) / series.step)))
    part = series.part(first, stop)
    if not part.known.any():
        raise UsageError(f"{label(options)}: nothing was measured in the part to replay; move --from")
    return load_from_series([part], TICK, settings.session, settings.seed)


def _as_dict(
    options: argparse.Namespace, replayed: Replayed, scores: dict[str, Score], settings: WorldSettings
) -> dict[str, object]:
    load = replayed.runs[HPA].load
    signal = replayed.policy.signals[0]
    return {
        "file": label(options),
        "from": load.start.isoformat(),
        "minutes": len(load) * load.tick / timedelta(minutes=1),
        "unknown_minutes": float((~load.known).sum() * (load.tick / timedelta(minutes=1))),
        "gaps": [[load.time(gap.first).isoformat(), load.time(gap.stop).isoformat()] for gap in load.gaps],
        "world": {
            "pod_start_s": settings.pod_start.total_seconds(),
            "metric_lag_s": settings.metric_lag.total_seconds(),
            "session_s": settings.session.total_seconds(),
            "seed": settings.seed,
        },
        "capacity_per_pod": signal.capacity_per_pod,
        "hpa_target": options.target,
        "model": options.model,
        "arms": {name: s.to_dict() for name, s in scores.items()},
    }


def rows(scores: dict[str, Score], minutes: float) -> list[list[str]]:
    """The table of arms: a name and its figures; `minutes` is the time that was scored."""
    return [
        [
            NAMES[name],
            number(s.overload_minutes),
            f"{s.overload_minutes / minutes:.2%}",
            f"{s.longest_shortage_s:,.0f} s",
            number(s.pod_minutes / 60, 1),
            f"{s.pod_minutes / scores[HPA].pod_minutes:.3f}x",
            f"{s.rescales:,}",
        ]
        for name, s in scores.items()
    ]


def _print(options: argparse.Namespace, replayed: Replayed, scores: dict[str, Score]) -> None:
    load = replayed.runs[HPA].load
    minutes = float(load.known.sum() * (load.tick / timedelta(minutes=1)))
    signal = replayed.policy.signals[0]
    title = (
        f"{label(options)}: {minutes / 1440:.1f} days from {load.start:%Y-%m-%d %H:%M} UTC, "
        f"{number(signal.capacity_per_pod)} per pod, pods ready in {options.pod_start:g} s"
    )
    out.print(table(title, COLUMNS, rows(scores, minutes)))
    for gap in load.gaps:
        out.print(
            f"Gap from {load.time(gap.first):%Y-%m-%d %H:%M} to {load.time(gap.stop):%Y-%m-%d %H:%M}, longer than a"
            " forecast reaches: every arm begins anew after it."
        )
    if not load.known.all():
        out.print(
            f"{(~load.known).sum() * (load.tick / timedelta(minutes=1)):,.0f} minutes were not measured: not scored."
        )


def _draw(replayed: Replayed, path: Path) -> None:
    load = replayed.runs[HPA].load
    times = np.array([np.datetime64(load.time(k).replace(tzinfo=None)) for k in range(len(load))])
    signal = replayed.policy.signals[0]
    offered = np.where(load.known, load.signals[signal.name], np.nan) / signal.capacity_per_pod
    with figure(path, rows=2, height=3.5) as (_, (above, below)):
        above.plot(times, offered, color="black", linewidth=0.8, label="pods needed")
        for name, color in ((HPA, "tab:orange"), (FORESAIL, "tab:blue")):
            ready = np.array([r.ready for r in replayed.runs[name].records])
            above.step(times, ready, where="post", color=color, linewidth=0.9, label=f"ready, {NAMES[name]}")
        above.set(ylabel="pods", ylim=(0, None), title=f"{replayed.series.name}: what was needed and what was ready")
        above.legend(loc="upper left")
        for name, color in ((HPA, "tab:orange"), (FORESAIL, "tab:blue"), (PERFECT, "tab:green")):
            short = np.cumsum(overloaded(replayed.runs[name]) & load.known) * (load.tick / timedelta(minutes=1))
            below.plot(times, short, color=color, label=NAMES[name])
        below.set(ylabel="overload minutes so far", xlabel="UTC", ylim=(0, None))
        below.legend(loc="upper left")
