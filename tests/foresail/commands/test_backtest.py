"""`foresail backtest`: the same figures as table, JSON and long table of forecasts, and what it refuses."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.baselines import BASELINES
from forecaster.evaluate import origins_from
from forecaster.forecast import HORIZON, LEVELS, Ask
from foresail.cli import main
from tests.helpers.histories import a_load, write_history

SERIES = a_load(2, days=3)
LAST = ("--model", "last-value")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write_history(tmp_path / "load.csv", SERIES)


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


def test_the_model_and_every_baseline_by_default(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(history), "--every", "20"]) == 0
    shown = capsys.readouterr().out
    origins = origins_from(SERIES, 0.7, 20)
    assert f"{len(origins)} origins" in shown
    assert all(name in shown for name in ("lstm:base", *BASELINES))


def test_json_has_the_figures_of_each(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(history), *LAST, "--model", "offset-rule", "--from", "0.8", "--json", "-"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert [s["model"] for s in scores] == ["last-value", "offset-rule"]
    assert scores[0]["origins"] == len(origins_from(SERIES, 0.8, 7))
    assert scores[0]["mae"] == pytest.approx(1.0, abs=0.1)
    assert set(scores[0]["coverage"]) == {f"{level:g}" for level in LEVELS}


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_the_forecasts_that_were_scored_are_written(history: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert main(["backtest", str(history), *LAST, "--every", "50", "--forecasts-out", str(path)]) == 0
    origins = origins_from(SERIES, 0.7, 50)
    made = BASELINES["last-value"].forecast([Ask(SERIES, origins)])[0]
    rows = list(rows_of(path))
    assert len(rows) == len(origins) * HORIZON * len(LEVELS)
    assert rows[0][:3] == (f"{SERIES.time(int(origins[0])):%Y-%m-%dT%H:%M:%SZ}", 1, LEVELS[0])
    assert [row[1:3] for row in rows[: len(LEVELS) + 1]] == [*((1, level) for level in LEVELS), (2, LEVELS[0])]
    np.testing.assert_allclose([row[3] for row in rows], made.quantiles.ravel(), rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--from", "1.5"], "a share of 1.5 to start from; expected more than 0 and less than 1"),
        (["--every", "0"], "an origin every 0 steps; expected 1 or more"),
        (["--from", "0.99"], "no origin after 99% of 864 bins; use a longer history"),
        ([*LAST, "--from", "0.02"], "last-value needs 36"),
        (["--model", "oracle"], "no model 'oracle'"),
        ([*LAST, "--model", "oracle", "--forecasts-out", "{folder}/out.csv"], "no model 'oracle'"),
        ([*LAST, "--model", "{folder}/load.csv", "--forecasts-out", "{folder}/out.csv"], "no model "),
        (["--forecasts-out", "out.json"], "out.json: forecasts are written as .csv, .csv.gz, .parquet"),
        ([*LAST, "--forecasts-out", "/no/such/out.csv"], "its folder does not exist"),
    ],
)
def test_a_wrong_call_is_refused_and_nothing_is_written(
    history: Path, tmp_path: Path, arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    placed = [argument.format(folder=tmp_path) for argument in arguments]
    assert main(["backtest", str(history), *placed, "--json", str(tmp_path / "scores.json")]) == 2
    shown = capsys.readouterr()
    assert found in shown.err
    assert shown.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["load.csv"]
