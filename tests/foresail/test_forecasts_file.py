"""Forecasts in a file: every origin, step and level in its own row, whatever the format."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.baselines import BASELINES
from forecaster.evaluate import origins_from
from forecaster.forecast import HORIZON, LEVELS, Ask
from foresail.forecasts_file import FORMATS, write_forecasts
from tests.helpers.histories import a_load

SERIES = a_load(2, days=3)


def rows_of(path: Path) -> Iterator[tuple[str, int, float, float]]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        rows: list[dict[str, Any]] = parquet.ParquetFile(path).read().to_pylist()
    else:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        rows = list(csv.DictReader(text.splitlines()))
    for row in rows:
        assert list(row) == ["origin", "horizon", "level", "value"]
        yield row["origin"], int(row["horizon"]), float(row["level"]), float(row["value"])


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_is_every_quantile_in_its_place(tmp_path: Path, suffix: str) -> None:
    origins = origins_from(SERIES, 0.7, 50)
    made = BASELINES["last-value"].forecast([Ask(SERIES, origins)])[0]
    write_forecasts(SERIES, made, tmp_path / f"out{suffix}")
    rows = list(rows_of(tmp_path / f"out{suffix}"))
    assert len(rows) == len(origins) * HORIZON * len(LEVELS)
    assert rows[0][:3] == (f"{SERIES.time(int(origins[0])):%Y-%m-%dT%H:%M:%SZ}", 1, LEVELS[0])
    assert [row[1:3] for row in rows[: len(LEVELS) + 1]] == [*((1, level) for level in LEVELS), (2, LEVELS[0])]
    np.testing.assert_allclose([row[3] for row in rows], made.quantiles.ravel(), rtol=1e-9)
