"""The runner, with real processes on a made-up trace: results for every arm, a summary, named failures."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.side_by_side import ROOT, main
from foresail.errors import UsageError
from tests.helpers.histories import a_load, as_csv, write_history


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """A folder with one trace, and the list that pins it."""
    series = a_load(days=4)
    write_history(tmp_path / "load_5m.csv.gz", series)
    sha256 = hashlib.sha256(as_csv(series).encode()).hexdigest()
    (tmp_path / "traces.toml").write_text(
        f'[[trace]]\nfile = "load_5m.csv.gz"\nabout = "a load"\nkind = "Flow"\nclass = "diurnal"\nlearned = true\n'
        f'sha256 = "{sha256}"\n'
    )
    return tmp_path


def arguments(traces: Path, *arms: str) -> list[str]:
    named = [part for arm in arms for part in ("--arm", arm)]
    return [str(traces), "--list", str(traces / "traces.toml"), "--out", str(traces / "results"), *named]


def test_arms_are_run_one_at_a_time_and_added(traces: Path) -> None:
    assert main(arguments(traces, "last-value")) == 0
    assert main(arguments(traces, "ridge")) == 0
    run = json.loads((traces / "results" / "ridge.json").read_text())["seeds"][0]
    assert run["train_cpu_s"] >= 0
    assert run["peak_rss_mib"] > 10
    assert 0 < run["traces"]["load_5m"]["figures"]["mae"] < 5
    summary = json.loads((traces / "results" / "summary.json").read_text())
    assert list(summary["arms"]) == ["last-value", "ridge"]
    value, low, high = summary["arms"]["ridge"]["groups"]["learned"]["adaptive"]
    assert low <= value <= high


def test_an_arm_that_fails_leaves_the_others(traces: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pinned = (traces / "traces.toml").read_text()
    (traces / "traces.toml").write_text(pinned.replace('sha256 = "', 'sha256 = "0'))
    assert main(arguments(traces, "last-value")) == 1
    said = capfd.readouterr().err
    assert "the list pins 0" in said
    assert "last-value, seed 0: ended with 2" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("extra", "said"),
    [(["--seeds", "0"], "expected 1 or more"), (["--effort", "0"], "more than 0"), (["--arm", "x"], "no arm 'x'")],
)
def test_a_wrong_option_is_refused_before_any_work(traces: Path, extra: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        main([*arguments(traces), *extra])


def test_a_folder_that_is_none_ends_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.side_by_side", str(tmp_path / "none")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "is no folder" in ended.stderr
