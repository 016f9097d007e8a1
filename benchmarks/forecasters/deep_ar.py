"""gluonts: DeepAR in torch, one network across all histories, quantiles from sampled futures.

Lags of the last minutes, of the hour and of the same minutes a day ago; known ahead, a clock in sines and cosines and
the same minute a week ago over the level of then; its own mean scaling; Student's t. As a lag the week would cost seven
times the time: the library copies the whole past once per sample and step. What was not measured stays missing, which
it knows how to mask.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from gluonts.dataset.common import ListDataset
from gluonts.torch.model.deepar import DeepAREstimator
from lightning.pytorch import seed_everything

from benchmarks.forecasters.arm import Fit, Predict, Run
from benchmarks.forecasters.sampling import CONTEXT
from forecaster.forecast import HORIZON, LEVELS
from forecaster.series import EPOCH, FloatArray, IntArray, Series, held

EPOCHS, BATCHES, BATCH = 20, 100, 128
LAGS = (*range(1, 16), 60, *range(1438, 1443))
"""Bins back from each step of a forecast; the nearest to it that the library takes is one."""
SAMPLES = 100
_PAST = CONTEXT + max(LAGS)
_PERIODS_S = (86_400.0, 43_200.0, 604_800.0, 3_600.0)
_MOST = 20.0
"""A week-old value counts at most so many times its level."""


def deepar(histories: Sequence[Series], run: Run) -> Predict:
    """Learns from windows drawn alike from every history."""
    seed_everything(run.seed, verbose=False)
    entries = [_entry(series, _week_ago(series), 0, len(series), len(series)) for series in histories]
    with tempfile.TemporaryDirectory() as folder:  # the library keeps its best epoch in a file
        estimator = _estimator(run, folder)
        predictor = estimator.train(ListDataset(entries, freq="min"), cache_data=True)

    def predict(series: Series, origins: IntArray) -> FloatArray:
        seed_everything(run.seed, verbose=False)
        asked = ListDataset(list(_asked(series, origins)), freq="min")
        samples = (forecast.samples for forecast in predictor.predict(asked, num_samples=SAMPLES))
        return np.stack([np.quantile(drawn, LEVELS, axis=0).T for drawn in samples])

    return predict


def _estimator(run: Run, folder: str) -> DeepAREstimator:
    return DeepAREstimator(
        freq="min",
        prediction_length=HORIZON,
        context_length=CONTEXT,
        num_layers=2,
        hidden_size=40,
        lr=2e-3,
        num_feat_dynamic_real=2 * len(_PERIODS_S) + 1,
        time_features=[],
        lags_seq=list(LAGS),
        num_parallel_samples=SAMPLES,
        batch_size=BATCH,
        num_batches_per_epoch=run.steps(BATCHES),
        trainer_kwargs={
            "max_epochs": EPOCHS,
            "accelerator": "cpu",
            "logger": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": folder,
        },
    )


def _asked(series: Series, origins: IntArray) -> Iterator[dict[str, Any]]:
    week_ago = _week_ago(series)
    for origin in origins:
        stop = int(origin) + 1
        yield _entry(series, week_ago, max(0, stop - _PAST), stop, stop + HORIZON)


def _entry(series: Series, week_ago: FloatArray, first: int, stop: int, known_until: int) -> dict[str, Any]:
    """Bins first..stop-1 as the library takes them, with what is known ahead until `known_until`."""
    seconds = (series.start - EPOCH).total_seconds() + np.arange(first, known_until) * series.step.total_seconds()
    waves = [f(2 * np.pi * seconds / period) for period in _PERIODS_S for f in (np.sin, np.cos)]
    return {
        "target": series.values[first:stop].astype(np.float32),
        "start": pd.Period(series.time(first).replace(tzinfo=None), freq="min"),
        "feat_dynamic_real": np.stack([*waves, week_ago[first:known_until]]).astype(np.float32),
    }


def _week_ago(series: Series) -> FloatArray:
    """[bins], what was a week before each bin over the mean of the day that ended then; 1 where there was no week."""
    size = np.nan_to_num(held(np.abs(series.values)))
    sums = np.concatenate([[0.0], np.cumsum(size)])
    then = np.arange(len(series)) - 7 * series.bins_per_day
    there = then >= series.bins_per_day
    at = np.where(there, then, series.bins_per_day)
    at = np.minimum(at, len(series) - 1)
    level = (sums[at + 1] - sums[np.maximum(at + 1 - series.bins_per_day, 0)]) / series.bins_per_day
    ratio = np.divide(size[at], level, out=np.ones(len(series)), where=there & (level > 0))
    bounded: FloatArray = np.minimum(ratio, _MOST)
    return bounded


ARMS: dict[str, Fit] = {"deepar": deepar}
