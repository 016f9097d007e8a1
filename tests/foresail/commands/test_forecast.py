"""`foresail forecast`: what it prints, what it writes, and every call and file that it refuses."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from forecaster.forecast import HORIZON
from foresail.cli import main
from tests.helpers.histories import MINUTE, MONDAY, a_load, a_series, write_history
from tests.prometheus import OUTAGE, RunningPrometheus

LAST = ("--model", "last-value")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write_history(tmp_path / "chat.csv.gz", a_load(1, days=3, gaps=0))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line with which the call is refused."""
    assert main(["forecast", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("foresail forecast: ")
    assert shown.err.count("\n") == 1
    return shown.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["forecast", *arguments, "--json", "-"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert isinstance(shown, dict)
    return shown


def test_a_table_of_every_step_and_the_peak(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", str(history)]) == 0
    shown = capsys.readouterr().out
    assert "chat, measured until 2026-01-08 00:00 UTC, by" in shown
    assert "nothing was measured" not in shown
    assert "lstm:base" in shown
    assert all(f" {h // 12:02}:{5 * h % 60:02} " in shown for h in range(HORIZON))
    assert "peak 1..15" in shown


def test_a_small_load_keeps_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_history(tmp_path / "cpu.csv", a_load(1, gaps=0).scaled(1e-5))
    assert main(["forecast", str(path), *LAST]) == 0
    assert "0.00" in (shown := capsys.readouterr().out)
    assert "│ 0.00 " not in shown.replace("0.000000", "")
    written = as_json(capsys, str(path), *LAST)
    steps = written["steps"]
    assert isinstance(steps, list)
    assert f"{steps[0]['quantiles']['0.5']:.6f}" in shown


def test_json_has_times_levels_and_the_peak_of_the_window(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = as_json(capsys, str(history), *LAST, "--window", "2:4")
    assert (made["signal"], made["model"], made["step_s"]) == ("chat", "last-value", 300.0)
    assert made["origin"] == "2026-01-07T23:55:00+00:00"
    assert made["measured_until"] == "2026-01-08T00:00:00+00:00"
    steps, peak = made["steps"], made["peak"]
    assert isinstance(steps, list)
    assert isinstance(peak, dict)
    assert len(steps) == HORIZON
    assert steps[0]["time"] == "2026-01-08T00:00:00+00:00"
    assert list(steps[0]["quantiles"]) == ["0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99"]
    assert (peak["first"], peak["last"]) == (2, 4)


def test_a_crowd_that_came_once_is_not_expected_the_day_after(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.full(3 * 288, 50.0)
    values[288 + 100 : 288 + 106] = 500.0
    history = write_history(tmp_path / "crowd.csv", a_series(values, 5 * MINUTE))
    incidents = tmp_path / "incidents.csv"
    incidents.write_text("start,end,why\n2026-01-06T08:20:00Z,2026-01-06T08:50:00Z,a crowd\n")
    call = (str(history), "--model", "same-time-yesterday", "--at", "2026-01-07T08:15:00Z")

    def medians(*options: str) -> list[float]:
        steps = as_json(capsys, *call, *options)["steps"]
        assert isinstance(steps, list)
        return [step["quantiles"]["0.5"] for step in steps]

    assert max(medians()) == pytest.approx(500)
    assert medians("--incidents", str(incidents)) == pytest.approx([50] * HORIZON)
    incidents.write_text("start,end\n2026-01-06T08:20:00Z,later\n")
    assert "incidents.csv, line 2: 'later' is no time" in refused(capsys, *call, "--incidents", str(incidents))


def test_a_moment_knows_only_the_bins_that_were_over(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at, origin in [
        ("2026-01-07T12:00:00Z", "2026-01-07T11:55:00+00:00"),
        ("2026-01-07T12:04:59Z", "2026-01-07T11:55:00+00:00"),
        ("2026-01-07T14:05:00+02:00", "2026-01-07T12:00:00+00:00"),
    ]:
        assert as_json(capsys, str(history), *LAST, "--at", at)["origin"] == origin


@pytest.mark.parametrize(("at", "span"), [("2026-01-06T08:20:00Z", "20 min"), ("2026-01-08T06:00:00Z", "46 h")])
def test_a_forecast_from_within_a_gap_says_since_when_nothing_was_measured(
    tmp_path: Path, at: str, span: str, capsys: pytest.CaptureFixture[str]
) -> None:
    series = a_load(1, days=4, gaps=0)
    series.values[series.index(MONDAY + 32 * 60 * MINUTE) : -1] = np.nan
    path = write_history(tmp_path / "holed.csv", series)
    assert main(["forecast", str(path), *LAST, "--at", at]) == 0
    shown = capsys.readouterr().out
    assert "holed, measured until 2026-01-06 08:00 UTC, by" in shown
    assert f"nothing was measured since 2026-01-06 08:00 UTC ({span}): the forecast holds the last value" in shown
    assert as_json(capsys, str(path), *LAST, "--at", at)["measured_until"] == "2026-01-06T08:00:00+00:00"


def test_an_abstention_says_so_before_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series = a_load(1, days=4, gaps=0)
    series.values[800:900] = np.nan
    path = write_history(tmp_path / "holed.csv", series)
    assert main(["forecast", str(path), "--at", series.time(880).isoformat()]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Abstain: nothing was measured in the last 15 bins, up to 2026-01-08 01:20 UTC")
    assert shown.count("Abstain") == 1
    assert "peak 1..15" in shown
    assert main(["forecast", str(path)]) == 0
    assert capsys.readouterr().out.lstrip().startswith("holed, measured until")


def test_times_without_a_zone_are_noted_once_and_read_as_utc(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_history(tmp_path / "chat.csv", a_load(1, days=3, gaps=0))
    path.write_text(path.read_text().replace("+00:00", ""))
    assert main(["forecast", str(path), *LAST, "--json", "-"]) == 0
    shown = capsys.readouterr()
    assert shown.err == f"{path}: timestamps without a time zone, read as UTC\n"
    assert json.loads(shown.out) == as_json(capsys, str(history), *LAST)
    assert capsys.readouterr().err == ""


def test_the_future_of_the_file_changes_nothing(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series = a_load(1, days=3, gaps=0)
    at = series.time(700)
    shorter = write_history(tmp_path / "cut.csv", series.part(0, 700))
    whole, cut = as_json(capsys, str(history), "--at", at.isoformat()), as_json(capsys, str(shorter))
    assert datetime.fromisoformat(str(whole["origin"])) == at - series.step
    assert whole["steps"] == cut["steps"]


def test_json_and_a_picture_go_to_files(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    at = ("--at", "2026-01-07T12:00:00Z")
    assert main(["forecast", str(history), *at, "--json", str(out / "a.json"), "--png", str(out / "a.png")]) == 0
    assert json.loads((out / "a.json").read_text())["model"] == "lstm:base"
    assert (out / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "peak 1..15" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["a.json", "a.png"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--window", "5:2"], "a window of '5:2'; expected FIRST:LAST with 1 <= FIRST <= LAST <= 15"),
        (["--window", "soon"], "a window of 'soon'"),
        (["--window", "0:16"], "a window of '0:16'"),
        (["--at", "noon"], "--at 'noon'; expected ISO 8601, for example 2026-01-08T00:00:00+00:00"),
        (["--at", "2026-01-07T12:00:00"], "has no time zone; append Z for UTC"),
        (["--at", "2026-01-05T00:00:00Z"], "lies outside the history, which is known from 2026-01-05T00:05"),
        (["--at", "2026-01-08T00:05:00Z"], "to 2026-01-08T00:00:00+00:00"),
        (["--model", "crystal-ball"], "no model 'crystal-ball'; expected a model folder or one of: base"),
        (["--model", "base:gate"], "; MODEL:calibrated or MODEL:network; or a baseline: last-value, same-time"),
        (["--model", "ball:network"], "no model 'ball'; expected a model folder or one of: base"),
        (["--at", "2026-01-05T01:00:00Z", *LAST], "last-value needs 35"),
        ([*LAST, "--png", "a.gif"], "a picture ends in .png, .svg or .pdf"),
        ([*LAST, "--json", "/no/such/folder/a.json"], "its folder does not exist; make it first"),
    ],
)
def test_a_wrong_call_is_refused(
    history: Path, arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found in refused(capsys, str(history), *arguments)


def test_a_bad_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, str(tmp_path / "none.csv"))
    path = write_history(tmp_path / "chat.csv", a_series([1, 2, 3]))
    path.write_text(path.read_text().replace("2.0", "-2.0"))
    assert "line 3: value -2 is negative" in refused(capsys, str(path))
    coarse = write_history(tmp_path / "hours.csv", a_series([1.0] * 50, 60 * MINUTE, MONDAY))
    assert "the network takes 0:00:15 to 0:05:00" in refused(capsys, str(coarse))


def test_a_query_is_forecast_like_a_file_of_the_same_values(
    prometheus: RunningPrometheus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = OUTAGE.stop
    path = write_history(tmp_path / "chat.csv", a_series(prometheus.connections[: until + 1]))
    at = ("--at", MONDAY.replace(day=18, hour=22).isoformat())
    query = (
        "--query",
        'chat=last_over_time(connections{pod="a"}[1m])',
        "--until",
        (MONDAY + until * MINUTE).isoformat(),
    )
    asked = as_json(capsys, "--prometheus", prometheus.url, *query, *LAST, *at)
    assert asked == as_json(capsys, str(path), *LAST, *at)


def test_an_outage_up_to_the_end_is_told(prometheus: RunningPrometheus, capsys: pytest.CaptureFixture[str]) -> None:
    query = ("--query", 'chat=last_over_time(connections{pod="a"}[1m])', "--days", "9")
    until = MONDAY + OUTAGE.stop * MINUTE
    assert main(["forecast", "--prometheus", prometheus.url, *query, "--until", until.isoformat(), *LAST]) == 0
    shown = capsys.readouterr().out
    assert f"nothing was measured since {MONDAY + OUTAGE.start * MINUTE:%Y-%m-%d %H:%M} UTC (45 min)" in shown


def test_a_query_that_gives_nothing_is_refused(
    prometheus: RunningPrometheus, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, "--prometheus", prometheus.url, "--query", "nonesuch")
    assert "nonesuch from http://127.0.0.1:" in message
    assert "check names and labels of 'nonesuch'" in message


def test_a_damaged_model_is_refused(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    message = refused(capsys, str(history), "--model", str(tmp_path / "empty"))
    assert "no manifest.json; expected a model folder as `foresail train` writes it" in message


def test_the_verdict_is_told(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = as_json(capsys, str(history))["verdict"]
    assert isinstance(verdict, dict)
    assert (verdict["ruling"], verdict["hours"]) in (("Accept", 68), ("Baseline", 68))
    assert main(["forecast", str(history)]) == 0
    shown = capsys.readouterr().out
    assert f"{verdict['ruling']} {verdict['model']}: " in shown
    assert "68 hours scored" in " ".join(shown.split())


def test_a_young_history_is_shown_and_abstained_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    young = write_history(tmp_path / "young.csv", a_series([5.0] * 20, 5 * MINUTE))
    assert main(["forecast", str(young)]) == 0
    assert "Abstain: 100 minutes measured so far; expected an hour, and 35 bins" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["base:calibrated", "base:network", "last-value"])
def test_what_nobody_judged_has_no_verdict(history: Path, capsys: pytest.CaptureFixture[str], model: str) -> None:
    assert as_json(capsys, str(history), "--model", model)["verdict"] is None
