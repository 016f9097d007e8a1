"""Do the misses of a quantile cluster? Coverage cannot tell one bad hour from sixty bad minutes. Pure: numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecaster.series import BoolArray


@dataclass(frozen=True)
class Misses:
    """Runs of misses, counted in forecasts that follow one another: with an origin every 7 steps, 2 are 14 steps.

    share                one minus the coverage
    longest, mean        of the runs that were seen; the mean is NaN where none was
    longest_independent  what to expect of as many misses that know nothing of one another
    mean_independent

    Errors of forecasts whose spans overlap are related even for the best of forecasters, so that some excess remains.
    All NaN where nothing was measured.
    """

    share: float
    longest: float
    mean: float
    longest_independent: float
    mean_independent: float


def misses(missed: BoolArray) -> Misses:
    """The runs in `missed` [forecasts], in the order of their origins."""
    n = len(missed)
    if not n:
        return Misses(*[float("nan")] * 5)
    edges = np.diff(np.concatenate([[0], missed.astype(np.int64), [0]]))
    runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    p = float(missed.mean())
    return Misses(
        share=p,
        longest=float(runs.max(initial=0)),
        mean=float(runs.mean()) if len(runs) else float("nan"),
        longest_independent=_expected_longest(n, p),
        mean_independent=n / (1 + (n - 1) * (1 - p)) if p else float("nan"),
    )


def _expected_longest(n: int, p: float) -> float:
    """Expected longest run among n independent misses of probability p: the sum over k of P(some run of k or more).

    A run of k begins at the first place with probability p^k, at each of n - k others with (1 - p) p^k; these
    beginnings are taken as independent of one another, which is exact for p of 0 and 1 and close between.
    """
    k = np.arange(1, n + 1)
    reached = p**k
    return float(np.sum(1 - (1 - reached) * (1 - (1 - p) * reached) ** (n - k)))
