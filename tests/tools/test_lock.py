"""An installation report becomes a constraints file: normal names, exact versions, sorted, no local labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import lock
from tools.lock import HEADER, main, render


def entry(name: str, version: str) -> dict[str, dict[str, str]]:
    return {"metadata": {"name": name, "version": version}}


def test_one_exact_pin_a_line_sorted_by_normal_name() -> None:
    report = {"install": [entry("types-PyYAML", "6.0.12"), entry("Jinja2", "3.1.6"), entry("ml_dtypes", "0.6.0")]}
    assert render(report) == HEADER + "jinja2==3.1.6\nml-dtypes==0.6.0\ntypes-pyyaml==6.0.12\n"


def test_a_label_that_only_one_index_knows_is_left_out() -> None:
    assert render({"install": [entry("torch", "2.15.0+cpu")]}) == HEADER + "torch==2.15.0\n"


def test_a_pip_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "house"\nrequires-python = ">=3.11"\ndependencies = ["brick"]\n'
        "optional-dependencies = {dev = [], train = []}\n"
    )
    (tmp_path / "constraints.txt").write_text("as it was\n")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main() == 2
    assert (tmp_path / "constraints.txt").read_text() == "as it was\n"
    assert "constraints.txt is as it was" in capfd.readouterr().err
