"""`foresail backtest`: the same figures as tables, JSON, picture and long table of forecasts, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forecaster.baselines import BASELINES
from forecaster.evaluate import origins_from, score
from forecaster.forecast import LEVELS, Ask
from forecaster.history import load_history
from foresail.cli import main
from foresail.commands import backtest
from foresail.forecasts_file import write_forecasts
from foresail.output import to_json
from tests.helpers.histories import a_load, write_history

SERIES, OTHER = a_load(2, days=3), a_load(5, days=3)
LAST = ("--model", "last-value")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write_history(tmp_path / "load.csv", SERIES)


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return write_history(tmp_path / "other.csv.gz", OTHER)


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


def test_json_has_what_the_library_says(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(history), "--model", "offset-rule", "--json", "-"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    read = load_history(history)
    made = BASELINES["offset-rule"].forecast([Ask(read, origins_from(read, 0.7, 7))])[0]
    assert told == json.loads(to_json({**score(read, made, 0.7).to_dict(), "class": None, "rulings": None}))


def test_incidents_are_kept_from_every_arm(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    incidents = tmp_path / "incidents.csv"
    incidents.write_text(f"start,end\n{SERIES.time(300).isoformat()},{SERIES.time(400).isoformat()}\n")
    call = ["backtest", str(history), *LAST, "--model", "same-time-yesterday", "--json", "-"]
    scores = []
    for options in ([], ["--incidents", str(incidents)]):
        assert main([*call, *options]) == 0
        scores.append({one["model"]: one["pinball"] for one in json.loads(capsys.readouterr().out)})
    assert all(scores[0][name] != scores[1][name] for name in ("last-value", "same-time-yesterday"))


def test_the_tables_say_when_and_where(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(history), *LAST]) == 0
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("tracked", "step 15", "up-ramp", "spike", "lag at 15", "peak 0.95, %"))


def test_every_column_is_explained(history: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(history), *LAST]) == 0
    explained = capsys.readouterr().out.rpartition("└")[2]
    of_one = ("MAE", "pinball", "on up-ramps", "tracked", "at 0.95, at 0.99", "coverage 0.95")
    of_parts = ("step N", "down-ramp", "calm", "spike", "peak", "lag at N", "longest at N", "peak 0.95")
    assert [text for text in (*of_one, *of_parts) if text not in explained] == []
    assert main(["backtest", str(history), str(second), *LAST]) == 0
    explained = capsys.readouterr().out.rpartition("└")[2]
    assert [text for text in of_one if text not in explained] == []
    assert "lag at N" not in explained


def test_no_two_columns_have_one_name() -> None:
    for columns in (backtest.COLUMNS, backtest.SHARED_OUT, backtest.TIMING):
        assert len(set(columns)) == len(columns)


def test_of_several_files_each_is_told_and_then_the_means(
    history: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = ["backtest", str(history), str(second), *LAST, "--model", "offset-rule"]
    assert main([*called, "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["series"], row["model"]) for row in rows] == [
        (series, model) for series in ("load", "other", "geometric mean") for model in ("last-value", "offset-rule")
    ]
    rules = [row for row in rows if row["model"] == "offset-rule"]
    assert rules[2]["of"] == 2
    assert rules[2]["mae"] == pytest.approx((rules[0]["mae"] * rules[1]["mae"]) ** 0.5)
    assert rules[2]["coverage"]["0.95"] == pytest.approx(
        (rules[0]["coverage"]["0.95"] + rules[1]["coverage"]["0.95"]) / 2
    )
    assert main(called) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in ("load", "other"))
    assert "geometric mean, all: 2 of 2 histories" in shown


def test_classes_have_means_of_their_own(
    history: Path, second: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    third = write_history(tmp_path / "third.csv", a_load(6, days=3))
    classes = ["--class", "web", "--class", "chat", "--class", "web"]
    assert main(["backtest", *map(str, (history, second, third)), *LAST, *classes, "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["class"] for row in rows] == ["web", "chat", "web", "web", "chat", None]
    assert [row["of"] for row in rows[3:]] == [2, 1, 3]
    assert rows[4]["mae"] == pytest.approx(rows[1]["mae"])
    assert main(["backtest", *map(str, (history, second, third)), *LAST, *classes]) == 0
    assert "geometric mean, class web: 2 of 3 histories" in capsys.readouterr().out


def test_a_picture_of_one_history(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = history.with_name("a.png")
    assert main(["backtest", str(history), *LAST, "--png", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in history.parent.iterdir()) == ["a.png", "load.csv"]


def test_pictures_of_several_are_told_apart_by_name(history: Path, second: Path) -> None:
    assert main(["backtest", str(history), str(second), *LAST, "--png", str(history.with_name("a.svg"))]) == 0
    assert sorted(p.name for p in history.parent.glob("*.svg")) == ["a-load.svg", "a-other.svg"]


def test_two_histories_of_one_name_are_told_but_not_drawn(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "more").mkdir()
    twin = write_history(tmp_path / "more" / "load.csv", OTHER)
    assert main(["backtest", str(history), str(twin), *LAST]) == 0
    assert main(["backtest", str(history), str(twin), *LAST, "--png", str(tmp_path / "a.png")]) == 2
    assert "--png: load is the name of two histories" in capsys.readouterr().err


def test_the_forecasts_that_were_scored_are_written(history: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert main(["backtest", str(history), *LAST, "--every", "50", "--forecasts-out", str(path)]) == 0
    read = load_history(history)
    made = BASELINES["last-value"].forecast([Ask(read, origins_from(read, 0.7, 50))])[0]
    write_forecasts(read, made, tmp_path / "same.csv")
    assert path.read_bytes() == (tmp_path / "same.csv").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--from", "1.5"], "a share of 1.5 to start from; expected more than 0 and less than 1"),
        (["--every", "0"], "an origin every 0 steps; expected 1 or more"),
        (["--from", "0.99"], "no origin after 99% of 864 bins; use a longer history"),
        ([*LAST, "--from", "0.02"], "last-value needs 35"),
        (["--model", "oracle"], "no model 'oracle'"),
        ([*LAST, "--model", "oracle", "--forecasts-out", "{folder}/out.csv"], "no model 'oracle'"),
        ([*LAST, "--model", "{folder}/load.csv", "--forecasts-out", "{folder}/out.csv"], "no model "),
        (["--forecasts-out", "out.json"], "out.json: forecasts are written as .csv, .csv.gz, .parquet"),
        ([*LAST, "--forecasts-out", "/no/such/out.csv"], "its folder does not exist"),
        (["--png", "out.gif"], "a picture ends in .png, .svg or .pdf"),
        (["--png", "/no/such/out.png"], "its folder does not exist"),
        (["--class", "web", "--class", "chat"], "2 x --class for 1 histories; expected one for each"),
        (["--prometheus", "http://127.0.0.1:9"], "a FILE and --prometheus"),
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


def test_the_forecasts_of_several_histories_do_not_go_into_one_file(
    history: Path, second: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert main(["backtest", str(history), str(second), *LAST, "--forecasts-out", str(out)]) == 2
    assert "--forecasts-out with 2 histories; expected one" in capsys.readouterr().err
    assert not out.exists()


def test_without_a_history_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", *LAST]) == 2
    assert "no history; name a FILE, or --prometheus" in capsys.readouterr().err


def test_the_parts_of_a_model_are_told_apart_and_the_gates_rulings_counted(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = ["base", "base:calibrated", "base:network", "ridge"]
    asked = [part for arm in arms for part in ("--model", arm)]
    assert main(["backtest", str(history), *asked, "--every", "20", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in rows] == ["lstm:base", "lstm:base:calibrated", "lstm:base:network", "ridge"]
    assert [row["rulings"] is None for row in rows] == [False, True, True, True]
    assert sum(rows[0]["rulings"].values()) == pytest.approx(1.0)
    assert main(["backtest", str(history), *asked, "--every", "20"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "lstm:base: Accept " in shown
    assert "Abstain 0.0 % of the origins" in shown
