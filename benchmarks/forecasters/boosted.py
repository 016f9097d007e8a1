"""LightGBM: one global quantile regression per level on what the network sees, flattened, with the step as an input.

Trees cannot index: so the increments of each lag at the very step asked for stand beside the flattened rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import lightgbm
import numpy as np
from numpy.typing import NDArray

from benchmarks.forecasters.arm import Fit, Predict, Run
from benchmarks.forecasters.sampling import balanced_origins
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import FloatArray, IntArray, Series
from forecaster.windows import Inputs, Windows

ROWS = 200_000
TREES = 250
SETTINGS = {
    "objective": "quantile",
    "learning_rate": 0.08,
    "num_leaves": 63,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.15,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "num_threads": 1,
    "verbosity": -1,
}
_CHUNK = 500
_CLIP = 60.0


def lightgbm_quantiles(histories: Sequence[Series], run: Run) -> Predict:
    """Learns (value - last) / scale from origins drawn alike from every history, one random step of each."""
    rng = np.random.default_rng(run.seed)
    x, y = [], []
    for series, origins in balanced_origins(histories, run.steps(ROWS), rng):
        windows = Windows(series)
        for part in _parts(origins):
            inputs = windows.inputs(part)
            step = rng.integers(1, HORIZON + 1, size=len(part))
            target = (windows.targets(part)[np.arange(len(part)), step - 1] - inputs.last) / inputs.scale
            known = ~np.isnan(target)
            x.append(_flat(inputs, step)[known])
            y.append(np.clip(target[known], -_CLIP, _CLIP))
    data = lightgbm.Dataset(np.concatenate(x), np.concatenate(y), params=dict(SETTINGS), free_raw_data=True)
    boosters = [
        lightgbm.train({**SETTINGS, "alpha": level, "seed": run.seed}, data, num_boost_round=run.steps(TREES))
        for level in LEVELS
    ]

    def predict(series: Series, origins: IntArray) -> FloatArray:
        windows = Windows(series)
        return np.concatenate([_quantiles(boosters, windows, part) for part in _parts(origins)])

    return predict


def _parts(origins: IntArray) -> list[IntArray]:
    return list(np.array_split(origins, max(1, len(origins) // _CHUNK)))


def _quantiles(boosters: Sequence[lightgbm.Booster], windows: Windows, origins: IntArray) -> FloatArray:
    inputs = windows.inputs(origins)
    made = np.empty((len(origins), HORIZON, len(LEVELS)))
    for step in range(1, HORIZON + 1):
        flat = _flat(inputs, np.full(len(origins), step))
        made[:, step - 1] = np.stack([booster.predict(flat, num_threads=1) for booster in boosters], axis=1)
    return inputs.last[:, None, None] + made * inputs.scale[:, None, None]


def _flat(inputs: Inputs, step: IntArray) -> NDArray[np.float32]:
    """[rows, inputs]: everything that the network sees, the step, and the lags' increments at that step."""
    rows = len(inputs.last)
    at_step = inputs.increments[np.arange(rows), :, step - 1]
    parts = [inputs.sequence, inputs.features, inputs.increments, step.astype(np.float32), at_step]
    return np.concatenate([part.reshape(rows, -1) for part in parts], axis=1)


ARMS: dict[str, Fit] = {"lightgbm": lightgbm_quantiles}
