"""How good were forecasts? Every loss is a ratio to persistence's on the same targets: below 1 is better.

Persistence is the last known value with a spread: the quantiles of the increments seen before the measured part, or
those quantiles tracked online. A target that was never measured is left out, never filled. Pure: numpy only.
"""

from forecaster.evaluate.losses import pinball
from forecaster.evaluate.means import MeanScore, geometric_mean, mean_score
from forecaster.evaluate.runs import Misses, misses
from forecaster.evaluate.scores import Against, PeakScore, RegimeScore, Score, StepScore
from forecaster.evaluate.scoring import REGIMES, STEPS, score, score_against
from forecaster.evaluate.timing import peak_lag
from forecaster.evaluate.yardstick import Yardstick, origins_from

__all__ = [
    "REGIMES",
    "STEPS",
    "Against",
    "MeanScore",
    "Misses",
    "PeakScore",
    "RegimeScore",
    "Score",
    "StepScore",
    "Yardstick",
    "geometric_mean",
    "mean_score",
    "misses",
    "origins_from",
    "peak_lag",
    "pinball",
    "score",
    "score_against",
]
