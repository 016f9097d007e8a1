"""Traces are fetched from a real server, converted, checked against what is pinned, and refused where they differ."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.fetch_traces import LIST, FetchFailed, convert, main

SOURCE = '\ufeffTimeStamp,Value,Label\n"2018-04-25T00:00:00Z",207344.85,0\n"2018-04-25T00:01:00Z",2.0,0\n'
MADE = "timestamp,value\n2018-04-25T00:00:00Z,207344.85\n2018-04-25T00:01:00Z,2\n"
COLUMNS = {"time": "TimeStamp", "value": "Value"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the test says what it needs."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of `tmp_path`/served, in which one source lies."""
    source = tmp_path / "served" / "house" / "data" / "abc123" / "dir" / "load.csv"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def a_list(folder: Path, **changes: str) -> Path:
    """A list with the one trace, with other values for some keys."""
    row = {
        "file": '"load.csv.gz"',
        "sha256": f'"{hashlib.sha256(MADE.encode()).hexdigest()}"',
        "source": '{ repository = "house/data", commit = "abc123", path = "dir/load.csv" }',
        "columns": '{ time = "TimeStamp", value = "Value" }',
        **changes,
    }
    path = folder / "traces.toml"
    path.write_text("[[trace]]\n" + "".join(f"{key} = {value}\n" for key, value in row.items() if value))
    return path


def call(tmp_path: Path, server: str, listed: Path) -> int:
    return main([str(tmp_path / "traces"), "--server", server, "--list", str(listed)])


def test_a_trace_is_fetched_converted_and_then_left_alone(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = a_list(tmp_path)
    assert call(tmp_path, server, listed) == 0
    assert gzip.decompress((tmp_path / "traces" / "load.csv.gz").read_bytes()).decode() == MADE
    assert f"fetched from {server}/house/data/abc123/dir/load.csv" in capsys.readouterr().out
    assert call(tmp_path, "http://127.0.0.1:1", listed) == 0
    assert "load.csv.gz: is there" in capsys.readouterr().out


def test_a_broken_file_is_fetched_again(tmp_path: Path, server: str) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "load.csv.gz").write_bytes(b"\x1f\x8b broken")
    assert call(tmp_path, server, a_list(tmp_path)) == 0
    assert gzip.decompress((tmp_path / "traces" / "load.csv.gz").read_bytes()).decode() == MADE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": '"00"'}, "the list pins 00; the source or the conversion has changed: nothing was written"),
        ({"columns": '{ time = "ds", value = "Value" }'}, "no column ['ds']"),
        ({"columns": "", "by_hand": '"ask its makers"'}, "not fetched, but by hand: ask its makers"),
        ({"source": '{ repository = "house/data", commit = "other", path = "x" }'}, "cannot be fetched"),
    ],
)
def test_what_cannot_be_had_is_named_and_nothing_is_written(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str], changes: dict[str, str], said: str
) -> None:
    assert call(tmp_path, server, a_list(tmp_path, **changes)) == 1
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "traces").iterdir())


def test_times_are_shifted_and_cut_off() -> None:
    columns = {"time": "ds", "value": "y", "shift_days": 30, "until": "2021-01-31T10:57:00Z"}
    source = b"ds,y\n2021-01-01 10:55:00,2.0\n2021-01-01 10:56:00,0.5\n2021-01-01 10:57:00,9\n"
    assert convert(source, columns, "here").decode() == (
        "timestamp,value\n2021-01-31T10:55:00Z,2\n2021-01-31T10:56:00Z,0.5\n"
    )


@pytest.mark.parametrize(
    ("layout", "at"),
    [
        ("epoch", "1617913216"),
        ("%a %b %d %Y %H:%M:%S GMT%z (CST)", "Fri Apr 09 2021 04:20:16 GMT+0800 (CST)"),
        ("%d.%m.%Y %H:%M:%S", "08.04.2021 20:20:16"),
    ],
    ids=["seconds", "with a zone", "without one"],
)
def test_times_are_read_as_they_are_laid_out(layout: str, at: str) -> None:
    source = f"time, number\n{at}, 299\n".encode()
    columns = {"time": "time", "value": "number", "layout": layout}
    assert convert(source, columns, "here").decode() == "timestamp,value\n2021-04-08T20:20:16Z,299\n"
    for other in ("yesterday", "9" * 30):
        with pytest.raises(FetchFailed, match="here: is not the CSV that it was"):
            convert(f"time, number\n{other}, 299\n".encode(), columns, "here")


@pytest.mark.parametrize("row", ["yesterday,1", "2021-01-01 10:55:00,many", "2021-01-01 10:55:00"])
def test_a_row_that_is_no_measurement_is_refused(row: str) -> None:
    with pytest.raises(FetchFailed, match="here: is not the CSV that it was"):
        convert(f"TimeStamp,Value\n{row}\n".encode(), COLUMNS, "here")


def test_every_pinned_trace_can_be_fetched_or_says_what_to_do() -> None:
    for row in tomllib.loads(LIST.read_text("utf-8"))["trace"]:
        assert len(row["sha256"]) == 64
        assert row["licence"]
        assert ("columns" in row) != ("by_hand" in row)
        assert "columns" not in row or {"repository", "commit", "path"} == set(row["source"])
