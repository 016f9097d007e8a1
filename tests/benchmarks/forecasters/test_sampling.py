"""Histories give alike, whatever their length, and only origins with a context before and targets inside."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.forecasters.sampling import CONTEXT, balanced_origins
from forecaster.forecast import HORIZON
from tests.helpers.histories import a_load, a_series


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=5), st.integers(1, 2_000), st.integers(0, 9))
def test_every_history_gives_its_part_from_inside(lengths: list[int], total: int, seed: int) -> None:
    histories = [a_series(np.ones(length)) for length in lengths]
    drawn = balanced_origins(histories, total, np.random.default_rng(seed))
    each = -(-total // len(histories))
    given_all = {id(series): origins for series, origins in drawn}
    for series in histories:
        possible = max(0, len(series) - HORIZON - CONTEXT)
        origins = given_all.get(id(series), np.zeros(0, dtype=np.int64))
        assert len(origins) == len(set(origins.tolist())) == min(each, possible)
        if len(origins):
            assert origins.min() >= CONTEXT
            assert origins.max() + HORIZON < len(series)


def test_what_was_not_measured_is_no_origin() -> None:
    series = a_load(days=3, gaps=20)
    ((_, origins),) = balanced_origins([series], 10_000, np.random.default_rng(0))
    assert series.known[origins].all()
    assert not series.known[CONTEXT : len(series) - HORIZON].all()
