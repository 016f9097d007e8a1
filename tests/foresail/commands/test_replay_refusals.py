"""`foresail replay` refuses bad input in a line, before the long work, and leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from foresail.cli import main
from tests.helpers.histories import a_series, write_history
from tests.helpers.replay_command import POLICY, an_hpa, refusal, steps_history, told, two_signals


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return steps_history(tmp_path)


def test_a_policy_with_an_unknown_key_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(f"{POLICY}  budjet: {{extraPodHoursPercent: 5}}\n")
    said = refusal(capsys, history, "--policy", str(policy))
    assert "budjet" in said
    assert "rampDown" in said  # what is allowed


def test_histories_that_are_not_the_signals_are_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, history, "--policy", str(two_signals(history.parent)))
    assert "has 2 signals, connections, messages; the histories are steps.csv; give one for each by its name" in said
    assert main(["replay", str(history), str(history)]) == 2
    assert "2 histories without --policy" in capsys.readouterr().err


def test_an_hpa_and_a_target_contradict_each_other(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, history, "--hpa", an_hpa(history), "--target", "0.5")
    assert "--hpa says the target already; leave --target out" in said


def test_an_hpa_on_what_pods_use_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cpu = "type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}"
    said = refusal(capsys, history, "--hpa", an_hpa(history, cpu))
    assert "hpa metric cpu: Resource metrics are of single pods" in said
    assert "write it as an External metric" in said
    assert "an HPA without any is one on CPU" in said


def test_an_hpa_that_ends_where_the_policy_begins_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY.replace("minReplicas: 2", "minReplicas: 20"))
    said = refusal(capsys, history, "--policy", str(policy), "--hpa", an_hpa(history, most=10))
    assert "bounds.minReplicas 20, but the HPA's maxReplicas is 10" in said


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


def test_a_kind_other_than_the_policys_is_refused_and_the_same_is_not(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = history.with_name("policy.yaml")
    policy.write_text(POLICY)
    said = refusal(capsys, history, "--policy", str(policy), "--kind", "flow")
    assert "the signal connections is a stock, and --kind says flow; the policy says the kind" in said
    assert "leave it out" in said
    told(history, "--policy", str(policy), "--kind", "stock", "--model", "last-value")


def test_a_query_of_another_kind_than_the_policys_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked: nobody listens at that address."""
    policy = str(two_signals(tmp_path))
    queries = ["--query", "messages:stock=sum(x)", "--query", "connections=sum(y)"]
    assert main(["replay", "--prometheus", "http://127.0.0.1:9", *queries, "--policy", policy]) == 2
    assert "the signal messages is a flow, and --query says stock" in capsys.readouterr().err


def test_a_policy_that_is_not_there_is_refused_with_what_to_do(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, history, "--policy", str(history.with_name("none.yaml")))
    assert "none.yaml: cannot be read: No such file or directory; name a YAML file that can be read" in said


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


@pytest.mark.parametrize(("options", "problem"), [
    (["--json", "steps.csv"], "steps.csv is read from; name another file to write"),
    (["--json", "../{folder}/steps.csv"], "steps.csv is read from"),
    (["--policy", "policy.md", "--report", "policy.md"], "is what --policy is read from"),
    (["--report", "out.md", "--json", "out.md"], "--json is written there; name another file"),
    (["--report", "out.md", "--png", "out-costs.png"], "--png is written there; name another file"),
])  # fmt: skip
def test_a_result_takes_the_place_of_nothing_that_is_read_or_written(
    options: list[str], problem: str, history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (history.parent / "policy.md").write_text(POLICY)
    before, folder = history.read_bytes(), history.parent
    told = [one if one.startswith("--") else str(folder / one.format(folder=folder.name)) for one in options]
    assert problem in refusal(capsys, history, *told)
    assert history.read_bytes() == before


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


def test_a_suggestion_from_days_that_were_not_measured_is_refused_before_the_long_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foresail.commands.replay.play_arms", None)
    values = np.full(576, 300.0)
    values[1:410] = np.nan
    holed = write_history(tmp_path / "holed.csv", a_series(values, timedelta(minutes=5)))
    said = refusal(capsys, holed, "--suggest")
    assert "--suggest chooses on what comes before the part to replay: " in said
    assert "nothing was measured in the time that all series cover; move --from" in said


@pytest.mark.parametrize(("together", "more", "problem"), [
    (slice(0, 288), [], "never measured at the same time in the part to replay; move --from"),
    (slice(288, 576), ["--suggest"], "the signals were never measured at the same time there; move --from"),
])  # fmt: skip
def test_signals_that_are_never_measured_together_are_refused(
    together: slice, more: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    even = np.arange(576) % 2 == 0
    both = np.zeros(576, dtype=np.bool_)
    both[together] = True
    files = []
    for name, measured in (("connections", even), ("messages", ~even)):
        values = np.where(measured | both, 300.0, np.nan)
        values[[0, -1]] = 300.0
        files.append(write_history(tmp_path / f"{name}.csv", a_series(values, timedelta(minutes=5))))
    policy = str(two_signals(tmp_path))
    command = ["replay", *(f"{file.stem}={file}" for file in files), "--policy", policy, "--model", "last-value"]
    assert main([*command, "--from", "0.5", "--days", "0.9", *more]) == 2
    assert problem in capsys.readouterr().err


def test_a_suggestion_without_days_before_is_refused(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, history, "--suggest", "--from", "0.05")
    assert "--from 0.05 with --suggest, which chooses on what comes before; expected 0.1 or more" in said
