"""`foresail backtest FILE...`: rolling-origin scores of models against the baselines, on the last part of histories."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from forecaster.baselines import BASELINES
from forecaster.evaluate import REGIMES, STEPS, MeanScore, Score, Yardstick, mean_score, origins_from, score_against
from forecaster.forecast import Ask, Forecaster, Forecasts, Window
from forecaster.series import IntArray, Series
from forecaster.steps import MIN_STEP
from forecaster.verdict import shares
from foresail.commands.forecast import arm_of, forecaster_of
from foresail.commands.history_options import add_kind_option, add_prometheus_options, read_histories
from foresail.errors import UsageError
from foresail.forecasts_file import FORMATS, write_forecasts
from foresail.incidents_file import add_incidents_option, incidents_of, without_incidents
from foresail.output import check_picture, check_results, emit_json, number, out, progress, table
from foresail.plots.backtest import draw_backtest

_EXAMPLES = """examples:
  foresail backtest history.csv
  foresail backtest history.csv.gz --from 0.8 --every 7 --model base --model last-value
  foresail backtest history.csv --forecasts-out forecasts.csv.gz --png backtest.png
  foresail backtest chat.csv shop.csv news.csv --class schedule --class daily --class daily --json scores.json
below 1 is better than persistence: the last value with the spread of past increments, or (tracked) with a spread that
follows them online. With several histories, the last tables hold the geometric means over all and over each class."""
COLUMNS = ("model", "MAE", "pinball", "pinball on up-ramps", "tracked", "tracked on up-ramps", "tracked at 0.95",
            "tracked at 0.99", "coverage 0.95, %", "coverage on up-ramps, %")  # fmt: skip
SHARED_OUT = ("model", *(f"step {step}" for step in STEPS), *REGIMES, "peak")
_TIMED = (1, 5, 15)
TIMING = ("model", *(f"lag at {step}" for step in _TIMED), *(f"longest at {step}" for step in _TIMED), "peak 0.95, %")

_LEGEND = """\
MAE, pinball: the error of the median and of all quantiles, over persistence's; below 1 is better
on up-ramps: the same of targets further above the last value than nine in ten past moves of as many steps
tracked: pinball over that of persistence whose spread follows the load; at 0.95, at 0.99: of that quantile alone
coverage 0.95: of 100 targets, how many lay at or below the 0.95 quantile: 95 is honest"""
_LEGEND_OF_PARTS = """\
step N: N steps ahead; down-ramp: as up-ramp, downwards; calm: neither; spike: above 99 in 100 past moves
peak: the highest of the next 15 steps; peak 0.95: of 100 peaks, how many lay at or below its 0.95 quantile
lag at N: by how many steps a forecast N steps ahead comes late; 0 is in time, N repeats the last value
longest at N: forecasts N steps ahead in a row whose 0.95 quantile the load passed"""


@dataclass(frozen=True, eq=False)
class History:
    """A history and where to forecast it from; `group` is the class that the user put it in."""

    series: Series
    origins: IntArray
    group: str | None


@dataclass(frozen=True, eq=False)
class Backtested:
    """One history under every arm, in their order: the scores, how the verdicts fell; the forecasts of the first.

    rulings  shares by ruling or served rule; None for an arm that is served whatever it says
    """

    history: History
    scores: list[Score]
    rulings: list[dict[str, float] | None]
    first: Forecasts


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "backtest",
        help="rolling-origin scores against the baselines",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="CSV, gzipped CSV or Parquet with columns timestamp,value (UTC where no zone is given); or --prometheus",
    )
    p.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="the class of a history, once for each and in their order: means are shown for each class too",
    )
    p.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"a model or baseline; may be repeated (default: base and {', '.join(BASELINES)})",
    )
    add_kind_option(p)
    add_incidents_option(p)
    p.add_argument(
        "--from",
        dest="share",
        type=float,
        default=0.7,
        metavar="SHARE",
        help="measure on what comes after this share of the history (default: 0.7)",
    )
    p.add_argument("--every", type=int, default=7, metavar="N", help="steps between origins (default: 7)")
    p.add_argument(
        "--forecasts-out",
        type=Path,
        metavar="FILE",
        help="write the first model's forecasts of one history: origin,horizon,level,value as .csv, .csv.gz, .parquet",
    )
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.add_argument(
        "--png",
        type=Path,
        metavar="FILE",
        help="draw the first model's worst and most typical day, reliability and error by step; of several "
        "histories, each in a picture of its own, with its name appended",
    )
    add_prometheus_options(p)
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    _check(options)
    histories = _histories(options)
    pictures = _pictures(options.png, histories) if options.png else []
    incidents = incidents_of(options.incidents, [history.series for history in histories])
    names = options.model or ["base", *BASELINES]
    arms = {name: without_incidents(forecaster_of(name), incidents) for name in names}
    done: list[Backtested] = []
    with progress() as bar:
        task = bar.add_task("", total=len(histories) * len(arms))
        for history in histories:
            bar.update(task, description=f"{history.series.name}: {len(history.origins)} origins")
            done.append(_backtest(history, options.share, arms, lambda: bar.advance(task)))
    if pictures:
        for one, picture in zip(done, pictures, strict=True):
            draw_backtest(picture, one.history.series, one.first, one.scores)
    if options.forecasts_out:
        write_forecasts(done[0].history.series, done[0].first, options.forecasts_out)
    if options.json:
        emit_json(_as_rows(done), options.json)
    if not options.json or str(options.json) != "-":
        _print(done)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for what would fail only after the long work."""
    count = len(options.files) or len(options.query)
    if options.forecasts_out:
        if not options.forecasts_out.name.endswith(FORMATS):
            raise UsageError(f"{options.forecasts_out}: forecasts are written as {', '.join(FORMATS)}")
        if count > 1:
            raise UsageError(f"--forecasts-out with {count} histories; expected one: give them one at a time")
    if options.classes and len(options.classes) != count:
        raise UsageError(
            f"{len(options.classes)} x --class for {count} histories; expected one for each: repeat it in their order"
        )
    if options.png:
        check_picture(options.png)
    written = {"--json": options.json, "--png": options.png, "--forecasts-out": options.forecasts_out}
    read = {"--incidents": options.incidents} | {f"the history {one}": one for one in options.files}
    check_results(written, read)


def _histories(options: argparse.Namespace) -> list[History]:
    read = read_histories(options, options.files, MIN_STEP)
    return [
        History(series, origins_from(series, options.share, options.every), group)
        for series, group in zip(read, options.classes or [None] * len(read), strict=True)
    ]


def _pictures(png: Path, histories: Sequence[History]) -> list[Path]:
    """One place for each history: `png` itself, or with the history's name appended where there are several."""
    if len(histories) == 1:
        return [png]
    names = [re.sub(r"[^\w.-]+", "_", history.series.name) for history in histories]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"--png: {twice[0]} is the name of two histories; rename one, or draw them one at a time")
    return [png.with_name(f"{png.stem}-{name}{png.suffix}") for name in names]


def _backtest(history: History, share: float, arms: Mapping[str, Forecaster], on_arm: Callable[[], None]) -> Backtested:
    yard = Yardstick.of(history.series, history.origins, share, Window())
    made: list[Forecasts] = []
    for name, forecaster in arms.items():
        forecasts = forecaster.forecast([Ask(history.series, history.origins)])[0]
        made.append(replace(forecasts, model=arm_of(name, forecaster)))
        on_arm()
    rulings = [shares(forecasts.verdicts) if forecasts.verdicts else None for forecasts in made]
    return Backtested(history, [score_against(yard, forecasts) for forecasts in made], rulings, made[0])


def means(done: Sequence[Backtested]) -> dict[str | None, list[MeanScore]]:
    """The mean of each arm over each class, in the order of their first appearance, and under None over all."""
    groups: dict[str | None, list[Backtested]] = {}
    for one in done:
        if one.history.group is not None:
            groups.setdefault(one.history.group, []).append(one)
    groups[None] = list(done)
    return {
        name: [mean_score(scores) for scores in zip(*(one.scores for one in group), strict=True)]
        for name, group in groups.items()
    }


def _as_rows(done: Sequence[Backtested]) -> list[dict[str, object]]:
    """One row per history and arm, then those of the means where there are several histories."""
    rows = [
        {**score.to_dict(), "class": one.history.group, "rulings": rulings}
        for one in done
        for score, rulings in zip(one.scores, one.rulings, strict=True)
    ]
    if len(done) > 1:
        models = [score.model for score in done[0].scores]
        rows += [
            {"series": "geometric mean", "class": group, "model": model, **mean.to_dict()}
            for group, of_arms in means(done).items()
            for model, mean in zip(models, of_arms, strict=True)
        ]
    return rows


def _print(done: Sequence[Backtested]) -> None:
    for one in done:
        name, made = one.history.series.name, one.scores[0]
        title = f"{name}: {made.origins} origins, {made.targets} targets, ratios to persistence"
        out.print(table(title, COLUMNS, [_row(score.model, score) for score in one.scores]))
        for score, rulings in zip(one.scores, one.rulings, strict=True):
            if rulings:
                out.print(f"{score.model}: {_fallen(rulings)}")
    if len(done) > 1:
        _print_means(done)
        out.print(_LEGEND)
        return
    title = "pinball by step and by regime, ratios to tracked persistence"
    out.print(table(title, SHARED_OUT, [_shared_out(score) for score in done[0].scores]))
    title = "peak-timing lag in steps; longest run of misses of 0.95 in origins (of as many, by chance); peak"
    out.print(table(title, TIMING, [_timing(score) for score in done[0].scores]))
    out.print(f"{_LEGEND}\n{_LEGEND_OF_PARTS}")


def _print_means(done: Sequence[Backtested]) -> None:
    models = [score.model for score in done[0].scores]
    for group, of_arms in means(done).items():
        title = f"geometric mean, {f'class {group}' if group else 'all'}: {of_arms[0].of} of {len(done)} histories"
        rows = [_row(model, mean) for model, mean in zip(models, of_arms, strict=True)]
        out.print(table(title, COLUMNS, rows))


def _fallen(rulings: dict[str, float]) -> str:
    """Such as "Accept 93.1 %, ridge 6.9 %, Abstain 0.0 % of the origins"."""
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in rulings.items()) + " of the origins"


def _row(name: str, made: Score | MeanScore) -> list[str]:
    ratios = [made.mae, made.pinball, made.ramp, made.adaptive.pinball, made.adaptive.ramp]
    upper = [made.adaptive.by_level["0.95"], made.adaptive.by_level["0.99"]]
    shares = [made.coverage["0.95"], made.coverage_ramp["0.95"]]
    return [name, *(number(x) for x in ratios + upper), *(number(100 * x, 1) for x in shares)]


def _shared_out(made: Score) -> list[str]:
    steps = [step.adaptive for step in made.by_step.values()]
    regimes = [regime.adaptive for regime in made.by_regime.values()]
    return [made.model, *(number(x) for x in (*steps, *regimes, made.peak.adaptive))]


def _timing(made: Score) -> list[str]:
    steps = [made.by_step[str(step)] for step in _TIMED]
    runs = [f"{number(x.misses.longest, 0)} ({number(x.misses.longest_independent, 1)})" for x in steps]
    covered = number(100 * made.peak.coverage["0.95"], 1)
    return [made.model, *(number(x.lag, 0) for x in steps), *runs, covered]
