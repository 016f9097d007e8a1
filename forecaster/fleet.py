"""Thousands of workloads on one clock: a tick brings one value of each, and gives a forecast of each.

The values lie in a file of rows; what follows from all of them is carried forward. Both tell the network exactly what
`Windows` would. Slow work is done between ticks: `work` until it has nothing left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np

from forecaster.behind import Block, raw
from forecaster.errors import BadHistory, NoForecast
from forecaster.fleet_calibration import FleetCalibration
from forecaster.forecast import HORIZON, LEVELS, Window
from forecaster.predict import window_mask
from forecaster.rows import Rows
from forecaster.series import EPOCH, BoolArray, FloatArray, IntArray, Series, held
from forecaster.standing import Standing
from forecaster.windows import Float32Array, Inputs, inputs_of, reads

_WHOLE = Window()
_PART = 1000
"""Workloads whose inputs are made at once: each part costs some milliseconds, and memory by its size."""


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """Forecasts of all W workloads from one origin, in their own units; NaN for those never measured.

    origin     start of the last bin that was known
    quantiles  [W, HORIZON, levels], ascending along the levels, never negative
    peak       [W, levels], of the maximum over each workload's own window
    """

    origin: datetime
    quantiles: FloatArray
    peak: FloatArray


class Network(Protocol):
    """What makes forecasts of inputs: `predict.OnnxForecaster`."""

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        """[B, HORIZON, levels] and [B, levels] in the units of the series, for windows [B, HORIZON]."""
        ...


class Fleet:
    """The workloads of one file of rows, each in its column, and the network that forecasts them."""

    def __init__(self, rows: Rows, network: Network) -> None:
        """Goes on from the rows that are there. Raises NoForecast where the step does not divide an hour."""
        self._rows, self._network = rows, network
        self._spans = reads(rows.shape.step)
        columns = rows.shape.columns
        self._standing = Standing(columns, rows.shape.step, rows.stop)
        self._masks = np.tile(window_mask(_WHOLE), (columns, 1))
        self._calibration = FleetCalibration([_WHOLE] * columns, self._standing.day, rows.stop)
        self._made: FloatArray | None = None
        self._held = np.full(columns, np.nan)
        self._blocks: list[Block] = []
        if rows.stop > rows.first:
            self._standing.begin(np.arange(columns), rows.first, rows.read)
            self._held = rows.read(rows.stop - 1, rows.stop)[0][0].copy()
            self._look_back()

    def append(self, at: datetime, values: FloatArray) -> None:
        """Adds the bin that began at `at`, one value [W] of each workload, NaN where it is missing.

        At every STRIDE-th bin the network is run, because the calibration learns from what it says there.
        Raises BadHistory where it is not the bin after the last, or a value is infinite.
        """
        rows = self._rows
        if at != (due := EPOCH + rows.stop * rows.shape.step):
            raise BadHistory(f"a bin at {at}; the next one begins at {due}: append one of NaN for each that was missed")
        if values.shape != self._held.shape or np.isinf(values).any():
            raise BadHistory(f"values of shape {values.shape}; expected {self._held.shape}, each finite or NaN")
        known = ~np.isnan(values)
        self._held = np.where(known, values, self._held)
        rows.append(self._held[None], known[None])
        self._look_back()
        newest = rows.stop - 1
        self._standing.add(newest, self._blocks)
        self._calibration.begin_bin(newest)
        if self._calibration.learns_at(newest):
            values = raw(self._blocks, 1 - HORIZON, 1)
            moves = self._standing.usual_move()
            self._calibration.learn(newest, self._columns(), moves, values, self._standing.first)

    def join(self, column: int, series: Series, window: Window = _WHOLE) -> None:
        """Gives a column to a workload, with the history that it has up to the newest bin; who had it is forgotten.

        Raises BadHistory where the series is of another step.
        """
        if series.step != self._rows.shape.step:
            raise BadHistory(f"{series.name}: a step of {series.step}; this fleet's is {self._rows.shape.step}")
        first = (series.start - EPOCH) // series.step
        values = np.full(max(self._rows.stop - first, 0), np.nan)
        values[: len(series)] = series.values[: len(values)]
        self._rows.replace(column, first, held(values), ~np.isnan(values))
        self._held[column] = held(values)[-1] if len(values) else np.nan
        self._masks[column] = window_mask(window)
        self._standing.begin(np.array([column]), self._rows.first, self._rows.read)
        self._calibration.forget(column, window, self._rows.stop)
        self._look_back()

    def leave(self, column: int) -> None:
        """Forgets the workload of a column."""
        nothing = Series(EPOCH + self._rows.stop * self._rows.shape.step, self._rows.shape.step, np.zeros(0))
        self.join(column, nothing)

    def inputs(self, columns: IntArray) -> Inputs:
        """What the network sees of some measured workloads at the newest bin."""
        behind, itself = self._standing.behind(self._blocks), self._standing.itself()
        return inputs_of(behind.of(columns), itself.of(columns))

    def forecast(self) -> FleetForecast:
        """From the newest bin. Raises NoForecast where there is none."""
        if not self._blocks:
            raise NoForecast("a fleet without a bin; append one first")
        made = np.maximum(self._calibration.correct(self._columns(), self._standing.usual_move()), 0.0)
        origin = EPOCH + (self._rows.stop - 1) * self._rows.shape.step
        return FleetForecast(origin, made[:, :HORIZON], made[:, HORIZON])

    def _columns(self) -> FloatArray:
        """[W, HORIZON + 1, levels], the network's steps and peaks of the newest bin."""
        if self._made is None:
            made = np.full((len(self._held), HORIZON + 1, len(LEVELS)), np.nan)
            behind, itself = self._standing.behind(self._blocks), self._standing.itself()
            for part in self._parts():
                inputs = inputs_of(behind.of(part), itself.of(part))
                made[part, :HORIZON], made[part, HORIZON] = self._network.run(inputs, self._masks[part])
            self._made = made
        return self._made

    def work(self, most: int = 16) -> bool:
        """Does a part of the slow work that is due: usual moves, or the ridges of `most` workloads; was there any?"""
        standing = self._standing
        if standing.usual_made != standing.hour_began and len(standing.measured):
            standing.learn_usual(self._rows.read)
            return True
        measured = standing.measured
        due = measured[standing.ridge_made[measured] != standing.day_began][:most]
        if not len(due):
            return False
        levels, known = self._of(due, standing.ridge_reads)
        for k, column in enumerate(due.tolist()):
            standing.learn_ridge(column, levels[:, k], known[:, k])
        return True

    def _of(self, columns: IntArray, start: int) -> tuple[FloatArray, BoolArray]:
        """Held values and whether they were measured of some workloads, from bin `start` to the newest."""
        levels, known = [], []
        for first in range(start, self._rows.stop, self._standing.day):
            rows = self._rows.read(first, min(first + self._standing.day, self._rows.stop))
            levels.append(rows[0][:, columns])
            known.append(rows[1][:, columns])
        return np.concatenate(levels), np.concatenate(known)

    def _look_back(self) -> None:
        """Reads what the newest bin looks back on."""
        newest = self._rows.stop - 1
        self._made = None
        self._blocks = [Block(a, *self._rows.read(newest + a, newest + b)) for a, b in self._spans]

    def _parts(self) -> Iterator[slice | IntArray]:
        """The measured workloads, some at a time; as slices where all were measured, which copies nothing."""
        measured = self._standing.measured
        for first in range(0, len(measured), _PART):
            part = measured[first : first + _PART]
            whole = part[-1] - part[0] + 1 == len(part)
            yield slice(int(part[0]), int(part[-1]) + 1) if whole else part
