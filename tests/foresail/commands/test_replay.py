"""`foresail replay`: a history through every arm, as table, JSON, pictures and report; bad input costs nothing."""

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
from foresail.errors import UsageError
from foresail.replays import arms
from tests.helpers.builders import MINUTE
from tests.helpers.histories import MONDAY, a_series, write_history
from tests.prometheus import RunningPrometheus

ARMS = ["hpa", "foresail", "hpa_same_cost", "offset_rule", "perfect"]
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


def test_the_json_has_every_arm_and_every_figure(history: Path) -> None:
    result = told(history, "--model", "base", "--pod-start", "90", "--metric-lag", "45", "--seed", "7")
    found = result["arms"]
    assert isinstance(found, dict)
    assert list(found) == ARMS
    assert all(set(figures) == FIGURES for figures in found.values())
    world = result["world"]
    assert isinstance(world, dict)
    assert (world["pod_start_s"], world["pod_start_p95_s"], world["metric_lag_s"], world["seed"]) == (90, None, 45, 7)
    assert result["signals"] == {"load": {"kind": "Flow", "capacity_per_pod": 50.0}}
    metrics = [{"metric": "load", "signal": "load", "target": 35.0}]
    assert result["hpa"] == {"min_replicas": 1, "max_replicas": 80, "metrics": metrics}
    assert (result["file"], result["model"], result["against_hpa"]) == ("steps.csv", "base", None)
    assert (result["minutes"], result["unknown_minutes"]) == (290.0, 0.0)
    assert found["perfect"]["overload_minutes"] < found["hpa"]["overload_minutes"]


def test_the_hpa_alone_is_a_bare_replay(history: Path) -> None:
    found = told(history, "--model", "last-value", "--kind", "stock")["arms"]
    assert isinstance(found, dict)
    series = replace(load_history(history, Kind.STOCK), name="load")
    settings = WorldSettings()
    part = series.part(int(0.7 * len(series)), int(0.7 * len(series)) + 58)
    load = load_from_series([part], TICK, settings.session, settings.seed)
    policy = Policy("bare", (Signal("load", Kind.STOCK, 50.0),), Bounds(1, 80), mode=Mode.ACTIVE)
    bare = replay(load, policy, hpa_for(policy), settings, PrecomputedFeed((), settings.metric_lag))
    assert found["hpa"] == score(bare).to_dict()


def test_the_same_call_gives_the_same_result(history: Path) -> None:
    assert told(history, "--model", "last-value") == told(history, "--model", "last-value")


def test_incidents_change_what_foresail_does_and_nobody_else(history: Path) -> None:
    incidents = history.with_name("incidents.csv")
    incidents.write_text("start,end\n2026-01-05T06:00:00Z,2026-01-05T11:30:00Z\n")
    options = ("--model", "same-time-yesterday", "--from", "0.6", "--pod-start", "240")
    plain, without = (told(history, *options, *more)["arms"] for more in ((), ("--incidents", str(incidents))))
    assert isinstance(plain, dict)
    assert isinstance(without, dict)
    changed = {arm for arm in ARMS if plain[arm] != without[arm]}
    assert changed in ({"foresail"}, {"foresail", "hpa_same_cost"})


def test_the_table_has_every_arm(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(history, "--model", "last-value", "--capacity", "100")
    said = capsys.readouterr().out
    for arm in arms.ARMS:
        assert re.search(rf"{re.escape(arm.title)} +│ +[\d.]+ │", said)
    assert "100.00 per pod, pods ready in 60 s" in said


def test_json_on_standard_output_is_alone_there(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(history), "--days", "0.1", "--model", "last-value", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["arms"]) == ARMS


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
    assert result["signals"] == {"connections": {"kind": "Stock", "capacity_per_pod": 60.0}}
    found = result["arms"]
    assert isinstance(found, dict)
    assert found["hpa"]["connections_opened"] > 0  # the signal is a stock


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


@pytest.fixture
def two_signals(tmp_path: Path) -> Path:
    """A policy of connections and messages."""
    second = "  - {name: messages, kind: Flow, query: 'sum(rate(messages[1m]))', capacityPerPod: \"30\"}\n  bounds:"
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("  bounds:", second))
    return path


def test_a_policy_of_two_signals_takes_a_history_for_each_by_its_name(history: Path, two_signals: Path) -> None:
    values = load_history(history, Kind.FLOW).values
    messages = write_history(history.with_name("m.csv"), a_series(values / 2, 5 * MINUTE))
    path = history.with_name("told.json")
    files = [f"messages={messages}", f"connections={history}"]
    call = ["replay", *files, "--policy", str(two_signals), "--days", "0.1", "--model", "last-value"]
    assert main([*call, "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["file"] == "messages, connections"
    assert list(result["signals"]) == list(result["ruled_hours"]) == ["connections", "messages"]
    assert [metric["signal"] for metric in result["hpa"]["metrics"]] == ["connections", "messages"]
    assert result["ruled_hours"]["messages"] == {"not judged": pytest.approx(result["minutes"] / 60)}


def test_histories_that_are_not_the_signals_are_refused(
    history: Path, two_signals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, history, "--policy", str(two_signals))
    assert "has 2 signals, connections, messages; the histories are steps.csv; give one for each by its name" in said
    assert main(["replay", str(history), str(history)]) == 2
    assert "2 histories without --policy" in capsys.readouterr().err


def an_hpa(history: Path, metric: str = "type: External, external: {metric: {name: sockets}, target: "
           "{type: AverageValue, averageValue: '40'}}", most: int = 50) -> str:  # fmt: skip
    path = history.with_name("hpa.yaml")
    path.write_text(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: chat}\nspec:\n"
        "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}\n"
        f"  minReplicas: 2\n  maxReplicas: {most}\n  metrics:\n  - {{{metric}}}\n"
    )
    return str(path)


def test_the_users_own_hpa_is_replayed(history: Path) -> None:
    result = told(history, "--model", "last-value", "--hpa", an_hpa(history))
    metrics = [{"metric": "sockets", "signal": "load", "target": 40.0}]
    assert result["hpa"] == {"min_replicas": 2, "max_replicas": 50, "metrics": metrics}
    alike = told(history, "--model", "last-value", "--target", "0.8")["arms"]
    found = result["arms"]
    assert isinstance(alike, dict)
    assert isinstance(found, dict)
    assert found["hpa"] == alike["hpa"]  # neither bound is ever reached


def test_an_hpa_and_a_target_contradict_each_other(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, history, "--hpa", an_hpa(history), "--target", "0.5")
    assert "--hpa says the target already; leave --target out" in said


def test_an_hpa_on_what_pods_use_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cpu = "type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}"
    said = refusal(capsys, history, "--hpa", an_hpa(history, cpu))
    assert "hpa metric cpu: Resource metrics are of single pods" in said


def test_an_hpa_within_narrower_bounds_than_the_policys_is_refused(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY)
    said = refusal(capsys, history, "--policy", str(policy), "--hpa", an_hpa(history, most=10))
    assert "bounds: 2..50 replicas, but the HPA allows 2..10" in said


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("minReplicas: 2", "minReplicas: 60", "minReplicas 60 is above maxReplicas 50"),
        ('"60"', '"0"', "capacityPerPod"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(
    right: str, wrong: str, problem: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY.replace(right, wrong))
    said = said_of(capsys, history, policy)
    assert problem in said


def said_of(capsys: pytest.CaptureFixture[str], history: Path, policy: Path) -> str:
    """What is said of a policy, which has a line for each problem."""
    assert main(["replay", str(history), "--policy", str(policy)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_three_days_have_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.tile(np.repeat([200.0, 1000.0], [9, 9]), 16 * 5)
    days = write_history(tmp_path / "days.csv", a_series(values, 5 * MINUTE))
    path = tmp_path / "told.json"
    assert main(["replay", str(days), "--from", "0.4", "--model", "last-value", "--json", str(path)]) == 0
    against = json.loads(path.read_text())["against_hpa"]
    assert against["days"] == 3
    least, most = against["pod_hours_ratio"][1:]
    assert 0 < least <= against["pod_hours_ratio"][0] <= most
    assert "Foresail against the HPA, with 90 % intervals over 3 days" in " ".join(capsys.readouterr().out.split())


def test_a_report_is_written_with_its_pictures(history: Path) -> None:
    told(history, "--model", "last-value", "--report", str(history.with_name("week.md")))
    assert sorted(p.name for p in history.parent.iterdir()) == [
        "steps.csv", "told.json", "week-costs.png", "week-pods.png", "week.md",
    ]  # fmt: skip
    page = history.with_name("week.md").read_text()
    assert all(f"| {arm.title} |" in page for arm in arms.ARMS)
    assert "(<week-pods.png>)" in page
    assert "(<week-costs.png>)" in page


def test_a_report_that_fails_leaves_nothing_behind(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise UsageError("no page today")

    monkeypatch.setattr("foresail.commands.replay.markdown", broken)
    report = str(history.with_name("week.md"))
    assert main(["replay", str(history), "--days", "0.1", "--model", "last-value", "--report", report]) == 2
    assert sorted(p.name for p in history.parent.iterdir()) == ["steps.csv"]


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
        ("--report", "no/out.md", "its folder does not exist"),
        ("--report", "out.txt", "give it a name that ends in .md"),
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
