"""The list of traces: what is pinned is checked, and a list that is none is refused."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.traces import CLASSES, LIST, Trace, load, read_compared, read_list
from forecaster.series import Kind
from foresail.errors import UsageError
from tests.helpers.histories import a_load, as_csv, write_history


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """A pinned trace that lies in `tmp_path`."""
    series = a_load(days=1)
    write_history(tmp_path / "load_5m.csv.gz", series)
    sha256 = hashlib.sha256(as_csv(series).encode()).hexdigest()
    return Trace("load_5m.csv.gz", "a load", Kind.STOCK, "diurnal", True, sha256)


def test_ten_were_learned_from_and_seven_were_never_seen() -> None:
    traces = read_compared()
    assert sum(t.learned for t in traces) == 10
    assert {t.name.split("_")[0] for t in traces if not t.learned} == {"twitter", "synthetic"}
    assert {t.character for t in traces} == set(CLASSES)
    assert len({t.sha256 for t in traces}) == len(traces) == 17


def test_what_is_not_compared_on_has_another_step() -> None:
    other = [t for t in read_list() if t not in read_compared()]
    assert [t.name for t in other] == ["v2ex_users_online_5m", "decentraland_users_online_5m"]
    assert all(t.name.endswith("_1m") for t in read_compared())


def test_the_published_figures_are_of_these_traces() -> None:
    published = json.loads((LIST.parent / "results" / "public_traces.json").read_text("utf-8"))["traces"]
    assert [(name, t["about"], t["kind"], t["learned"]) for name, t in published.items()] == [
        (t.name, t.about, t.kind.value, t.learned) for t in read_list()
    ]


def test_a_pinned_trace_is_read(trace: Trace, tmp_path: Path) -> None:
    series = load(trace, tmp_path)
    assert series.name == trace.name == "load_5m"
    assert series.kind is Kind.STOCK


def test_how_it_is_packed_does_not_matter(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / trace.file
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), compresslevel=1))
    assert len(load(trace, tmp_path)) == 288


def test_another_content_is_refused(trace: Trace, tmp_path: Path) -> None:
    other = dataclasses.replace(trace, sha256="0" * 64)
    with pytest.raises(UsageError, match="the list pins 000000000000"):
        load(other, tmp_path)


def test_a_file_that_is_no_gzip_is_named(trace: Trace, tmp_path: Path) -> None:
    (tmp_path / trace.file).write_text("timestamp,value\n")
    with pytest.raises(UsageError, match="fetch_traces"):
        load(trace, tmp_path)


@pytest.mark.parametrize("text", ["", "trace = 3", "[[trace]]\nfile = 'x'", "[[trace]\n"])
def test_what_is_no_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "traces.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no list of traces"):
        read_list(path)
