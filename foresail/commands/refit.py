"""`foresail refit FILE --out NAME`: the model learns one workload's own history, and is used where that is better."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from forecaster.artefact import Artefact, load_artefact
from forecaster.promotion import CONFIDENCE
from forecaster.series import Series
from forecaster.versions import begin, check_versions, first_version, in_use, is_versions, promote, roll_back
from foresail.commands.history_options import add_history_options, read_history
from foresail.errors import UsageError
from foresail.incidents_file import add_incidents_option, left_out
from foresail.models import find_model
from foresail.output import check_results, emit_json, number, out, progress, table

if TYPE_CHECKING:
    from forecaster.refit import RefitConfig, Refitted

_EXAMPLES = """examples:
  foresail refit history.csv --out models/chat
  foresail forecast history.csv --model models/chat
  foresail refit --out models/chat --prometheus http://prometheus:9090 --query 'sum(connections)' --kind stock
  foresail refit history.csv --out models/chat --layers all --json -
  foresail refit --rollback models/chat
exit code 0 where the refit is used from now on, and where what was in use is kept; --json tells which.
needs torch: pip install 'foresail[train]'"""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "refit",
        help="a model learns one workload's own history, and is used where that is better",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = p.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--out", type=Path, metavar="NAME", help="folder of the workload's models: 0001, 0002, ... and which is in use"
    )
    where.add_argument(
        "--rollback", type=Path, metavar="NAME", help="use again what the model in use had replaced; needs no history"
    )
    add_history_options(p)
    add_incidents_option(p)
    p.add_argument(
        "--model", metavar="MODEL", help="what to begin from (default: what NAME began with, or base where it is new)"
    )
    p.add_argument(
        "--layers",
        choices=["light", "all"],
        default="light",
        help="learn the heads only, or every layer more slowly (default: light)",
    )
    p.add_argument("--steps", type=int, default=240, metavar="N", help="training steps (default: 240)")
    p.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="use the first SHARE of the history only, to measure on the rest (default: 1)",
    )
    p.add_argument(
        "--judge-days",
        type=float,
        default=2.0,
        metavar="N",
        help="latest days, which it does not learn from, to compare on (default: 2)",
    )
    p.add_argument("--seed", type=int, default=0, help="seed of what is drawn (default: 0)")
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    check_results({"--json": options.json}, {"the history": options.file, "--incidents": options.incidents})
    return _roll_back(options) if options.rollback else _refit(options)


def _roll_back(options: argparse.Namespace) -> int:
    if options.file is not None or options.prometheus or options.query:
        raise UsageError("--rollback with a history; it needs none: leave the history out, or name --out")
    left, back = roll_back(options.rollback)
    _tell(options, {"model": str(back.path), "left": left}, f"went back from {left} to {back.path}")
    return 0


def _refit(options: argparse.Namespace) -> int:
    _check(options)
    try:
        from forecaster.refit import RefitConfig
    except ImportError as error:
        raise UsageError(f"a refit needs {error.name}; install foresail[train]") from None
    config = RefitConfig(layers=options.layers, steps=options.steps, judge_days=options.judge_days, seed=options.seed)
    check_versions(options.out)
    start, used = _models(options)
    series = left_out(read_history(options), options.incidents)
    refitted = _refitted(start, used, series.part(0, int(options.share * len(series))), config)
    if not is_versions(options.out):
        begin(options.out, used)
    promoted = refitted.verdict.promoted
    if promoted and (newer := load_artefact(in_use(options.out))).seal != used.seal:
        raise UsageError(f"{newer.path}: came into use while this refit was compared with {used.path}; refit again")
    model = promote(options.out, refitted.write) if promoted else load_artefact(in_use(options.out))
    said = f"{model.path} is used from now on" if promoted else f"kept the old one, {model.path}"
    if not options.json or str(options.json) != "-":
        _print(series, refitted)
    _tell(options, {"model": str(model.path), **asdict(refitted.verdict)}, f"{said}: {refitted.verdict.reason}")
    return 0


def _check(options: argparse.Namespace) -> None:
    if not 0.0 < options.share <= 1.0:
        raise UsageError(f"--share {options.share:g}; expected more than 0 and at most 1")
    if not 1.0 <= options.judge_days <= 28.0:
        raise UsageError(f"--judge-days {options.judge_days:g}; expected 1 to 28")
    if options.steps < 1 or options.seed < 0:
        raise UsageError("--steps takes 1 or more, --seed 0 or more")


def _models(options: argparse.Namespace) -> tuple[Artefact, Artefact]:
    """What to begin from, and what is in use. Every refit begins from the same model: errors do not add up."""
    known = is_versions(options.out)
    start = first_version(options.out) if known and not options.model else find_model(options.model or "base")
    return load_artefact(start), load_artefact(in_use(options.out) if known else start)


def _refitted(start: Artefact, used: Artefact, series: Series, config: RefitConfig) -> Refitted:
    from forecaster.refit import refit

    with progress() as bar:
        task = bar.add_task(f"refitting to {series.name}", total=config.steps)
        return refit(
            start,
            used,
            series,
            config,
            lambda step, loss: bar.update(task, completed=step, description=f"refitting, loss {loss:.4f}"),
        )


def _print(series: Series, refitted: Refitted) -> None:
    verdict = refitted.verdict
    rows = [
        [name, *(number(x) for x in (s.mae, s.pinball, s.ramp)), number(100 * s.coverage["0.95"], 1)]
        for name, s in zip(("in use", "refit"), refitted.scores, strict=True)
    ]
    title = f"{series.name}: {refitted.scores[0].origins} origins of the latest days, ratios to persistence"
    out.print(table(title, ("", "MAE", "pinball", "pinball on up-ramps", "coverage 0.95, %"), rows))
    out.print(
        f"pinball of the refit {number(verdict.ratio, 3)} of that in use, with a confidence of {100 * CONFIDENCE:g} % "
        f"below {number(verdict.bound, 3)} ({verdict.hours} hours); at the levels from 0.95 on "
        f"{number(verdict.upper, 3)}"
    )


def _tell(options: argparse.Namespace, record: dict[str, object], sentence: str) -> None:
    """The outcome, for people and where asked for machines."""
    if options.json:
        emit_json(record, options.json)
    if not options.json or str(options.json) != "-":
        out.print(sentence)
