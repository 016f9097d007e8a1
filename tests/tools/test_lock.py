"""A resolution becomes a constraints file: normal names, exact versions, sorted, no local labels. The pip is real."""

from __future__ import annotations

import zipfile
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


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone that needs one package, on one platform that this is not, and a pip that asks no index."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "house"\nrequires-python = ">=3.11"\ndependencies = []\n'
        "optional-dependencies = {dev = [\"brick>=1; sys_platform == 'atari'\"], train = []}\n"
    )
    (tmp_path / "constraints.txt").write_text("as it was\n")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def test_what_one_platform_needs_is_pinned_for_all(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(house / "brick-1.5-py3-none-any.whl", "w") as wheel:
        about = "brick-1.5.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: brick\nVersion: 1.5\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))
    assert main() == 0
    assert (house / "constraints.txt").read_text() == HEADER + "brick==1.5\n"


def test_a_pip_that_fails_leaves_the_file_as_it_was(house: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main() == 2
    assert (house / "constraints.txt").read_text() == "as it was\n"
    assert "constraints.txt is as it was" in capfd.readouterr().err
