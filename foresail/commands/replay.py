"""`foresail replay FILE`: a history through the user's HPA, through Foresail over it, and what else could have been."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from controller.simulation.world import WorldSettings
from forecaster.errors import BadHistory
from forecaster.forecast import HORIZON
from forecaster.series import Series
from foresail.commands.forecast import add_model_option, forecaster_of
from foresail.commands.history_options import add_kind_option, add_prometheus_options
from foresail.commands.replay_inputs import TARGET, Inputs, history_files, read_inputs
from foresail.commands.world_options import add_world_options, check_bounds_of, world_settings
from foresail.errors import UsageError
from foresail.incidents_file import add_incidents_option, incidents_of
from foresail.output import check_picture, check_results, emit_json, out, progress, table, whole_file
from foresail.plots.replay import draw_costs, draw_pods
from foresail.replays.arms import ARMS, FORESAIL, HPA, Arm, play_arms
from foresail.replays.case import Case, Stretch, case_of
from foresail.replays.figures import Replayed, against_hpa, arm_table, short_lead, title, to_dict, unmeasured
from foresail.replays.remarks import remarks
from foresail.replays.report import markdown
from foresail.replays.suggest import Suggested, before, sentences, suggest, suggestion_dict, tried_table

_EXAMPLES = """examples:
  foresail replay history.csv
  foresail replay connections.csv.gz --kind stock --capacity 200 --pod-start 240 --json -
  foresail replay history.csv --policy policy.yaml --hpa hpa.yaml --report replay.md
  foresail replay history.csv --policy policy.yaml --hpa hpa.yaml --suggest
  foresail replay connections=c.csv messages=m.csv --policy policy.yaml --pod-start 60 --pod-start-p95 180
  foresail replay --prometheus http://prometheus:9090 --query 'sum(connections)' --kind stock --history-days 28
without --policy or --capacity, a pod is sized so that the largest load needs 20 of them. A metric of --hpa stands for
the signal of its name; what is left of both is paired in order."""
_PICTURES = {
    "Pods needed and ready, and overload so far": ("pods", draw_pods),
    "Overload against pod-hours": ("costs", draw_costs),
}
"""Beside a report: what each picture shows, what is appended to its name, and who draws it."""
_LEAST_BEFORE = 0.1
"""Share of the histories that a suggestion is chosen on at least."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser("replay", help="a trace through HPA alone and through Foresail", epilog=_EXAMPLES,
                            formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    p.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="CSV, gzipped CSV or Parquet with columns timestamp,value (UTC where no zone is given), as NAME=FILE "
        "where the policy has several signals; or --prometheus",
    )
    add_kind_option(p)
    add_model_option(p)
    p.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="a PredictiveAutoscaler as YAML; its leadTime, if Auto, is what would be measured of the world's pods",
    )
    p.add_argument("--hpa", type=Path, metavar="FILE", help="your HorizontalPodAutoscaler as YAML (autoscaling/v2)")
    p.add_argument("--capacity", type=float, metavar="LOAD", help="what one pod carries, in the history's unit")
    p.add_argument("--target", type=float, metavar="SHARE",
                   help=f"share of the capacity that the HPA aims at, without --hpa (default: {TARGET:g})")  # fmt: skip
    p.add_argument(
        "--from", dest="share", type=float, default=0.7, help="replay what comes after this share (default: 0.7)"
    )
    p.add_argument("--days", type=float, default=4.0, help="at most so many days of it (default: 4)")
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.add_argument("--png", type=Path, metavar="FILE", help="draw load, capacity and pods of every arm")
    p.add_argument("--report", type=Path, metavar="FILE.md", help="write a Markdown report, with pictures beside it")
    add_incidents_option(p)
    p.add_argument("--suggest", action="store_true", help="find by replay of the days before which levers and "
                   "costRatio would have cost least with no more overload than the HPA's, and print them")  # fmt: skip
    add_world_options(p)
    add_prometheus_options(p, ["--history-days"])
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    _check(options)
    settings = world_settings(options)
    inputs = read_inputs(options, settings)
    _check_reach(settings, inputs.series)
    replayed = _replay(options, inputs, settings)
    suggestion = _suggestion(options, replayed) if options.suggest else None
    if options.png:
        draw_pods(replayed, options.png)
    if options.report:
        _write_report(replayed, options.report, suggestion)
    if options.json:
        more = {} if suggestion is None else {"suggestion": suggestion_dict(suggestion)}
        emit_json({**to_dict(replayed), "remarks": _remarks(replayed), **more}, options.json)
    if not options.json or str(options.json) != "-":
        _print(replayed)
        if suggestion is not None:
            out.print(table(*tried_table(suggestion)))
            for line in sentences(suggestion, inputs.given):
                out.print(line)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for what would fail only after the long work."""
    check_bounds_of("days", options.days, 0.02, 400)
    check_bounds_of("from", options.share, 0.0, 0.99)
    if options.suggest and options.share < _LEAST_BEFORE:
        raise UsageError(
            f"--from {options.share:g} with --suggest, which chooses on what comes before; expected"
            f" {_LEAST_BEFORE:g} or more"
        )
    if options.target is not None:
        check_bounds_of("target", options.target, 0.05, 1.0)
    if options.png:
        check_picture(options.png)
    if options.report and options.report.suffix != ".md":
        raise UsageError(f"{options.report}: a report is Markdown; give it a name that ends in .md")
    _check_results(options)


def _check_results(options: argparse.Namespace) -> None:
    """Raises UsageError where a result cannot be written, or only over a file that is read or another result."""
    written = {"--json": options.json, "--png": options.png, "--report": options.report}
    if options.report:
        written |= {f"the report's picture {k}": path for k, path in enumerate(_pictures(options.report).values(), 1)}
    read = {"--policy": options.policy, "--hpa": options.hpa, "--incidents": options.incidents}
    check_results(written, read | {f"the history {path}": path for path in history_files(options)})


def _check_reach(settings: WorldSettings, series: tuple[Series, ...]) -> None:
    """A forecast is known after the lag and may be a step old: what is left of its horizon must cover a pod's start."""
    step = min(one.step for one in series)
    horizon = HORIZON * step
    longest = (horizon - settings.known_after - step).total_seconds()
    start = settings.start.p95.total_seconds()
    if start > longest:
        flag = "pod-start" if settings.pod_start_p95 is None else "pod-start-p95"
        raise UsageError(
            f"--{flag} {start:g} is beyond what the horizon of {HORIZON} steps "
            f"({horizon / timedelta(minutes=1):g} min) can plan for: with the age of the metrics and one step, pods may"
            f" take {max(0.0, longest):g} s"
        )


def _replay(options: argparse.Namespace, inputs: Inputs, settings: WorldSettings) -> Replayed:
    case = _case(options, inputs, settings)
    if options.suggest:
        _check_before(case, timedelta(days=options.days))
    with progress() as bar:
        task = bar.add_task("", total=len(ARMS))

        def show(arm: Arm) -> None:
            bar.update(task, description=arm.title, completed=ARMS.index(arm))

        played = play_arms(case, show)
    return Replayed(inputs.source, options.model, inputs.given, case, played, inputs.assumed)


def _check_before(case: Case, longest: timedelta) -> None:
    """Raises UsageError where the days before hold nothing to choose on, before the long work and not after it."""
    about = "--suggest chooses on what comes before the part to replay: "
    try:
        past = before(case, longest)
    except BadHistory as error:
        raise UsageError(f"{about}{error}; move --from") from None
    if not past.load.known.any():
        raise UsageError(f"{about}the signals were never measured at the same time there; move --from")


def _suggestion(options: argparse.Namespace, replayed: Replayed) -> Suggested:
    with progress() as bar:
        bar.add_task("replaying the days before", total=None)
        return suggest(replayed.case, timedelta(days=options.days), replayed.scores[HPA])


def _case(options: argparse.Namespace, inputs: Inputs, settings: WorldSettings) -> Case:
    stretch = Stretch(options.share, timedelta(days=options.days))
    if not any(part.known.any() for part in stretch.of(inputs.series)):
        raise UsageError(f"{inputs.source}: nothing was measured in the part to replay; move --from")
    case = case_of(inputs.series, stretch, inputs.policy, inputs.hpa, settings, forecaster_of(options.model))
    if not case.load.known.any():
        raise UsageError(f"{inputs.source}: never measured at the same time in the part to replay; move --from")
    return replace(case, incidents=(*inputs.incidents, *incidents_of(options.incidents, inputs.series)))


def _pictures(report: Path) -> dict[str, Path]:
    """Where each picture of a report is, by what it shows."""
    return {about: report.with_name(f"{report.stem}-{name}.png") for about, (name, _) in _PICTURES.items()}


def _write_report(replayed: Replayed, report: Path, suggestion: Suggested | None) -> None:
    """The report and its pictures take their places together, when all are there."""
    places = _pictures(report)
    with ExitStack() as together:
        for about, (_, draw) in _PICTURES.items():
            draw(replayed, together.enter_context(whole_file(places[about])))
        text = markdown(replayed, {about: place.name for about, place in places.items()}, suggestion)
        together.enter_context(whole_file(report)).write_text(text, encoding="utf-8")


def _print(replayed: Replayed) -> None:
    runs = replayed.runs
    out.print(table(title(replayed), *arm_table(replayed.scores, replayed.case.load.stock is not None)))
    if against := against_hpa(runs[FORESAIL], runs[HPA]):
        out.print(f"{against.sentence()}.")
    for sentence in _remarks(replayed):
        out.print(sentence)


def _remarks(replayed: Replayed) -> list[str]:
    return [*remarks(replayed), *short_lead(replayed), *unmeasured(replayed.case.load)]
