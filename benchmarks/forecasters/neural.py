"""neuralforecast: LSTM, NHITS and DLinear with the multi-quantile loss at our levels, learned across all histories.

The library scales a window together with its inputs, which takes the clock out of the calendar. So every window comes
to it as a short series of its own, already less its last value and over its scale, as our network sees it; beside it,
known ahead, how the load went on a day and a week ago, and the calendar. DLinear takes no such inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM, NHITS, DLinear

from benchmarks.forecasters.arm import Fit, Predict, Run
from benchmarks.forecasters.sampling import CONTEXT, balanced_origins
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import EPOCH, FloatArray, IntArray, Series, held

WINDOWS = 40_000
BATCH = 256
KNOWN_AHEAD = ("yesterday", "last_week", "day_sin", "day_cos", "week_sin", "week_cos", "hour_sin", "hour_cos")
_PERIODS_S = (86_400.0, 604_800.0, 3_600.0)
_CLIP = 60.0
_CHUNK = 2_000
_STEPS = np.arange(1 - CONTEXT, HORIZON + 1)

Make = Callable[[dict[str, Any]], Any]


def _global(make: Make, steps: int, learning_rate: float, known_ahead: bool) -> Fit:
    """Learns on normalised windows drawn alike from every history, `steps` of BATCH with three decays of the rate."""

    def fit(histories: Sequence[Series], run: Run) -> Predict:
        rng = np.random.default_rng(run.seed)
        parts = [_frame(s, o) for s, o in balanced_origins(histories, run.steps(WINDOWS), rng)]
        settings = {
            "h": HORIZON,
            "input_size": CONTEXT,
            "loss": MQLoss(quantiles=list(LEVELS)),
            "scaler_type": "identity",
            "max_steps": run.steps(steps),
            "learning_rate": learning_rate,
            "num_lr_decays": 3,
            "batch_size": BATCH,
            "valid_batch_size": 1_000,
            "windows_batch_size": BATCH,
            "inference_windows_batch_size": 1_000,
            "random_seed": run.seed + 1,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "enable_checkpointing": False,
            "logger": False,
            "accelerator": "cpu",
        }
        if known_ahead:
            settings["futr_exog_list"] = list(KNOWN_AHEAD)
        model = NeuralForecast(models=[make(settings)], freq=1)
        columns = ["unique_id", "ds", "y", *(KNOWN_AHEAD if known_ahead else ())]
        model.fit(_numbered(parts)[columns])

        def predict(series: Series, origins: IntArray) -> FloatArray:
            chunks = np.array_split(origins, max(1, len(origins) // _CHUNK))
            return np.concatenate([_ask(model, columns, series, chunk) for chunk in chunks])

        return predict

    return fit


def _ask(model: NeuralForecast, columns: list[str], series: Series, origins: IntArray) -> FloatArray:
    frame = _frame(series, origins)
    known = frame["ds"] <= CONTEXT
    ahead = frame.loc[~known, [c for c in columns if c != "y"]]
    made = model.predict(df=frame.loc[known, columns], futr_df=ahead if len(columns) > 3 else None)
    made = made.sort_values(["unique_id", "ds"])
    names = [c for c in made.columns if c not in ("unique_id", "ds")]
    quantiles = made[names].to_numpy(dtype=np.float64).reshape(len(origins), HORIZON, len(LEVELS))
    last, scale = _level(held(series.values), origins)
    answer: FloatArray = last[:, None, None] + quantiles * scale[:, None, None]
    return answer


def _numbered(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of windows whose numbers go on from part to part."""
    offset, numbered = 0, []
    for part in parts:
        numbered.append(part.assign(unique_id=part["unique_id"] + offset))
        offset += int(part["unique_id"].max()) + 1
    return pd.concat(numbered, ignore_index=True)


def _frame(series: Series, origins: IntArray) -> pd.DataFrame:
    """A long table of windows, ds 1 to CONTEXT + HORIZON. The targets are in `y`: who forecasts leaves them out.

    Values are held over what was not measured. A lag that lies before the history is flat.
    """
    values = held(series.values)
    index = origins[:, None] + _STEPS
    last, scale = _level(values, origins)
    inside = np.minimum(index, len(values) - 1)
    columns = {
        "unique_id": np.repeat(np.arange(len(origins)), len(_STEPS)),
        "ds": np.tile(np.arange(1, len(_STEPS) + 1), len(origins)),
        "y": _relative(values[inside], last, scale),
    }
    start = int(np.argmax(series.known))
    for name, days in zip(KNOWN_AHEAD, (1, 7), strict=False):
        ago = index - days * series.bins_per_day
        there = ago[:, :1] >= start
        then = values[np.maximum(ago, start)]
        columns[name] = _relative(
            np.where(there, then - then[:, CONTEXT - 1 : CONTEXT], 0.0), np.zeros_like(last), scale
        )
    seconds = (series.start - EPOCH).total_seconds() + index * series.step.total_seconds()
    waves = [f(2 * np.pi * seconds / period) for period in _PERIODS_S for f in (np.sin, np.cos)]
    columns |= {name: wave.astype(np.float32).ravel() for name, wave in zip(KNOWN_AHEAD[2:], waves, strict=True)}
    return pd.DataFrame(columns)


def _level(values: FloatArray, origins: IntArray) -> tuple[FloatArray, FloatArray]:
    """([origins], the last value; [origins], the larger of mean size and spread of the context, never zero)."""
    context = values[np.maximum(origins[:, None] + np.arange(1 - CONTEXT, 1), 0)]
    scale = np.maximum(np.abs(context).mean(axis=1), context.std(axis=1))
    return context[:, -1], np.where(scale > 1e-9, scale, 1.0)


def _relative(values: FloatArray, last: FloatArray, scale: FloatArray) -> Any:
    relative = (values - last[:, None]) / scale[:, None]
    return np.clip(relative, -_CLIP, _CLIP).astype(np.float32).ravel()


ARMS: dict[str, Fit] = {
    "lstm": _global(
        lambda s: LSTM(encoder_n_layers=1, encoder_hidden_size=64, decoder_hidden_size=64, **s), 2_000, 2e-3, True
    ),
    "nhits": _global(lambda s: NHITS(mlp_units=3 * [[128, 128]], **s), 5_000, 1e-3, True),
    "dlinear": _global(lambda s: DLinear(**s), 3_000, 1e-3, False),
}
