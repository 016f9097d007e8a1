"""`foresail backtest FILE`: rolling-origin scores of a model against the baselines, on the last part of a history."""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np

from forecaster.baselines import BASELINES
from forecaster.evaluate import Score, origins_from, score
from forecaster.forecast import HORIZON, Ask, Forecasts
from forecaster.history import load_history
from forecaster.series import Series
from foresail.commands.forecast import add_kind_option, forecaster_of, kind_of
from foresail.errors import UsageError
from foresail.output import check_place, emit_json, number, out, progress, table, whole_file

_EXAMPLES = """examples:
  foresail backtest history.csv
  foresail backtest history.csv.gz --from 0.8 --every 7 --model base --model last-value
  foresail backtest history.csv --forecasts-out forecasts.csv.gz
below 1 is better than persistence (the last value with the spread of past increments)."""
_FORMATS = (".csv", ".csv.gz", ".parquet")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = commands.add_parser(
        "backtest",
        help="rolling-origin scores against the baselines",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("file", type=Path, help="CSV, gzipped CSV or Parquet with columns timestamp,value")
    p.add_argument(
        "--model",
        action="append",
        metavar="MODEL",
        help=f"a model or baseline; may be repeated (default: base and {', '.join(BASELINES)})",
    )
    add_kind_option(p)
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
        help="write the first model's forecasts: origin,horizon,level,value as .csv, .csv.gz or .parquet",
    )
    p.add_argument(
        "--json", type=Path, metavar="FILE", nargs="?", const=Path("-"), help="write JSON; - is standard output"
    )
    p.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if options.forecasts_out and not options.forecasts_out.name.endswith(_FORMATS):
        raise UsageError(f"{options.forecasts_out}: forecasts are written as {', '.join(_FORMATS)}")
    for path in (options.forecasts_out, options.json):
        if path and str(path) != "-":
            check_place(path)
    series = load_history(options.file, kind_of(options))
    origins = origins_from(series, options.share, options.every)
    forecasters = [forecaster_of(name) for name in options.model or ["base", *BASELINES]]
    scores: list[Score] = []
    first: Forecasts | None = None
    with progress() as bar:
        task = bar.add_task(f"{series.name}: {len(origins)} origins", total=len(forecasters))
        for forecaster in forecasters:
            forecasts = forecaster.forecast([Ask(series, origins)])[0]
            first = first or forecasts
            scores.append(score(series, forecasts, options.share))
            bar.advance(task)
    if first is not None and options.forecasts_out:
        write_forecasts(series, first, options.forecasts_out)
    if options.json:
        emit_json([s.to_dict() for s in scores], options.json)
    if not options.json or str(options.json) != "-":
        _print(series, scores)
    return 0


def _print(series: Series, scores: list[Score]) -> None:
    rows = [
        [
            s.model,
            number(s.mae),
            number(s.pinball),
            number(s.ramp),
            number(s.by_level["0.95"]),
            number(100 * s.coverage["0.95"], 1),
        ]
        for s in scores
    ]
    title = f"{series.name}: {scores[0].origins} origins, {scores[0].targets} targets, ratios to persistence"
    out.print(table(title, ["model", "MAE", "pinball", "on up-ramps", "pinball 0.95", "coverage 0.95, %"], rows))


def write_forecasts(series: Series, forecasts: Forecasts, path: Path) -> None:
    """A long table origin,horizon,level,value; origin is the start of the last known bin."""
    origins = np.array([f"{series.time(int(k)):%Y-%m-%dT%H:%M:%SZ}" for k in forecasts.origins])
    count, levels = len(origins), np.array(forecasts.levels)
    columns = {
        "origin": np.repeat(origins, HORIZON * len(levels)),
        "horizon": np.tile(np.repeat(np.arange(1, HORIZON + 1), len(levels)), count),
        "level": np.tile(levels, count * HORIZON),
        "value": forecasts.quantiles.ravel(),
    }
    with whole_file(path) as fresh:
        if path.suffix == ".parquet":
            _write_parquet(columns, fresh)
        else:
            _write_csv(columns, fresh)


def _write_csv(columns: dict[str, np.ndarray], path: Path) -> None:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    with gzip.open(path, "wt", compresslevel=4) if path.suffix == ".gz" else path.open("w") as file:
        file.write(",".join(columns) + "\n")
        file.writelines(f"{origin},{horizon},{level:g},{value:.10g}\n" for origin, horizon, level, value in rows)


def _write_parquet(columns: dict[str, np.ndarray], path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError("writing Parquet needs pyarrow; install foresail[parquet], or name a .csv.gz") from None
    parquet.write_table(pyarrow.table(columns), path)
