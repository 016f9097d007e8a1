"""How far would a figure move with other days? Days are drawn again, the same for every arm, so that arms are paired.

Errors within a day belong together, and days are what a workload has many of: so whole days are drawn, with
replacement, within each trace. Pure: numpy only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forecaster.series import FloatArray

DRAWS = 2_000
SEED = 20_260_101
INTERVAL = (0.025, 0.975)


def day_weights(trace: str, days: int, draws: int = DRAWS, seed: int = SEED) -> FloatArray:
    """[draws + 1, days]: how often each day counts, row 0 being the days as they were. Always the same."""
    rng = np.random.default_rng([seed, *trace.encode()])
    drawn = rng.multinomial(days, np.full(days, 1.0 / days), size=draws)
    return np.concatenate([np.ones((1, days)), drawn.astype(np.float64)])


def redrawn(ours: FloatArray, theirs: FloatArray, weights: FloatArray) -> FloatArray:
    """[draws + 1] of the ratio of two sums over days [days]; NaN where the days drawn leave nothing to divide by."""
    below = weights @ theirs
    made: FloatArray = np.divide(weights @ ours, below, out=np.full(len(weights), np.nan), where=below > 0)
    return made


def geometric_mean(ratios: Sequence[FloatArray]) -> FloatArray:
    """[draws + 1] over ratios [draws + 1] of several traces or seeds; a NaN goes without its trace in that draw."""
    stacked = np.stack(ratios)
    known = stacked > 0
    logs = np.log(np.where(known, stacked, 1.0)).sum(axis=0)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.exp(logs / np.maximum(counts, 1)), np.nan)


def mean(shares: Sequence[FloatArray]) -> FloatArray:
    """[draws + 1], the plain mean over traces or seeds, as coverage has it."""
    stacked = np.stack(shares)
    counts = (~np.isnan(stacked)).sum(axis=0)
    return np.where(counts > 0, np.nansum(stacked, axis=0) / np.maximum(counts, 1), np.nan)


def interval(draws: FloatArray, ends: tuple[float, float] = INTERVAL) -> tuple[float, float, float]:
    """(the figure, the lower and the upper end of its interval) of draws whose first is the figure itself.

    `ends` are the shares of the draws below either end: those of 95 % unless said otherwise.
    """
    known = draws[1:][~np.isnan(draws[1:])]
    if not len(known):
        return float(draws[0]), float("nan"), float("nan")
    low, high = np.quantile(known, ends)
    return float(draws[0]), float(low), float(high)


def columns(sums: Mapping[str, Sequence[float]]) -> dict[str, FloatArray]:
    """Sums by day as they stand in a results file."""
    return {name: np.asarray(values, dtype=np.float64) for name, values in sums.items()}
