"""What an arm is: something fitted on histories that then answers for any series, as it was known at each origin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import FloatArray, IntArray, Series

Predict = Callable[[Series, IntArray], FloatArray]
"""(series, origins [O]) -> quantiles [O, HORIZON, levels] in the series' unit; looks at nothing after an origin."""


@dataclass(frozen=True)
class Run:
    """One run of an arm: what its chance follows from, and which share of its full training it gets."""

    seed: int = 0
    effort: float = 1.0

    def steps(self, full: int) -> int:
        """So many of `full` steps, trees or windows; at least one."""
        return max(1, round(self.effort * full))


Fit = Callable[[Sequence[Series], Run], Predict]
"""(histories to learn from, run) -> what forecasts. An arm that fits each series on its own ignores the histories."""


def tidy(quantiles: FloatArray) -> FloatArray:
    """The quantiles in order along the levels and not negative, as no load is; every arm is helped alike.

    Raises ValueError where the shape is not [origins, HORIZON, levels] or a quantile is no finite number.
    """
    if quantiles.shape[1:] != (HORIZON, len(LEVELS)):
        raise ValueError(f"quantiles of shape {quantiles.shape}; expected [origins, {HORIZON}, {len(LEVELS)}]")
    if not np.isfinite(quantiles).all():
        raise ValueError(f"{int((~np.isfinite(quantiles)).sum())} quantiles are not finite; an arm must always answer")
    return np.maximum(np.sort(quantiles.astype(np.float64), axis=2), 0.0)
