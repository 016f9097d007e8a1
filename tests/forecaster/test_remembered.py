"""Memory saves work and changes nothing: bounded, by the values that a thing was made from."""

from __future__ import annotations

import weakref
import zlib
from dataclasses import fields, replace

import numpy as np
import pytest

from forecaster.remembered import DAYS_BEHIND, Remembered, keys_of
from forecaster.windows import Windows
from tests.helpers.histories import MINUTE, a_load, a_series, with_another_future


def rows(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_what_was_made_is_not_missing_again() -> None:
    memory = Remembered(10)
    assert memory.missing(["a", "b"]).tolist() == [0, 1]
    memory.with_new(["a", "b"], np.array([0, 1]), rows(1, 2))
    assert memory.missing(["b", "c", "a"]).tolist() == [1]
    assert memory.with_new(["b", "c", "a"], np.array([1]), rows(3)).tolist() == [[2], [3], [1]]


def test_the_longest_unused_is_forgotten_first() -> None:
    memory = Remembered(2)
    memory.with_new(["a", "b"], np.array([0, 1]), rows(1, 2))
    memory.with_new(["a", "c"], np.array([1]), rows(3))
    memory.trim()
    assert memory.missing(["a", "b", "c"]).tolist() == [1]


def test_room_is_made_and_taken_away() -> None:
    memory = Remembered(1)
    memory.make_room(3)
    for name in ("a", "b", "c"):
        memory.with_new([name], np.array([0]), rows(1))
        memory.trim()
    assert memory.missing(["a", "b", "c"]).tolist() == []
    memory.make_room(1)
    memory.trim()
    assert memory.missing(["a", "b", "c"]).tolist() == [0, 1]


def test_what_was_there_stays_until_all_that_was_looked_up_together_is_made() -> None:
    memory = Remembered(2)
    memory.with_new(["a", "b"], np.array([0, 1]), rows(1, 2))
    assert (memory.missing(["c", "d"]).tolist(), memory.missing(["a", "b"]).tolist()) == ([0, 1], [])
    memory.with_new(["c", "d"], np.array([0, 1]), rows(3, 4))
    assert memory.with_new(["a", "b"], np.zeros(0, dtype=np.int64), rows()).tolist() == [[1], [2]]


def test_a_row_does_not_keep_alive_what_it_was_made_with() -> None:
    memory, made = Remembered(1), np.zeros((100, 3))
    whole = weakref.ref(made)
    memory.with_new(list(range(100)), np.arange(100), made)
    memory.trim()
    del made
    assert whole() is None


@pytest.mark.parametrize("most", [0, 1])
def test_more_than_it_can_hold_is_still_answered(most: int) -> None:
    memory = Remembered(most)
    assert memory.with_new(["a", "b"], np.array([0, 1]), rows(1, 2)).tolist() == [[1], [2]]
    memory.trim()
    assert len(memory.missing(["a", "b"])) == 2 - most


def test_no_keys_give_no_rows_of_the_same_shape() -> None:
    assert Remembered(5).with_new([], np.zeros(0, dtype=np.int64), np.zeros((0, 3, 2))).shape == (0, 3, 2)


def test_a_key_is_the_name_the_moment_and_every_value_up_to_it() -> None:
    series, origins = a_load(1, days=1), np.array([100, 200])
    keys = keys_of(series, origins)
    assert keys_of(with_another_future(series, 200, 3), origins) == keys
    changed = with_another_future(series, 150, 3)
    assert [a == b for a, b in zip(keys_of(changed, origins), keys, strict=True)] == [True, False]
    assert keys_of(series, origins[1:]) == keys[1:]
    for other in (replace(series, name="other"), replace(series, start=series.start + 5 * MINUTE)):
        assert not set(keys_of(other, origins)) & set(keys)


def test_a_window_of_weeks_that_moves_on_keeps_its_keys() -> None:
    days = DAYS_BEHIND + 3
    series = a_load(1, days=days)
    origins = np.arange(len(series) - 400, len(series))
    keys = keys_of(series, origins)
    assert keys_of(series.part(150, len(series)), origins - 150) == keys
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("days_ago", [0.2, 1, 6.9, 14, 21, 27.9, 28, 28.05, 29, 31])
def test_whatever_a_forecast_is_made_from_is_in_its_key(days_ago: float) -> None:
    series = a_load(1, days=DAYS_BEHIND + 4, gaps=0)
    values, origin = series.values.copy(), np.array([len(series) - 100])
    values[int(origin[0] - days_ago * series.bins_per_day)] *= 3.0
    changed = replace(series, values=values)
    inputs, others = (Windows(one).inputs(origin) for one in (series, changed))
    read = any(not np.array_equal(getattr(inputs, f.name), getattr(others, f.name)) for f in fields(inputs))
    assert read == (days_ago <= 28)
    if read:
        assert keys_of(changed, origin) != keys_of(series, origin)


def test_workloads_of_one_name_are_told_apart_where_a_short_checksum_takes_them_for_one() -> None:
    seen: dict[int, float] = {}
    values = np.random.default_rng(0).random(300_000).tolist()
    pairs = [(seen[check], v) for v in values if seen.setdefault(check := zlib.crc32(np.array([v]).tobytes()), v) != v]
    assert pairs
    for pair in pairs:
        one, other = (keys_of(a_series([5.0, value]), np.array([1])) for value in pair)
        assert one != other


def test_no_origins_have_no_keys() -> None:
    assert keys_of(a_series([1.0]), np.zeros(0, dtype=np.int64)) == []
