"""Where a model is found: a folder that the user names, or a shipped one by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecaster.artefact import MODEL, load_artefact, write_artefact
from forecaster.errors import BadArtefact
from forecaster.versions import begin
from foresail.errors import UsageError
from foresail.models import find_model


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_model(str(tmp_path)) == tmp_path


def test_of_a_folder_of_versions_the_one_in_use_is_taken(tmp_path: Path) -> None:
    first = write_artefact(tmp_path / "ours", "ours", {MODEL: b"a network"}, {})
    begin(tmp_path / "chat", first)
    assert find_model(str(tmp_path / "chat")) == tmp_path / "chat" / "0001"
    (tmp_path / "chat" / "current").write_text("7\n")
    with pytest.raises(BadArtefact, match=r"current: names '7'; expected the number of a version \(0001\)"):
        find_model(str(tmp_path / "chat"))


def test_the_shipped_model_is_found_by_its_name_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_artefact(find_model("base")).name == "base"


def test_an_unknown_name_lists_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = write_artefact(tmp_path / "models" / "ours", "ours", {MODEL: b"a network"}, {})
    begin(tmp_path / "models" / "chat", ours)
    (tmp_path / "models" / "none").mkdir()
    with pytest.raises(UsageError) as refused:
        find_model("bass", "; or a rule")
    assert str(refused.value) == (
        "no model 'bass'; expected a model folder or one of: base, models/chat, models/ours; or a rule"
    )


def test_a_name_too_long_for_a_folder_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the model 'b{200}…': File name too long; expected a model folder or one of"):
        find_model("b" * 5000)
