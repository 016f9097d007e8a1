"""`foresail controller`: options that contradict one another, and ways to a cluster that there are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresail.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--dry-run"], "--dry-run goes with `controller once`; leave it out"),
        (["once", "--if-stale", "45s"], "--if-stale goes with `controller restore`; leave it out"),
        (["restore", "--if-stale", "soon"], "--if-stale soon; expected a span such as 45s or 5m"),
        (["restore", "--now", "--within", "5m"], "--if-stale, --within and --now exclude one another"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["controller", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("action", ["run", "once", "restore"])
def test_without_a_cluster_it_says_so(action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["controller", action, "--kubeconfig", str(tmp_path / "none")]) == 2
    assert "no way to a cluster" in capsys.readouterr().err


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORESAIL_CONTROLLER_TICKS", "5")
    assert main(["controller", "once"]) == 2
    assert "FORESAIL_CONTROLLER_TICKS: unknown; there are" in capsys.readouterr().err
