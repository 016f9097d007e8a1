"""Rows of many workloads in a file: what was appended is read again, from the ring and from another process's file."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.errors import BadHistory, StorageFailed
from forecaster.rows import KEEP_DAYS, Rows, Shape
from forecaster.series import FloatArray
from tests.helpers.disks import files_up_to
from tests.helpers.histories import MINUTE

SHAPE = Shape(5 * MINUTE, 3)
KEPT = KEEP_DAYS * 288
FIRST = 5_000_000


def values(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, SHAPE.columns))


def filled(path: Path, count: int) -> tuple[Rows, FloatArray]:
    rows, made = Rows.create(path, SHAPE, FIRST, FIRST), values(count)
    rows.append(made[: count // 2], made[: count // 2] > 0)
    rows.append(made[count // 2 :], made[count // 2 :] > 0)
    return rows, made


@given(st.integers(1, 2 * KEPT), st.data())
@settings(max_examples=30, deadline=None)
def test_what_was_appended_is_read_and_what_is_not_kept_is_missing(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    rows, made = filled(tmp_path_factory.mktemp("rows") / "rows", count)
    first = data.draw(st.integers(-10, count + 10))
    stop = data.draw(st.integers(first, count + 10))
    held, known = rows.read(FIRST + first, FIRST + stop)
    assert held.shape == known.shape == (stop - first, SHAPE.columns)
    for k in {*range(first, min(first + 3, stop)), *range(max(stop - 3, first), stop)}:
        if max(0, count - KEPT) <= k < count:
            np.testing.assert_array_equal(held[k - first], made[k])
            np.testing.assert_array_equal(known[k - first], made[k] > 0)
        else:
            assert np.isnan(held[k - first]).all()
            assert not known[k - first].any()
    rows.close()


def test_a_file_is_found_again_as_it_was_left(tmp_path: Path) -> None:
    rows, made = filled(tmp_path / "rows", KEPT + 7)
    rows.close()
    again = Rows.open(tmp_path / "rows")
    assert (again.shape, again.first, again.stop) == (SHAPE, FIRST + 7, FIRST + KEPT + 7)
    np.testing.assert_array_equal(again.read(again.first, again.stop)[0], made[7:])
    again.append(made[:1], made[:1] > 0)
    assert again.stop == FIRST + KEPT + 8
    again.close()


def test_a_large_counter_keeps_its_small_moves(tmp_path: Path) -> None:
    rows = Rows.create(tmp_path / "rows", SHAPE, FIRST, FIRST)
    made = 1e9 + 0.125 * np.arange(30.0).reshape(10, 3)
    rows.append(made, np.ones((10, 3), dtype=bool))
    np.testing.assert_array_equal(np.diff(rows.read(FIRST, FIRST + 10)[0], axis=0), 0.375)
    rows.close()


def test_some_columns_are_replaced_and_no_other(tmp_path: Path) -> None:
    rows, made = filled(tmp_path / "rows", KEPT + 300)
    others = values(KEPT, seed=1)[:, :2]
    rows.replace(np.array([2, 0]), others, others > 0)
    held, known = rows.read(rows.first, rows.stop)
    np.testing.assert_array_equal(held, np.stack([others[:, 1], made[300:, 1], others[:, 0]], axis=1))
    np.testing.assert_array_equal(known, held > 0)
    rows.close()


def test_a_new_file_may_have_rows_of_nobody(tmp_path: Path) -> None:
    rows = Rows.create(tmp_path / "rows", SHAPE, FIRST, FIRST + 3000)
    assert (rows.first, rows.stop) == (FIRST, FIRST + 3000)
    held, known = rows.read(FIRST, FIRST + 3000)
    assert np.isnan(held).all()
    assert not known.any()
    rows.close()


@pytest.mark.parametrize("content", [b"", b"no rows at all" * 10])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(BadHistory, match="no file of rows of this version; delete it"):
        Rows.open(tmp_path / "rows")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadHistory, match=r"cannot be opened \(No such file or directory\); create the rows first"):
        Rows.open(tmp_path / "rows")


def test_a_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    rows, _ = filled(tmp_path / "rows", 100)
    with (tmp_path / "rows").open("r+b") as file:
        file.truncate(500)
    with pytest.raises(BadHistory, match="end early; delete the file"):
        rows.read(FIRST + 50, FIRST + 100)
    rows.close()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param((math.nan, 3, FIRST, FIRST + 100), id="a step that is no number"),
        pytest.param((math.inf, 3, FIRST, FIRST + 100), id="an infinite step"),
        pytest.param((0.0, 3, FIRST, FIRST + 100), id="no step"),
        pytest.param((1e-9, 3, FIRST, FIRST + 100), id="a step below a microsecond"),
        pytest.param((420.0, 3, FIRST, FIRST + 100), id="a step that divides no day"),
        pytest.param((300.0, -1, FIRST, FIRST + 100), id="fewer columns than none"),
        pytest.param((300.0, 2**62, FIRST, FIRST), id="more columns than fit"),
        pytest.param((300.0, 2**27, FIRST, FIRST + 100), id="a row longer than the file"),
        pytest.param((300.0, 3, FIRST + 100, FIRST), id="an end before the start"),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: tuple[float, int, int, int]) -> None:
    filled(tmp_path / "rows", 100)[0].close()
    with (tmp_path / "rows").open("r+b") as file:
        file.seek(8)
        file.write(struct.pack("<dqqq", *header))
    with pytest.raises(BadHistory, match="rows: its header is damaged; delete it, and let it be filled again"):
        Rows.open(tmp_path / "rows")


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=100, deadline=None)
def test_no_header_whatsoever_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, header: bytes) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows"
    path.write_bytes(b"frsrows1" + header + bytes(1000))
    try:
        rows = Rows.open(path)
    except BadHistory:
        return
    rows.close()


@pytest.mark.parametrize(
    ("room", "found"),
    [(40, "only 40 of 162 bytes were written"), (0, r"cannot be written \(File too large\)")],
)
def test_rows_that_the_disk_does_not_take_are_not_added(tmp_path: Path, room: int, found: str) -> None:
    rows, made = Rows.create(tmp_path / "rows", SHAPE, FIRST, FIRST), values(10)
    rows.append(made[:4], made[:4] > 0)
    with (
        files_up_to((tmp_path / "rows").stat().st_size + room),
        pytest.raises(StorageFailed, match=f"rows: {found}; make room on the disk"),
    ):
        rows.append(made[4:], made[4:] > 0)
    assert rows.stop == FIRST + 4
    rows.append(made[4:], made[4:] > 0)
    rows.close()
    again = Rows.open(tmp_path / "rows")
    np.testing.assert_array_equal(again.read(FIRST, FIRST + 10)[0], made)
    again.close()


def test_a_file_that_the_disk_does_not_take_is_not_made(tmp_path: Path) -> None:
    with files_up_to(1000), pytest.raises(StorageFailed, match="make room on the disk"):
        Rows.create(tmp_path / "rows", SHAPE, FIRST, FIRST + 100)


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match=r"none/rows: cannot be made \(No such file or directory\)"):
        Rows.create(tmp_path / "none" / "rows", SHAPE, FIRST, FIRST)
