"""`foresail demo` as a user starts it: ends with a report, or with a reason, and never with a process left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from foresail import STARTED_S
from foresail.cli import main, parser
from foresail.commands.demo import _prepare
from tests.helpers.builders import MINUTE
from tests.helpers.histories import a_series, write_history
from tests.helpers.processes import alive, children_of, foresail, until

FIGURES = {
    "overload_minutes",
    "hot_connection_minutes",
    "pod_minutes",
    "longest_shortage_s",
    "connections_opened",
    "connections_refused",
    "connections_broken",
    "rescales",
    "connections_moved",
    "reconnect_peak",
    "scored_minutes",
}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Five days in bins of five minutes, of which the last is the liveliest."""
    bins = np.arange(5 * 288)
    values = 100 + 50 * np.sin(bins / 288 * 2 * np.pi) + 300 * (bins > 4.5 * 288) * np.sin(bins / 12 * np.pi) ** 2
    return write_history(tmp_path / "trace.csv.gz", a_series(np.rint(values), 5 * MINUTE))


def test_a_trace_is_played_to_its_report(trace: Path) -> None:
    told, run = trace.with_name("out.json"), trace.with_name("run")
    arguments = ("--trace", trace, "--clients", "40", "--minutes", "0.1", "--speed", "600")
    with foresail("demo", "--headless", *arguments, "--json", told, "--out", run) as process:
        said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    result = json.loads(told.read_text())
    assert list(result["arms"]) == ["foresail_live", "foresail", "hpa", "hpa_same_cost", "offset_rule", "perfect"]
    assert all(set(figures) == FIGURES for figures in result["arms"].values())
    assert result["scale"]["most_clients"] == 40
    assert result["scale"]["minutes"] == 60.0
    assert result["model"] == "lstm:base"
    assert 0 < result["first_forecast_s"] < 60
    live, replayed = result["arms"]["foresail_live"], result["arms"]["foresail"]
    assert live["pod_minutes"] == pytest.approx(replayed["pod_minutes"], rel=0.1)
    assert live["connections_opened"] > 0
    for part in ("trace from", "Foresail, live processes", "perfect forecast, replayed", "would have been short for"):
        assert part in said
    assert main(["ledger", "verify", str(run / "ledger.jsonl")]) == 0
    assert sorted(p.name for p in trace.parent.iterdir()) == ["out.json", "run", "trace.csv.gz"]


@contextmanager
def an_evening(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo as a process; whatever the test does to it, its children are gone afterwards."""
    arguments = ("--headless", "--minutes", "1", "--speed", "60", "--json", folder / "out.json", "--out", folder)
    with foresail("demo", *arguments) as process:
        yield process
        process.kill()


def decisions(folder: Path) -> int:
    ledger = folder / "ledger.jsonl"
    return len(ledger.read_text().splitlines()) - 1 if ledger.exists() else 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_whatever_ends_the_run_leaves_no_process(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with an_evening(tmp_path) as process:
        until(lambda: decisions(tmp_path) >= 2 or process.poll() is not None)
        pods = children_of(process.pid)
        assert len(pods) >= 5
        process.send_signal(number)
        _, complaints = process.communicate()
        assert process.returncode == code, complaints
        until(lambda: not alive(pods), 10)
    assert "Traceback" not in complaints
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.jsonl"]
    assert main(["ledger", "verify", str(tmp_path / "ledger.jsonl")]) == 0


def test_a_second_signal_during_the_start_changes_nothing(tmp_path: Path) -> None:
    with an_evening(tmp_path) as process:
        seen: set[int] = set()

        def begun() -> bool:
            seen.update(children_of(process.pid))
            return bool(seen) or process.poll() is not None

        until(begun)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate()
        assert process.returncode == 130, complaints
        until(lambda: not alive(seen), 10)
    assert complaints == "stopping...\nstopped; every process and client is closed\n"
    assert seen


def test_a_second_signal_ends_pods_that_do_not_answer_the_first(tmp_path: Path) -> None:
    with an_evening(tmp_path) as process:
        until(lambda: decisions(tmp_path) >= 2 or process.poll() is not None)
        pods = children_of(process.pid)
        for pod in pods:
            os.kill(pod, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "stopping...\n" in iter(process.stderr.readline, "")
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=10)  # a drain alone would take longer
        assert (process.returncode, complaints) == (130, "stopped; every process and client is closed\n")
        assert len(pods) >= 5
        assert not alive(pods)


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *options: str | Path) -> str:
    """What the command says when it refuses: one line, nothing on standard output, and everything as it was."""
    run = folder / "run"
    run.mkdir(exist_ok=True)
    (run / "ledger.jsonl").write_text("the last run")
    before = sorted(folder.rglob("*"))
    out = () if "--out" in options else ("--out", run)
    assert main(["demo", "--minutes", "4", *map(str, out), *map(str, options)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("foresail demo: ")
    assert said.err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    assert (run / "ledger.jsonl").read_text() == "the last run"
    return said.err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--minutes", "0"], "--minutes 0 --speed 60; minutes are above 0"),
        (["--minutes", "-1"], "minutes are above 0"),
        (["--minutes", "nan"], "minutes are above 0"),
        (["--minutes", "inf"], "at most 1440"),
        (["--speed", "0"], "the speed is 1 to 600"),
        (["--speed", "1000"], "the speed is 1 to 600"),
        (["--minutes", "0.5"], "the run would last 0:30:00 of its own clock"),
        (["--minutes", "1440"], "that is --minutes times --speed"),
        (["--clients", "100"], "it needs --trace FILE"),
        (["--seed", "-1"], "--seed -1; expected 0 or more"),
        (["--model", "nonesuch"], "no model 'nonesuch'"),
        (["--trace", "nothing.csv"], "nothing.csv: no such file"),
    ],
)
def test_a_call_that_cannot_be_followed_is_refused(
    options: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refusal(capsys, tmp_path, "--headless", *options)


@pytest.mark.parametrize("clients", ["19", "561", "2000", "-3"])
def test_a_number_of_clients_that_does_not_fit_is_refused(
    clients: str, trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, trace.parent, "--headless", "--trace", trace, f"--clients={clients}")
    assert f"--clients {clients}; expected 20 to 560: the workload has at most 40 pods for 20 clients each" in said


def test_a_damaged_trace_is_refused(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace.write_bytes(trace.read_bytes()[:500])
    assert "is the file whole?" in refusal(capsys, trace.parent, "--headless", "--trace", trace)


def test_a_trace_that_is_too_short_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = write_history(tmp_path / "short.csv", a_series(np.arange(300.0)))
    assert "choose a longer trace" in refusal(capsys, tmp_path, "--headless", "--trace", short)


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        said = refusal(capsys, tmp_path, "--dashboard-port", str(port))
    assert f"port {port} for the dashboard" in said


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(capsys, tmp_path, "--headless", "--out", tmp_path / "file" / "run")
    assert "name another folder with --out" in said


@pytest.mark.parametrize("name", ["fresh/demo/out.json", "fresh/out.json"])
def test_a_result_in_a_folder_that_the_run_makes_is_allowed(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "fresh" / "demo"
    options = parser().parse_args(
        ["demo", "--headless", "--minutes", "4", "--out", str(folder), "--json", str(tmp_path / name)]
    )
    played = _prepare(options)
    assert played.ledger.parent == folder
    assert options.json.parent.is_dir()
    assert played.started_s == STARTED_S


@pytest.mark.parametrize("name", ["fresh/demo", "fresh"])
def test_a_result_in_place_of_a_folder_that_the_run_makes_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "fresh" / "demo"
    said = refusal(capsys, tmp_path, "--headless", "--out", folder, "--json", tmp_path / name)
    assert f"is a folder of --out {folder}; name a file" in said


@pytest.mark.parametrize(("name", "problem"), [("no/out.json", "its folder does not exist"), ("run", "is a folder")])
def test_a_result_that_could_not_be_written_is_refused_before_the_run(
    name: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refusal(capsys, tmp_path, "--headless", "--json", tmp_path / name)
