"""A folder of versions: one is always in use and whole, promotion and rollback are each other's inverse."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.artefact import MODEL, Artefact, load_artefact, write_artefact
from forecaster.errors import BadArtefact
from forecaster.versions import (
    CURRENT,
    REPLACES,
    begin,
    check_versions,
    first_version,
    in_use,
    is_versions,
    next_number,
    promote,
    roll_back,
)


def a_base(folder: Path) -> Artefact:
    return write_artefact(folder / "base", "base", {MODEL: b"a network"}, {})


def writes(content: bytes = b"a refit") -> Callable[[Path, str], object]:
    return lambda place, replaces: write_artefact(place, f"chat-{place.name}", {MODEL: content}, {REPLACES: replaces})


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """A folder of two versions, the second in use."""
    begin(tmp_path / "chat", a_base(tmp_path))
    promote(tmp_path / "chat", writes())
    return tmp_path / "chat"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_version_is_a_copy_of_what_it_began_with(tmp_path: Path) -> None:
    base = a_base(tmp_path)
    first = begin(tmp_path / "models" / "chat", base)
    assert first.seal == base.seal
    assert names(tmp_path / "models" / "chat") == ["0001", CURRENT]
    assert in_use(tmp_path / "models" / "chat") == first.path == first_version(tmp_path / "models" / "chat")


def test_a_promoted_version_is_in_use_and_names_the_one_that_it_replaced(chat: Path) -> None:
    assert in_use(chat).name == "0002"
    assert load_artefact(in_use(chat)).manifest[REPLACES] == "0001"
    assert first_version(chat).name == "0001"
    assert names(chat) == ["0001", "0002", CURRENT]


def test_a_version_of_another_folder_is_a_beginning(chat: Path, tmp_path: Path) -> None:
    begin(tmp_path / "shop", load_artefact(in_use(chat)))
    with pytest.raises(BadArtefact, match="shop: 0001 is the first version in use; there is none to go back to"):
        roll_back(tmp_path / "shop")


@given(st.lists(st.booleans(), max_size=8))
@settings(max_examples=20, deadline=None)
def test_a_rollback_undoes_the_last_promotion_that_still_holds(moves: list[bool]) -> None:
    """True promotes, False goes back: a stack, whose numbers are never given twice."""
    with tempfile.TemporaryDirectory() as folder:
        chat = Path(folder) / "chat"
        begin(chat, a_base(Path(folder)))
        stack, made = ["0001"], 1
        for promotes in moves:
            if promotes:
                made += 1
                stack.append(promote(chat, writes(str(made).encode())).path.name)
                assert stack[-1] == f"{made:04d}"
            elif len(stack) > 1:
                assert roll_back(chat)[0] == stack.pop()
            else:
                with pytest.raises(BadArtefact, match="0001 is the first version in use; there is none to go back to"):
                    roll_back(chat)
            assert in_use(chat).name == stack[-1]
            assert load_artefact(in_use(chat)).path.name == stack[-1]


@given(st.lists(st.one_of(st.integers(1, 20_000).map(lambda n: f"{n:04d}"), st.sampled_from([CURRENT, ".tmp", "7"]))))
def test_the_next_number_is_beyond_all_others(taken: list[str]) -> None:
    number = next_number(taken)
    assert len(number) >= 4
    assert number not in taken
    assert all(int(number) > int(name) for name in taken if name.isdecimal() and len(name) >= 4)


def test_what_fails_half_way_leaves_what_was(chat: Path) -> None:
    def fails(place: Path, _: str) -> None:
        (place / MODEL).write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        promote(chat, fails)
    assert names(chat) == ["0001", "0002", CURRENT]
    assert in_use(chat).name == "0002"


def test_a_number_that_another_refit_has_taken_is_left_to_it(chat: Path) -> None:
    (chat / "0003").mkdir()
    assert promote(chat, writes()).path.name == "0004"


@pytest.mark.parametrize("text", ["", "0003", "../base", "0000", "é"])
def test_a_current_that_names_no_version_is_refused(chat: Path, text: str) -> None:
    (chat / CURRENT).write_text(text, "utf-8")
    for ask in (in_use, check_versions, roll_back):
        with pytest.raises(BadArtefact, match=r"current: (names .*expected the number of a version|cannot be read)"):
            ask(chat)


def test_going_back_to_what_is_damaged_or_gone_is_refused_and_changes_nothing(chat: Path) -> None:
    (chat / "0001" / MODEL).write_bytes(b"changed")
    with pytest.raises(BadArtefact, match="copy the model again"):
        roll_back(chat)
    (chat / "0001").rename(chat / "away")
    with pytest.raises(BadArtefact, match=r"no manifest\.json"):
        roll_back(chat)
    assert in_use(chat).name == "0002"


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    base = a_base(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("")
    (tmp_path / "letter").write_text("")
    (tmp_path / "empty").mkdir()
    check_versions(tmp_path / "empty")
    check_versions(tmp_path / "new")
    for name, found in (
        ("base", "is a model itself"),
        ("photos", "holds no versions"),
        ("letter", "holds no versions"),
    ):
        with pytest.raises(BadArtefact, match=found):
            begin(tmp_path / name, base)
        assert not is_versions(tmp_path / name)
        with pytest.raises(BadArtefact, match="holds no versions of a model; expected a folder that `foresail refit`"):
            roll_back(tmp_path / name)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadArtefact, match=r"chat: cannot be written \(Not a directory\); name another folder"):
        begin(tmp_path / "file" / "chat", a_base(tmp_path))
