"""`foresail refit`: a history makes a version or keeps the old one, says so, and what it promoted can be taken back."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from forecaster.artefact import MODEL, Artefact, load_artefact, write_artefact
from forecaster.promotion import LEAST_HOURS
from forecaster.versions import REPLACES, begin, in_use, promote
from foresail.cli import main
from tests.helpers.histories import a_load, write_history

HISTORY = replace(a_load(5, days=6), name="load")
FEW = ("--steps", "1", "--judge-days", "2")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write_history(tmp_path / "load.csv", HISTORY)


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """Two versions, the second in use; what serves them is no network, and is not asked."""
    folder = tmp_path / "chat"
    begin(folder, write_artefact(tmp_path / "base", "base", {MODEL: b"a network"}, {}))
    promote(folder, lambda place, old: write_artefact(place, "chat-0002", {MODEL: b"a refit"}, {REPLACES: old}))
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["refit", *arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.train
def test_a_refit_is_used_where_it_is_better_and_else_the_old_one_is_kept(
    small_model: Artefact, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chat, report = tmp_path / "models" / "chat", tmp_path / "report.json"
    call = ["refit", str(history), "--out", str(chat), "--model", str(small_model.path), "--json", str(report), *FEW]
    assert main(call) == 0
    shown = capsys.readouterr().out
    said = json.loads(report.read_text())
    assert Path(said["model"]) == in_use(chat)
    assert load_artefact(chat / "0001").seal == small_model.seal
    assert in_use(chat).name == ("0002" if said["promoted"] else "0001")
    assert said["hours"] >= LEAST_HOURS
    assert ("is used from now on: better" in shown) == said["promoted"]
    assert ("kept the old one" in shown) != said["promoted"]
    assert f"pinball of the refit {said['ratio']:.3f} of that in use" in shown
    assert main(["forecast", str(history), "--model", str(chat)]) == 0
    assert f"lstm:{load_artefact(in_use(chat)).name}" in capsys.readouterr().out


@pytest.mark.train
@pytest.mark.parametrize("promoted", [True, False])
def test_what_was_judged_is_what_is_done(
    promoted: bool,
    small_model: Artefact,
    history: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both verdicts, whatever so small a network reaches; from the second refit on nothing needs to be named."""
    from forecaster import refit
    from forecaster.promotion import Verdict

    verdict = Verdict(promoted, "said so", 0.9, 0.95, 0.9, 47)
    monkeypatch.setattr(refit, "judge", lambda *_: verdict)
    chat = tmp_path / "chat"
    begin(chat, small_model)
    assert main(["refit", str(history), "--out", str(chat), "--json", "-", *FEW]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["promoted"], said["reason"], said["bound"]) == (promoted, "said so", 0.95)
    assert said["model"] == str(chat / ("0002" if promoted else "0001"))
    assert in_use(chat) == Path(said["model"])
    if promoted:
        assert load_artefact(in_use(chat)).manifest["refit"]["base"]["seal"] == small_model.seal
        assert main(["refit", "--rollback", str(chat)]) == 0
        assert in_use(chat).name == "0001"


@pytest.mark.train
def test_what_came_into_use_meanwhile_is_not_replaced_unseen(
    small_model: Artefact,
    history: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from forecaster import refit
    from forecaster.promotion import Verdict

    chat = tmp_path / "chat"
    begin(chat, small_model)

    def another_refit_meanwhile(*_: object) -> Verdict:
        promote(chat, lambda place, old: write_artefact(place, "chat-0002", {MODEL: b"a refit"}, {REPLACES: old}))
        return Verdict(True, "said so", 0.9, 0.95, 0.9, 47)

    monkeypatch.setattr(refit, "judge", another_refit_meanwhile)
    found = refused(capsys, str(history), "--out", str(chat), *FEW)
    assert "0002: came into use while this refit was compared with" in found
    assert in_use(chat).name == "0002"


def test_a_rollback_says_where_it_went(chat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refit", "--rollback", str(chat), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"model": str(chat / "0001"), "left": "0002"}
    assert in_use(chat).name == "0001"
    assert "0001 is the first version in use; there is none to go back to" in refused(capsys, "--rollback", str(chat))


def test_a_rollback_takes_no_history_and_needs_versions(
    chat: Path, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--rollback with a history; it needs none" in refused(capsys, str(history), "--rollback", str(chat))
    assert "holds no versions of a model" in refused(capsys, "--rollback", str(tmp_path))
    assert in_use(chat).name == "0002"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--share", "0"], "--share 0; expected more than 0 and at most 1"),
        (["--share", "1.1"], "--share 1.1; expected more than 0 and at most 1"),
        (["--share", "nan"], "--share nan; expected more than 0"),
        (["--judge-days", "0.5"], "--judge-days 0.5; expected 1 to 28"),
        (["--steps", "0"], "--steps takes 1 or more, --seed 0 or more"),
        (["--seed", "-1"], "--steps takes 1 or more, --seed 0 or more"),
        (["--json", "/nowhere/report.json"], "its folder does not exist"),
    ],
)
def test_a_wrong_call_is_refused(
    arguments: list[str], found: str, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found in refused(capsys, str(history), "--out", str(tmp_path / "chat"), *arguments)
    assert not (tmp_path / "chat").exists()


@pytest.mark.train
def test_what_cannot_be_refitted_is_refused_before_the_training(
    small_model: Artefact, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ("--model", str(small_model.path))
    assert "is a model itself; name a new folder" in refused(capsys, str(history), "--out", str(small_model.path))
    assert "no history; name a FILE" in refused(capsys, "--out", str(tmp_path / "chat"), *model)
    short = write_history(tmp_path / "short.csv", a_load(1, days=3))
    said = refused(capsys, str(short), "--out", str(tmp_path / "chat"), *model)
    assert "24 hours measured before the latest 2 days" in said
    assert not (tmp_path / "chat").exists()


@pytest.mark.train
def test_a_share_is_all_that_is_used(
    small_model: Artefact, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [str(history), "--out", str(tmp_path / "chat"), "--model", str(small_model.path), "--share", "0.5"]
    assert "24 hours measured before the latest 2 days" in refused(capsys, *call)


@pytest.mark.train
def test_incidents_are_not_learned_from(
    small_model: Artefact, history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    incidents = tmp_path / "incidents.csv"
    incidents.write_text(f"start,end\n{HISTORY.start.isoformat()},{HISTORY.time(3 * 288).isoformat()}\n")
    call = [str(history), "--out", str(tmp_path / "chat"), "--model", str(small_model.path)]
    assert "24 hours measured before the latest 2 days" in refused(capsys, *call, "--incidents", str(incidents))


def test_without_torch_it_says_what_to_install(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("refit", "train", "checkpoint", "network", "export"):
        monkeypatch.delitem(sys.modules, f"forecaster.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    message = refused(capsys, str(history), "--out", str(tmp_path / "chat"))
    assert "a refit needs torch; install foresail[train]" in message
