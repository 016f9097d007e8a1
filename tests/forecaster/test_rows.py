"""Rows of many workloads in a file: what was appended is read again, from the ring and from another process's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.errors import BadHistory
from forecaster.rows import KEEP_DAYS, Rows, Shape
from forecaster.series import FloatArray
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
