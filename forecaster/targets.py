"""What came after an origin: the steps of the horizon, and the peak of a window of them. Pure: numpy only."""

from __future__ import annotations

import numpy as np

from forecaster.forecast import HORIZON, Window
from forecaster.series import FloatArray, IntArray


def targets(values: FloatArray, origins: IntArray) -> FloatArray:
    """[origins, HORIZON], what came after each origin; NaN where a bin was not measured or lies outside."""
    padded = np.concatenate([values, np.full(HORIZON, np.nan)])
    steps: FloatArray = padded[origins[:, None] + np.arange(1, HORIZON + 1)]
    return steps


def targets_and_peak(values: FloatArray, origins: IntArray, window: Window) -> FloatArray:
    """[origins, HORIZON + 1], those and the peak of the window; NaN where not all of the window was measured."""
    steps = targets(values, origins)
    return np.column_stack([steps, steps[:, window.first - 1 : window.last].max(axis=1)])
