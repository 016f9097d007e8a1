"""How commands speak: figures and tables, JSON without NaN, files whole or not at all, pictures."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path
from unittest import mock

import pytest
from rich.console import Console

from foresail import output
from foresail.errors import PlotUnavailable, UsageError


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1234.567, 2, "1,234.57"), (0.0, 2, "0.00"), (5.0, 0, "5"), (None, 2, "-"), (float("nan"), 2, "-")],
)
def test_figures(value: float | None, digits: int, text: str) -> None:
    assert output.number(value, digits) == text


def test_a_table_shows_every_cell(capsys: pytest.CaptureFixture[str]) -> None:
    output.out.print(output.table("loads", ["model", "MAE"], [["base", "0.50"], ["last-value", "1.00"]]))
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("loads", "model", "MAE", "base", "0.50", "last-value", "1.00"))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_of_a_table_is_cut_and_what_does_not_fit_beside_stands_below(width: int) -> None:
    columns = ["arm", *(f"figure number{k}" for k in range(9))]
    rows = [["HPA as given", *(f"{k}.25 s" for k in range(9))], ["Foresail over HPA", *("1,234.5" for _ in range(9))]]
    console = Console(width=width, file=io.StringIO(), highlight=False)
    with mock.patch.object(output, "out", console):
        console.print(output.table("figures", columns, rows))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    assert "…" not in shown
    assert all(f"number{k}" in shown and f"{k}.25 s" in shown for k in range(9))
    below = shown.count("Foresail over HPA")
    assert below == {40: 9, 80: 2, 120: 1}[width]
    assert shown.count("figures") == 1


def test_json_has_null_where_there_is_no_figure() -> None:
    text = output.to_json({"a": [1.5, float("nan")], "b": (float("inf"), {"c": None}), 0.95: "level"})
    assert json.loads(text) == {"a": [1.5, None], "b": [None, {"c": None}], "0.95": "level"}
    assert "NaN" not in text


@pytest.mark.parametrize("path", [None, Path("-")])
def test_json_goes_to_standard_output(path: Path | None, capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_json({"a": 1}, path)
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_json_goes_to_a_file_and_replaces_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for value in (1, 2):
        output.emit_json({"a": value}, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 2}
    assert names(tmp_path) == ["out.json"]
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o644
    assert capsys.readouterr().out == ""


def test_a_file_is_as_it_was_when_the_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def fail(error: Exception) -> None:
        with output.whole_file(path) as fresh:
            fresh.write_text("half")
            raise error

    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())
    with pytest.raises(UsageError, match=r"out\.json: cannot be written .No space left"):
        fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path, found in [
        (tmp_path / "no" / "out.json", "its folder does not exist; make it first"),
        (tmp_path / "file" / "out.json", "its folder does not exist"),
        (tmp_path / "folder", "is a folder; name a file"),
        (tmp_path / ("x" * 300), "cannot be written .*; name a file in another folder"),
    ]:
        with pytest.raises(UsageError, match=found):
            output.write_whole(path, b"content")
    with pytest.raises(UsageError, match="is a folder; name a file"):
        output.check_place(tmp_path / "folder")
    output.check_place(tmp_path / "file")
    assert names(tmp_path) == ["file", "folder"]


def test_nobody_watching_means_no_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress() as bar:
        bar.advance(bar.add_task("working", total=2))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("name", "starts"), [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_a_picture_is_saved_whole(tmp_path: Path, name: str, starts: bytes) -> None:
    with output.figure(tmp_path / name, rows=2) as (_, (above, below)):
        above.plot([1, 2, 3])
        below.plot([3, 2, 1])
    assert (tmp_path / name).read_bytes().startswith(starts)
    assert names(tmp_path) == [name]


def test_a_picture_that_fails_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"ends in '.gif'; a picture ends in .png, .svg or .pdf"),
        output.figure(tmp_path / "a.gif"),
    ):
        pass
    with pytest.raises(RuntimeError), output.figure(tmp_path / "a.png"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_picture_without_matplotlib_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with (
        pytest.raises(PlotUnavailable, match=r"install foresail\[plot\], or leave --png out"),
        output.figure(tmp_path / "a.png"),
    ):
        pass


def test_what_is_written_is_neither_read_nor_written_twice(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    output.check_results({"--json": one, "--png": other}, {"--policy": tmp_path / "third"})
    with pytest.raises(UsageError, match=r"--png .*other: is what --policy is read from; name another file to write"):
        output.check_results({"--json": one, "--png": other}, {"--policy": other})
    os.symlink(one, other)
    with pytest.raises(UsageError, match=r"--png .*other: --json is written there; name another file"):
        output.check_results({"--json": one, "--png": other}, {})
