"""Forecasts as a file for others to score: a row for each origin, step and level."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from forecaster.forecast import HORIZON, Forecasts
from forecaster.series import Series
from foresail.errors import UsageError
from foresail.output import whole_file

FORMATS = (".csv", ".csv.gz", ".parquet")


def write_forecasts(series: Series, forecasts: Forecasts, path: Path) -> None:
    """A long table origin,horizon,level,value at `path`, which ends as one of FORMATS; origin is the start of a bin.

    Raises UsageError where it cannot be written.
    """
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
