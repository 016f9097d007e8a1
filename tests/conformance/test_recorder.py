"""A few scenarios played anew, with a restart amid them, and the model on what the controller then answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.recorder import RUNS, main, record
from tests.conformance.vectors import replayed

SHORT = replace(RUNS[1], name="short", seed=11, count=8, steps=6, restart=3)


@pytest.mark.cluster
def test_the_model_equals_the_controller_that_runs_now(control_plane_programs: Path, tmp_path: Path) -> None:
    vectors = record(SHORT, control_plane_programs, tmp_path)
    answers = [answer for vector in vectors for answer in replayed(vector)]
    assert len(answers) >= SHORT.count * SHORT.steps // 2
    assert not [answer.differs for answer in answers if answer.differs]
    assert any(sync.get("restarted") for vector in vectors for sync in vector.syncs)


def test_without_a_control_plane_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["plain"]) == 2
    assert "make control-plane" in capsys.readouterr().err


def test_an_unknown_run_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sideways"])
    assert "no run 'sideways'; there are: plain, restarted, tolerant, to-zero" in capsys.readouterr().err
