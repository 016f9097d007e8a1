"""What came after an origin: each step, the peak of a window, and nothing where it was not measured."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.evaluate.persistence import PEAK
from forecaster.forecast import HORIZON, Window
from forecaster.targets import targets_and_peak

NAN = float("nan")


def test_the_peak_is_the_highest_bin_of_the_window() -> None:
    values = np.arange(40.0)
    values[7] = 100.0
    made = targets_and_peak(values, np.array([0, 4, 6]), Window(3, 5))
    assert made[:, PEAK].tolist() == [5.0, 100.0, 11.0]
    assert made[1, :HORIZON].tolist() == [5.0, 6.0, 100.0, *range(8, 20)]


@pytest.mark.parametrize("missing", [2, 4, 5])
def test_a_peak_counts_only_where_all_of_its_window_was_measured(missing: int) -> None:
    values = np.arange(40.0)
    values[missing] = NAN
    made = targets_and_peak(values, np.array([0]), Window(3, 5))[0]
    assert np.isnan(made[PEAK]) == (missing in {4, 5})
    assert np.flatnonzero(np.isnan(made[:HORIZON])).tolist() == [missing - 1]


def test_what_lies_beyond_the_series_is_not_known() -> None:
    made = targets_and_peak(np.arange(20.0), np.array([18]), Window(1, 2))[0]
    assert made[0] == 19.0
    assert np.isnan(made[1:]).all()
