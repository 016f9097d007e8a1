"""`foresail replay`: a trace through the HPA alone, Foresail and the perfect forecast; bad input costs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.domain import Bounds, Mode, Policy, Signal
from controller.simulation.feed import PrecomputedFeed
from controller.simulation.load import TICK, load_from_series
from controller.simulation.replay import hpa_for, replay
from controller.simulation.score import score
from controller.simulation.world import WorldSettings
from forecaster.history import load_history
from forecaster.series import Kind
from foresail.cli import main
from tests.helpers.builders import MINUTE
from tests.helpers.histories import MONDAY, a_series, write_history
from tests.prometheus import RunningPrometheus

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
POLICY = """\
apiVersion: foresail.dev/v1alpha1
kind: PredictiveAutoscaler
metadata: {name: chat}
spec:
  hpaRef: {name: chat}
  signals:
  - {name: connections, kind: Stock, query: 'sum(connections)', capacityPerPod: "60"}
  bounds: {minReplicas: 2, maxReplicas: 50}
"""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Two days of steps in bins of five minutes, from 200 to 1000 and back every hour and a half."""
    values = np.tile(np.repeat([200.0, 600.0, 1000.0], [9, 1, 8]), 32)
    return write_history(tmp_path / "steps.csv", a_series(values, 5 * MINUTE))


def told(history: Path, *options: str) -> dict[str, object]:
    path = history.with_name("told.json")
    assert main(["replay", str(history), "--days", "0.2", "--json", str(path), *options]) == 0
    result: dict[str, object] = json.loads(path.read_text())
    return result


def refusal(capsys: pytest.CaptureFixture[str], history: Path, *options: str) -> str:
    """What the command says when it refuses: one line, nothing on standard output, and no new file."""
    before = sorted(history.parent.iterdir())
    assert main(["replay", str(history), "--days", "0.1", "--model", "last-value", *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("foresail replay: ")
    assert said.err.count("\n") == 1
    assert sorted(history.parent.iterdir()) == before
    return said.err


def test_the_json_has_the_three_arms_and_every_figure(history: Path) -> None:
    result = told(history, "--model", "base", "--pod-start", "90", "--metric-lag", "45", "--seed", "7")
    arms = result["arms"]
    assert isinstance(arms, dict)
    assert list(arms) == ["foresail", "hpa", "perfect"]
    assert all(set(figures) == FIGURES for figures in arms.values())
    assert result["world"] == {"pod_start_s": 90.0, "metric_lag_s": 45.0, "session_s": 1200.0, "seed": 7}
    assert result["capacity_per_pod"] == 50.0
    assert (result["file"], result["model"], result["hpa_target"]) == ("steps.csv", "base", 0.7)
    assert (result["minutes"], result["unknown_minutes"]) == (290.0, 0.0)
    assert arms["perfect"]["overload_minutes"] < arms["hpa"]["overload_minutes"]


def test_the_hpa_alone_is_a_bare_replay(history: Path) -> None:
    arms = told(history, "--model", "last-value", "--kind", "stock")["arms"]
    assert isinstance(arms, dict)
    series = replace(load_history(history, Kind.STOCK), name="load")
    settings = WorldSettings()
    part = series.part(int(0.7 * len(series)), int(0.7 * len(series)) + 58)
    load = load_from_series([part], TICK, settings.session, settings.seed)
    policy = Policy("bare", (Signal("load", Kind.STOCK, 50.0),), Bounds(1, 80), mode=Mode.ACTIVE)
    bare = replay(load, policy, hpa_for(policy), settings, PrecomputedFeed((), settings.metric_lag))
    assert arms["hpa"] == score(bare).to_dict()


def test_the_same_call_gives_the_same_result(history: Path) -> None:
    assert told(history, "--model", "last-value") == told(history, "--model", "last-value")


def test_the_table_has_every_arm(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(history, "--model", "last-value", "--capacity", "100")
    said = capsys.readouterr().out
    for name in ("Foresail over the HPA", "HPA alone", "perfect forecast over the HPA"):
        assert re.search(rf"{name} +│ +[\d.]+ │", said)
    assert "100.00 per pod, pods ready in 60 s" in said


def test_json_on_standard_output_is_alone_there(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(history), "--days", "0.1", "--model", "last-value", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["arms"]) == {"foresail", "hpa", "perfect"}


def test_a_gap_is_played_and_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.full(576, 300.0)
    values[420:426] = np.nan
    holed = write_history(tmp_path / "holed.csv", a_series(values, 5 * MINUTE))
    result = told(holed, "--model", "last-value")
    assert (result["unknown_minutes"], result["gaps"]) == (30.0, [])
    assert "30 minutes were not measured: not scored." in capsys.readouterr().out


def test_a_gap_longer_than_a_forecast_reaches_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.full(576, 300.0)
    values[410:430] = np.nan
    holed = write_history(tmp_path / "holed.csv", a_series(values, 5 * MINUTE))
    result = told(holed, "--model", "last-value")
    start = MONDAY + 410 * 5 * MINUTE
    assert result["gaps"] == [[start.isoformat(), (start + 100 * MINUTE).isoformat()]]
    assert f"Gap from {start:%Y-%m-%d %H:%M} to " in capsys.readouterr().out


def test_a_policy_says_signal_capacity_and_bounds(history: Path) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY)
    result = told(history, "--model", "last-value", "--policy", str(policy))
    assert result["capacity_per_pod"] == 60.0
    arms = result["arms"]
    assert isinstance(arms, dict)
    assert arms["hpa"]["connections_opened"] > 0  # the signal is a stock


def test_a_picture_is_written_whole(history: Path) -> None:
    picture = history.with_name("replay.png")
    told(history, "--model", "last-value", "--png", str(picture))
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content.endswith(b"IEND\xaeB`\x82")
    assert sorted(p.name for p in history.parent.iterdir()) == ["replay.png", "steps.csv", "told.json"]


def test_a_query_is_replayed_like_a_file_of_the_same_values(
    prometheus: RunningPrometheus, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = prometheus.connections[: 2 * 1440]
    from_file = told(write_history(history.with_name("chat.csv"), a_series(days)), "--model", "last-value")
    query = ["--query", 'chat=last_over_time(connections{pod="a"}[1m])', "--history-days", "2"]
    until = ["--until", "2026-01-07T00:00:00Z", "--model", "last-value", "--days", "0.2", "--json", "-"]
    capsys.readouterr()
    assert main(["replay", "--prometheus", prometheus.url, *query, *until]) == 0
    assert json.loads(capsys.readouterr().out) == {**from_file, "file": "chat"}


def test_a_policy_with_an_unknown_key_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(f"{POLICY}  budjet: {{extraPodHoursPercent: 5}}\n")
    said = refusal(capsys, history, "--policy", str(policy))
    assert "budjet" in said
    assert "rampDown" in said  # what is allowed


def test_a_policy_with_two_signals_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = history.with_name("policy.yaml")
    second = "  - {name: messages, kind: Flow, query: 'sum(rate(messages[1m]))', capacityPerPod: \"60\"}\n  bounds:"
    policy.write_text(POLICY.replace("  bounds:", second))
    assert "has 2 signals" in refusal(capsys, history, "--policy", str(policy))


def test_a_policy_and_a_capacity_contradict_each_other(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY)
    assert "leave --capacity out" in refusal(capsys, history, "--policy", str(policy), "--capacity", "3")


@pytest.mark.parametrize("capacity", ["0", "-5", "nan", "inf", "0.1", "1e-300"])
def test_a_capacity_that_carries_nothing_is_refused(
    capacity: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, history, f"--capacity={capacity}")
    assert f"--capacity {float(capacity):g}; expected 0.2 or more" in said


@pytest.mark.parametrize(
    ("option", "value"),
    [("pod-start", "-1"), ("metric-lag", "601"), ("session", "0"), ("days", "0"), ("from", "1"), ("target", "0"),
     ("target", "1.5"), ("seed", "-1"), ("pod-start", "nan")],
)  # fmt: skip
def test_an_option_out_of_its_bounds_is_refused(
    option: str, value: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"--{option} {value}; expected " in refusal(capsys, history, f"--{option}={value}")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("2026-01-05T00:00:00Z,1\n2026-01-05T00:00:00Z,2\n", "is repeated"),
        ("2026-01-05T00:05:00Z,1\n2026-01-05T00:00:00Z,2\n", "sort the rows by time"),
        ("2026-01-05T00:00:00Z,-1\n", "is negative"),
        ("2026-01-05T00:00:00Z,1e300\n", "is the unit right"),
        ("2026-01-05T00:00:00Z,\n", "the value is missing"),
        ("", "expected at least 3"),
    ],
)
def test_a_damaged_history_is_refused(
    rows: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.csv"
    damaged.write_text("timestamp,value\n" + rows)
    assert problem in refusal(capsys, damaged, "--json", str(tmp_path / "out.json"))


def test_a_history_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refusal(capsys, tmp_path / "nothing.csv")


def test_a_history_of_zeros_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zeros = write_history(tmp_path / "zeros.csv", a_series([0.0] * 100))
    assert "nothing but zeros" in refusal(capsys, zeros)


def test_a_model_that_does_not_exist_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no model 'nonesuch'" in refusal(capsys, history, "--model", "nonesuch")


@pytest.mark.parametrize(
    ("option", "place", "problem"),
    [
        ("--json", "no/out.json", "its folder does not exist"),
        ("--png", "no/out.png", "its folder does not exist"),
        ("--png", "out.gif", "a picture ends in .png, .svg or .pdf"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(
    option: str, place: str, problem: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.unlink()
    assert problem in refusal(capsys, history, option, str(history.parent / place))


def test_a_start_of_pods_beyond_the_horizon_is_refused(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = write_history(tmp_path / "minutes.csv", a_series(np.tile([200.0, 600.0], 720)))
    said = refusal(capsys, minutes, "--pod-start", "841", "--metric-lag", "0")
    assert "--pod-start 841 is beyond what the horizon of 15 steps (15 min) can plan for" in said
    assert said.endswith("pods may take 840 s\n")
    assert "pods may take 810 s" in refusal(capsys, minutes, "--pod-start", "811")
    told(minutes, "--model", "last-value", "--days", "0.05", "--pod-start", "810")
    told(history, "--model", "last-value", "--pod-start", "3600")  # with steps of five minutes the horizon is 75


def test_a_longer_start_of_pods_costs_the_hpa_more_overload(history: Path) -> None:
    swift, slow = (
        told(history, "--model", "last-value", "--pod-start", f"{start.total_seconds():g}")["arms"]
        for start in (timedelta(seconds=30), timedelta(minutes=5))
    )
    assert isinstance(swift, dict)
    assert isinstance(slow, dict)
    assert swift["hpa"]["overload_minutes"] < slow["hpa"]["overload_minutes"]
