"""`foresail replay`: a history through every arm, as table, JSON, pictures and report."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
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
from tests.helpers.replay_command import POLICY, an_hpa, steps_history, told, two_signals
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


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return steps_history(tmp_path)


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


def test_incidents_are_told_to_whoever_looks_back_and_change_nobody_else(history: Path) -> None:
    incidents = history.with_name("incidents.csv")
    incidents.write_text("start,end\n2026-01-05T06:00:00Z,2026-01-05T11:30:00Z\n")
    options = ("--model", "same-time-yesterday", "--from", "0.6", "--pod-start", "240")
    plain, without = (told(history, *options, *more)["arms"] for more in ((), ("--incidents", str(incidents))))
    assert isinstance(plain, dict)
    assert isinstance(without, dict)
    changed = {arm for arm in ARMS if plain[arm] != without[arm]}
    assert {"foresail", "offset_rule"} <= changed <= {"foresail", "offset_rule", "hpa_same_cost"}


def test_incidents_of_the_policy_are_those_of_a_file(history: Path) -> None:
    incidents, policy = history.with_name("incidents.csv"), history.with_name("policy.yaml")
    start, end = "2026-01-05T06:00:00Z", "2026-01-05T11:30:00Z"
    incidents.write_text(f"start,end\n{start},{end}\n")
    options = ("--model", "same-time-yesterday", "--from", "0.6", "--pod-start", "240", "--policy", str(policy))
    policy.write_text(POLICY)
    plain, filed = (told(history, *options, *more)["arms"] for more in ((), ("--incidents", str(incidents))))
    policy.write_text(f"{POLICY}  incidents: [{{start: '{start}', end: '{end}', reason: a crowd}}]\n")
    assert told(history, *options)["arms"] == filed != plain


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


def test_a_policy_of_two_signals_takes_a_history_for_each_by_its_name(history: Path) -> None:
    values = load_history(history, Kind.FLOW).values
    messages = write_history(history.with_name("m.csv"), a_series(values / 2, 5 * MINUTE))
    path = history.with_name("told.json")
    files = [f"messages={messages}", f"connections={history}"]
    call = ["replay", *files, "--policy", str(two_signals(history.parent)), "--days", "0.1", "--model", "last-value"]
    assert main([*call, "--json", str(path)]) == 0
    result = json.loads(path.read_text())
    assert result["file"] == "messages, connections"
    assert list(result["signals"]) == list(result["ruled_hours"]) == ["connections", "messages"]
    assert [metric["signal"] for metric in result["hpa"]["metrics"]] == ["connections", "messages"]
    assert result["ruled_hours"]["messages"] == {"not judged": pytest.approx(result["minutes"] / 60)}


def test_the_users_own_hpa_is_replayed(history: Path) -> None:
    result = told(history, "--model", "last-value", "--hpa", an_hpa(history))
    metrics = [{"metric": "sockets", "signal": "load", "target": 40.0}]
    assert result["hpa"] == {"min_replicas": 2, "max_replicas": 50, "metrics": metrics}
    alike = told(history, "--model", "last-value", "--target", "0.8")["arms"]
    found = result["arms"]
    assert isinstance(alike, dict)
    assert isinstance(found, dict)
    assert found["hpa"] == alike["hpa"]  # neither bound is ever reached


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


def test_a_longer_start_of_pods_costs_the_hpa_more_overload(history: Path) -> None:
    swift, slow = (
        told(history, "--model", "last-value", "--pod-start", f"{start.total_seconds():g}")["arms"]
        for start in (timedelta(seconds=30), timedelta(minutes=5))
    )
    assert isinstance(swift, dict)
    assert isinstance(slow, dict)
    assert swift["hpa"]["overload_minutes"] < slow["hpa"]["overload_minutes"]


def test_a_suggestion_is_chosen_on_the_days_before_and_told(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = told(history, "--model", "last-value", "--hpa", an_hpa(history), "--suggest")
    found = result["suggestion"]
    assert isinstance(found, dict)
    assert datetime.fromisoformat(found["from"]) + found["minutes"] * timedelta(minutes=1) == datetime.fromisoformat(
        str(result["from"])
    )
    assert found["replayed"]["hpa"] == result["arms"]["hpa"]  # type: ignore[index]
    assert found["policy"] is None or found["before"]["suggested"].keys() == FIGURES
    said = " ".join(capsys.readouterr().out.split())
    assert ("nothing is suggested" in said) == (found["policy"] is None)


def test_without_being_asked_for_there_is_no_suggestion(history: Path) -> None:
    assert "suggestion" not in told(history, "--model", "last-value")
