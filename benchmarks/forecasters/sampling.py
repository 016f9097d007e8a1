"""Which origins a global model learns from: as many of every history, so that the longest does not rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecaster.forecast import HORIZON
from forecaster.series import IntArray, Series

CONTEXT = 120
"""Steps before an origin that the learned arms look back on directly, as our own network does."""


def balanced_origins(
    histories: Sequence[Series], total: int, rng: np.random.Generator
) -> list[tuple[Series, IntArray]]:
    """About `total` measured origins in all, each with a full context before and all its targets inside the history.

    A history too short for its part gives all that it has, and goes without one where it has none.
    """
    each = -(-total // max(1, len(histories)))
    drawn = []
    for series in histories:
        possible = np.arange(int(np.argmax(series.known)) + CONTEXT, len(series) - HORIZON)
        possible = possible[series.known[possible]]
        if len(possible):
            drawn.append((series, np.sort(rng.choice(possible, min(each, len(possible)), replace=False))))
    return drawn
