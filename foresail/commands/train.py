"""`foresail train FOLDER --out MODEL`: histories from a folder, from Prometheus or both -> an artefact that serves."""

from __future__ import annotations

import argparse
import fnmatch
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forecaster.series import Series
from forecaster.steps import MIN_STEP
from foresail.commands.history_options import add_prometheus_options, from_prometheus, load_histories
from foresail.errors import UsageError
from foresail.output import err, out, progress

if TYPE_CHECKING:
    from forecaster.artefact import Artefact
    from forecaster.build import Recipe

_EXAMPLES = """examples:
  foresail train histories/ --out models/ours
  foresail train histories/ --out models/ours --exclude 'test_*' --steps 3000 --seed 7
  foresail train histories/ --out models/ours --fresh
  foresail train --out models/ours --days 28 --prometheus http://prometheus:9090 \\
    --query 'connections:stock=sum(connections)' --query 'messages=sum(rate(messages_total[5m]))'
a call that was interrupted goes on where it stood when it is made again; MODEL.training keeps it until then. From a
Prometheus that takes the same --until, or the history is another one.
needs torch: pip install 'foresail[train]'"""
_SUFFIXES = (".csv", ".csv.gz", ".parquet")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "train",
        help="histories -> artefact",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="folder of CSV, gzipped CSV or Parquet files with columns timestamp,value (UTC where no zone is given); "
        "and/or --prometheus",
    )
    p.add_argument(
        "--out", type=Path, required=True, metavar="MODEL", help="folder to write; replaced if it is a model"
    )
    p.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave these files out; may be repeated"
    )
    p.add_argument("--share", type=float, default=0.7, help="share of each history to learn from (default: 0.7)")
    p.add_argument("--steps", type=int, default=None, help="training steps (default: the shipped model's)")
    p.add_argument("--synthetic", type=int, default=240, metavar="N", help="made-up series to add (default: 240)")
    p.add_argument(
        "--fresh", action="store_true", help="start anew where an interrupted training is kept, instead of going on"
    )
    p.add_argument("--seed", type=int, default=0, help="seed of weights and draws (default: 0)")
    add_prometheus_options(p)
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.folder is None and not options.prometheus and not options.query:
        raise UsageError("no histories; name a FOLDER of them, or --prometheus URL with --query QUERY, or both")
    series = [] if options.folder is None else _histories(options.folder, options.exclude)
    if not 0.0 < options.share < 1.0:
        raise UsageError(f"--share {options.share:g}; expected more than 0 and less than 1")
    if options.synthetic < 0 or options.seed < 0 or (options.steps is not None and options.steps < 1):
        raise UsageError("--synthetic and --seed take 0 or more, --steps 1 or more")
    try:
        from forecaster.build import Recipe
        from forecaster.train import TrainConfig
    except ImportError as error:
        raise UsageError(f"training needs {error.name}; install foresail[train]") from None
    series += from_prometheus(options)
    err.print(f"{len(series)} histories, {sum(len(s) for s in series):,} bins")
    config = TrainConfig(seed=options.seed)
    config = config if options.steps is None else replace(config, steps=options.steps)
    artefact = _build(options, series, Recipe(share=options.share, synthetic=options.synthetic, train=config))
    out.print(f"wrote {artefact.path}: see {artefact.path / 'card.md'} for what it reaches")
    return 0


def _build(options: argparse.Namespace, series: list[Series], recipe: Recipe) -> Artefact:
    """The artefact, by a training that can be interrupted: Ctrl-C leaves what the same call goes on from."""
    from forecaster.build import build
    from forecaster.checkpoint import Checkpoint, checkpoint_path

    steps = recipe.train.steps
    checkpoint = Checkpoint(
        checkpoint_path(options.out),
        on_resume=lambda step: err.print(f"going on from step {step:,} of {steps:,}; --fresh starts anew"),
    )
    if options.fresh:
        checkpoint.discard()
    try:
        with progress() as bar:
            task = bar.add_task(f"training on {len(series)} histories", total=steps)
            return build(
                options.out,
                series,
                recipe,
                lambda step, loss: bar.update(task, completed=step, description=f"training, loss {loss:.4f}"),
                checkpoint,
            )
    except KeyboardInterrupt:
        if checkpoint.at:
            again = _same_call(options, series)
            kept = f"{checkpoint.path} keeps step {checkpoint.at:,}"
            err.print(f"interrupted; {kept}: {again} goes on from there", soft_wrap=True)
        raise


def _same_call(options: argparse.Namespace, series: list[Series]) -> str:
    """How to ask for the same histories again: what the last days of a Prometheus are has changed by then."""
    if not options.prometheus or options.until:
        return "the same call"
    return f"the same call with --until {series[-1].end.isoformat()}"


def _histories(folder: Path, exclude: list[str]) -> list[Series]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; expected one with history files")
    files = [
        f
        for f in sorted(folder.iterdir())
        if f.name.endswith(_SUFFIXES) and not any(fnmatch.fnmatch(f.name, glob) for glob in exclude)
    ]
    if not files:
        raise UsageError(f"{folder}: no file ends in {', '.join(_SUFFIXES)} (after --exclude); name another folder")
    return load_histories(files, finest=MIN_STEP)
