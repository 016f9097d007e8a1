"""A model folder: written whole or not at all, and refused when a byte of it has changed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecaster.artefact import FORMAT, MANIFEST, MODEL, WEIGHTS, check_writable, load_artefact, write_artefact
from forecaster.errors import BadArtefact

FILES = {MODEL: b"a network", WEIGHTS: b"its weights"}
ABOUT = {"parameters": 3, "train": {"learning_rate": 2e-3, "level_weights": (1, 1.5)}}


def written(path: Path) -> Path:
    return write_artefact(path, "ours", FILES, ABOUT).path


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_seal_stands_for_every_byte(tmp_path: Path) -> None:
    one, same = (load_artefact(written(tmp_path / place / "ours")) for place in ("here", "there"))
    other = write_artefact(tmp_path / "ours", "ours", {**FILES, WEIGHTS: b"others"}, ABOUT)
    assert one.seal == same.seal != other.seal


def test_what_is_written_is_read(tmp_path: Path) -> None:
    artefact = load_artefact(written(tmp_path / "models" / "ours"))
    assert (artefact.name, artefact.manifest["format"], artefact.manifest["parameters"]) == ("ours", FORMAT, 3)
    assert artefact.model.read_bytes() == FILES[MODEL]
    assert names(tmp_path / "models") == ["ours"]
    assert names(artefact.path) == sorted([*FILES, MANIFEST])


@given(st.sampled_from([MANIFEST, *FILES]), st.integers(0, 10**6), st.integers(1, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_is_found(tmp_path: Path, name: str, at: int, by: int) -> None:
    file = written(tmp_path / "ours") / name
    content = bytearray(file.read_bytes())
    content[at % len(content)] ^= by
    file.write_bytes(content)
    with pytest.raises(BadArtefact, match=r"copy the model again|train the model again|train it again"):
        load_artefact(tmp_path / "ours")


@pytest.mark.parametrize("name", [MODEL, WEIGHTS])
def test_a_cut_or_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    file = written(tmp_path / "ours") / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadArtefact, match=f"{name}: its SHA-256 is .* the manifest says .*changed or cut"):
        load_artefact(tmp_path / "ours")
    file.unlink()
    with pytest.raises(BadArtefact, match=f"{name}: cannot be read .*; copy the model again"):
        load_artefact(tmp_path / "ours")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "format None; this version reads format 1: train the model again"),
        ('{"format": 99}', "format 99; this version reads format 1"),
        ("[" * 100_000, "cannot be read .*; copy the model again"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str, found: str) -> None:
    (written(tmp_path / "ours") / MANIFEST).write_text(text)
    with pytest.raises(BadArtefact, match=found):
        load_artefact(tmp_path / "ours")


def test_a_model_for_other_inputs_is_refused(tmp_path: Path) -> None:
    write_artefact(tmp_path / "ours", "ours", FILES, ABOUT)
    with pytest.raises(BadArtefact, match=r"made for inputs .*; this version has .*: train it again"):
        write_artefact(tmp_path / "ours", "ours", FILES, {"shape": {"context": 7}})


@pytest.mark.parametrize("depth", [900, 2_000, 50_000])
def test_a_manifest_nested_deeply_is_refused(tmp_path: Path, depth: int) -> None:
    """Whether reading it or writing it again gives up first depends on the version of Python."""
    file = written(tmp_path / "ours") / MANIFEST
    file.write_text('{"format": 1, "a": ' + "[" * depth + "]" * depth + "}")
    with pytest.raises(BadArtefact, match="copy the model again"):
        load_artefact(tmp_path / "ours")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "ours") / MANIFEST
    manifest = json.loads(file.read_text())
    manifest["files"]["a\0b"] = "0"
    del manifest["sha256"]
    manifest["sha256"] = hashlib.sha256(f"{json.dumps(manifest, indent=2)}\n".encode()).hexdigest()
    file.write_text(f"{json.dumps(manifest, indent=2)}\n")
    with pytest.raises(BadArtefact, match=r"ours: 'a\\x00b' is no file's name .*; copy the model again"):
        load_artefact(tmp_path / "ours")


def test_an_artefact_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArtefact, match="names no model file"):
        write_artefact(tmp_path / "ours", "ours", {WEIGHTS: b""}, {})


@pytest.mark.parametrize("what", ["nothing", "an empty folder", "a file"])
def test_what_is_no_model_folder_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ours"
    if what == "an empty folder":
        path.mkdir()
    elif what == "a file":
        path.write_text("model")
    with pytest.raises(BadArtefact, match=r"expected a model folder|cannot be read"):
        load_artefact(path)


def test_an_older_artefact_is_replaced(tmp_path: Path) -> None:
    (written(tmp_path / "ours") / "left over").write_text("")
    write_artefact(tmp_path / "ours", "newer", {MODEL: b"another"}, {})
    assert load_artefact(tmp_path / "ours").name == "newer"
    assert names(tmp_path / "ours") == sorted([MANIFEST, MODEL])
    assert names(tmp_path) == ["ours"]


def test_an_empty_folder_is_filled_and_any_other_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert load_artefact(written(tmp_path / "empty")).name == "ours"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("")
    (tmp_path / "letter").write_text("")
    for name in ("photos", "letter"):
        for write in (written, check_writable):
            with pytest.raises(BadArtefact, match="exists and is not a model folder; name another, or empty it"):
                write(tmp_path / name)
    assert names(tmp_path) == ["empty", "letter", "photos"]


def test_a_write_that_fails_leaves_the_old_artefact_and_nothing_else(tmp_path: Path) -> None:
    before = json.loads((written(tmp_path / "ours") / MANIFEST).read_text())
    with pytest.raises(BadArtefact, match=r"cannot be written .*; name another folder"):
        write_artefact(tmp_path / "ours", "newer", {MODEL: b"another", "no/such/folder": b""}, {})
    assert dict(load_artefact(tmp_path / "ours").manifest) == before
    assert names(tmp_path) == ["ours"]


def test_a_place_that_cannot_be_written_is_known_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for write in (check_writable, written):
        with pytest.raises(BadArtefact, match=r"cannot be written .*; name another folder"):
            write(tmp_path / "file" / "ours")
    check_writable(tmp_path / "models" / "ours")
    assert names(tmp_path / "models") == []
