"""`foresail train`: histories, of a folder or of queries, become a model that serves; refusals come beforehand."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from forecaster.artefact import METRICS, load_artefact
from foresail.cli import main
from tests.helpers.histories import MONDAY, a_load, a_series, write_history
from tests.prometheus import RunningPrometheus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "histories"
    folder.mkdir()
    write_history(folder / "chat.csv.gz", a_load(1))
    write_history(folder / "web.csv", a_load(2))
    (folder / "notes.txt").write_text("not a history")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["train", *arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.train
def test_a_folder_becomes_a_model_that_forecasts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.csv").write_text("")
    model = tmp_path / "models" / "ours"
    call = ["train", str(folder), "--out", str(model), "--steps", "1", "--synthetic", "1", "--exclude", "broken*"]
    assert main(call) == 0
    assert "2 histories, 1,728 bins" in (shown := capsys.readouterr()).err
    assert str(model) in shown.out.replace("\n", "")
    recorded = json.loads((load_artefact(model).path / METRICS).read_text("utf-8"))
    assert [s["series"] for s in recorded["scores"]] == ["chat", "web"]
    assert main(["forecast", str(folder / "web.csv"), "--model", str(model)]) == 0
    assert "lstm:ours" in capsys.readouterr().out


@pytest.mark.train
def test_queries_and_a_folder_become_a_model_that_forecasts(
    prometheus: RunningPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "histories").mkdir()
    write_history(tmp_path / "histories" / "web.csv", a_load(2))
    model = tmp_path / "ours"
    server = ["--prometheus", prometheus.url, "--until", (MONDAY + timedelta(days=2)).isoformat(), "--days", "2"]
    queries = ["--query", "connections:stock=sum(connections)", "--query", "messages=sum(rate(messages_total[5m]))"]
    few = ["--steps", "1", "--synthetic", "1"]
    assert main(["train", str(tmp_path / "histories"), *server, *queries, "--out", str(model), *few]) == 0
    assert "3 histories" in capsys.readouterr().err
    recorded = json.loads((load_artefact(model).path / METRICS).read_text("utf-8"))
    assert [s["series"] for s in recorded["scores"]] == ["web", "connections", "messages"]
    # After a single step the gate would serve a rule in its place.
    assert main(["forecast", *server, *queries[:2], "--model", f"{model}:calibrated"]) == 0
    assert "lstm:ours" in capsys.readouterr().out


@pytest.mark.train
def test_an_interrupted_training_goes_on_with_the_same_call_and_with_no_other(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted where the training is done and the measuring begins, which is the same to what is kept."""
    from forecaster import build

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    model, kept = tmp_path / "ours", tmp_path / "ours.training"
    call = ["train", str(folder), "--out", str(model), "--synthetic", "0", "--steps"]
    with monkeypatch.context() as patched:
        patched.setattr(build, "measure", interrupt)
        assert main([*call, "1"]) == 130
    assert f"interrupted; {kept} keeps step 1: the same call goes on from there\n" in capsys.readouterr().err
    assert "its train.steps was 1, not 2; ask for that one again, or start anew (--fresh)" in refused(
        capsys, *call[1:], "2"
    )
    assert main([*call, "1"]) == 0
    assert "going on from step 1 of 1; --fresh starts anew" in capsys.readouterr().err
    assert not kept.exists()
    kept.write_text("another's")
    assert "holds no training that can go on" in refused(capsys, *call[1:], "1")
    assert main([*call, "1", "--fresh"]) == 0
    assert "going on" not in capsys.readouterr().err
    assert not kept.exists()


@pytest.mark.train
def test_interrupted_days_of_a_prometheus_are_asked_for_by_their_end(
    prometheus: RunningPrometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a server's last days are has changed when the call is made again; the clock has no end to ask for."""
    from forecaster import build

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def interrupted(*more: str) -> str:
        assert main([*call, *more]) == 130
        return capsys.readouterr().err

    monkeypatch.setattr(build, "measure", interrupt)
    server = ["--prometheus", prometheus.url, "--query", "clock=abs(minute() - 30)", "--days", "2", "--step", "5m"]
    call = ["train", "--out", str(tmp_path / "ours"), *server, "--synthetic", "0", "--steps", "1"]
    until = re.search(r"the same call with --until (\S+) goes on from there", interrupted())
    assert until
    again = interrupted("--until", until[1])
    assert "going on from step 1 of 1" in again
    assert "the same call goes on from there" in again


@pytest.mark.train
def test_a_short_history_and_a_taken_place_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "exists and is not a model folder" in refused(capsys, str(folder), "--out", str(folder))
    write_history(folder / "young.csv", a_series([1.0] * 60))
    message = refused(capsys, str(folder), "--out", str(tmp_path / "ours"))
    assert "young: 42 bins in its first 70%; training needs more than 135" in message
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--share", "1"], "--share 1; expected more than 0 and less than 1"),
        (["--steps", "0"], "--synthetic and --seed take 0 or more, --steps 1 or more"),
        (["--synthetic", "-1"], "--synthetic and --seed take 0 or more"),
        (["--seed", "-1"], "--synthetic and --seed take 0 or more"),
        (["--exclude", "*"], "no file ends in .csv, .csv.gz, .parquet (after --exclude)"),
    ],
)
def test_a_wrong_call_is_refused(
    folder: Path, tmp_path: Path, arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found in refused(capsys, str(folder), "--out", str(tmp_path / "ours"), *arguments)
    assert not (tmp_path / "ours").exists()


def test_neither_a_folder_nor_a_query_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no histories; name a FOLDER of them, or --prometheus URL" in refused(
        capsys, "--out", str(tmp_path / "ours")
    )


@pytest.mark.train
def test_a_query_without_a_server_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "--query", "x", "--out", str(tmp_path / "ours"))
    assert "--query without --prometheus; name the server" in message


def test_a_folder_that_is_none_and_a_bad_file_are_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", str(tmp_path / "ours"))
    assert "no such folder; expected one with history files" in refused(capsys, str(folder / "web.csv"), *out)
    (folder / "web.csv").write_text("time,load\n")
    assert "web.csv: the first line is 'time,load'" in refused(capsys, str(folder), *out)


def test_without_torch_it_says_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("build", "train", "network", "export"):
        monkeypatch.delitem(sys.modules, f"forecaster.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    message = refused(capsys, str(folder), "--out", str(tmp_path / "ours"))
    assert "training needs torch; install foresail[train]" in message
