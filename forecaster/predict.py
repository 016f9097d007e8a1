"""Serves an artefact with ONNX Runtime: many workloads, one batch, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from forecaster.artefact import Artefact, load_artefact
from forecaster.calibrated import Calibrated
from forecaster.errors import BadArtefact
from forecaster.forecast import HORIZON, LEVELS, Ask, Forecaster, Forecasts, Window
from forecaster.gated import Gated
from forecaster.ridge import Fits
from forecaster.series import FloatArray
from forecaster.windows import Float32Array, Inputs, Windows

_ROWS = 256
"""Rows in one run of the network: bounded memory at no cost in time."""


class OnnxForecaster:
    """The network of an artefact behind the Forecaster protocol."""

    def __init__(self, artefact: Artefact, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # which would keep what the largest run took, 16 MiB of 256 rows
        try:
            self._session = onnxruntime.InferenceSession(
                str(artefact.model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise BadArtefact(f"{artefact.model}: ONNX Runtime refuses it ({error}); train the model again") from error
        self._fits = Fits()
        self.name = f"lstm:{artefact.name}"

    def forecast(self, asks: Sequence[Ask]) -> list[Forecasts]:
        """All asks in as few runs of the network as memory allows. Raises NoForecast, naming the series."""
        if not asks:
            return []
        inputs = Inputs.concatenate([Windows(ask.series, self._fits).inputs(ask.origins) for ask in asks])
        masks = np.concatenate([np.tile(window_mask(ask.window), (len(ask.origins), 1)) for ask in asks])
        quantiles, peak = self.run(inputs, masks)
        ends = np.cumsum([len(ask.origins) for ask in asks])[:-1]
        parts = zip(asks, np.split(quantiles, ends), np.split(peak, ends), strict=True)
        return [Forecasts(ask.origins, LEVELS, q, p, ask.window, self.name) for ask, q, p in parts]

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        """[B, HORIZON, levels] and [B, levels] in the units of the series; no load is negative. masks [B, HORIZON]"""
        quantiles, peaks = [], []
        for first in range(0, len(inputs.last), _ROWS):
            rows = slice(first, first + _ROWS)
            feed = {
                "sequence": inputs.sequence[rows],
                "features": inputs.features[rows],
                "increments": inputs.increments[rows],
                "usual": inputs.usual[rows],
                "window": masks[rows],
            }
            q, p = self._session.run(["quantiles", "peak"], feed)
            quantiles.append(np.asarray(q, dtype=np.float64))
            peaks.append(np.asarray(p, dtype=np.float64))
        last, scale = inputs.last, inputs.scale
        q_all = np.concatenate(quantiles) if quantiles else np.zeros((0, HORIZON, len(LEVELS)))
        p_all = np.concatenate(peaks) if peaks else np.zeros((0, len(LEVELS)))
        return (
            np.maximum(last[:, None, None] + scale[:, None, None] * q_all, 0.0),
            np.maximum(last[:, None] + scale[:, None] * p_all, 0.0),
        )


def window_mask(window: Window) -> Float32Array:
    """[HORIZON], 1 at the steps of the window."""
    mask = np.zeros(HORIZON, dtype=np.float32)
    mask[window.first - 1 : window.last] = 1.0
    return mask


def load_network(path: Path, threads: int = 1) -> OnnxForecaster:
    """The network of the artefact at `path` as it was trained. Raises BadArtefact."""
    return OnnxForecaster(load_artefact(path), threads)


def load_forecaster(path: Path, threads: int = 1) -> Forecaster:
    """What is served of the artefact at `path`: its network, calibrated online and gated. Raises BadArtefact."""
    return Gated(load_calibrated(path, threads))


def load_calibrated(path: Path, threads: int = 1) -> Calibrated:
    """The network of the artefact at `path`, calibrated online, even where a rule does better. Raises BadArtefact."""
    return Calibrated(load_network(path, threads))
