"""The loss of quantiles, and how losses and hits are averaged over the targets that were measured. Pure: numpy only."""

from __future__ import annotations

import numpy as np

from forecaster.forecast import LEVELS
from forecaster.series import BoolArray, FloatArray


def pinball(truth: FloatArray, quantiles: FloatArray) -> FloatArray:
    """[..., levels], the pinball loss of quantiles [..., levels] for truth [...]."""
    levels = np.array(LEVELS)
    error = truth[..., None] - quantiles
    return np.maximum(levels * error, (levels - 1) * error)


def ratio(ours: FloatArray, theirs: FloatArray, where: BoolArray) -> float:
    """Our mean over theirs, both over `where`; NaN where that is empty or they make no error."""
    if not where.any():
        return float("nan")
    theirs_mean = float(theirs[where].mean())
    return float(ours[where].mean()) / theirs_mean if theirs_mean > 0 else float("nan")


def share_of(hits: BoolArray, where: BoolArray) -> float:
    """Share of `where` that was hit; NaN where it is empty."""
    return float(hits[where].mean()) if where.any() else float("nan")
