"""One forecaster over several series. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from forecaster.evaluate.scores import Against, Figures, Score
from forecaster.forecast import LEVELS


@dataclass(frozen=True)
class MeanScore(Figures):
    """Ratios are geometric means, shares are plain ones; a figure that is NaN for a series goes without that series.

    of  how many series there were

    NaN where nothing is left.
    """

    of: int
    mae: float
    pinball: float
    ramp: float
    by_level: dict[str, float]
    coverage: dict[str, float]
    coverage_ramp: dict[str, float]
    adaptive: Against


def mean_score(scores: Sequence[Score]) -> MeanScore:
    """The mean of one forecaster's scores."""
    return MeanScore(
        of=len(scores),
        mae=geometric_mean([s.mae for s in scores]),
        pinball=geometric_mean([s.pinball for s in scores]),
        ramp=geometric_mean([s.ramp for s in scores]),
        by_level=_by_level(geometric_mean, [s.by_level for s in scores]),
        coverage=_by_level(_plain_mean, [s.coverage for s in scores]),
        coverage_ramp=_by_level(_plain_mean, [s.coverage_ramp for s in scores]),
        adaptive=Against(
            pinball=geometric_mean([s.adaptive.pinball for s in scores]),
            ramp=geometric_mean([s.adaptive.ramp for s in scores]),
            by_level=_by_level(geometric_mean, [s.adaptive.by_level for s in scores]),
        ),
    )


def geometric_mean(ratios: Sequence[float]) -> float:
    """Of those that are not NaN; 0 where one of them is 0."""
    known = [r for r in ratios if not math.isnan(r)]
    if not known:
        return float("nan")
    return math.exp(sum(map(math.log, known)) / len(known)) if min(known) > 0 else 0.0


def _plain_mean(shares: Sequence[float]) -> float:
    known = [s for s in shares if not math.isnan(s)]
    return sum(known) / len(known) if known else float("nan")


def _by_level(mean: Callable[[Sequence[float]], float], figures: Sequence[dict[str, float]]) -> dict[str, float]:
    return {f"{x:g}": mean([by_level[f"{x:g}"] for by_level in figures]) for x in LEVELS}
