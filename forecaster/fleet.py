"""Thousands of workloads on one clock: a tick brings one value of each, and gives a forecast of each.

The values lie in a file of rows; what follows from all of them is carried forward. Both tell the network exactly what
`Windows` would. Slow work is done between ticks: `work` until it has nothing left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from forecaster.behind import Block, raw
from forecaster.errors import BadHistory, NoForecast
from forecaster.fleet_calibration import READS, FleetCalibration
from forecaster.forecast import HORIZON, LEVELS, Forecast, Window
from forecaster.predict import window_mask
from forecaster.rows import Rows
from forecaster.series import EPOCH, BoolArray, FloatArray, IntArray, Series, held
from forecaster.standing import Standing
from forecaster.windows import Float32Array, Inputs, inputs_of, reads

_WHOLE = Window()
_PART = 1000
"""Workloads whose inputs are made at once: each part costs some milliseconds, and memory by its size."""


@dataclass(frozen=True)
class Newcomer:
    """A workload that joins: what is known of it so far, and the window whose peak is asked for."""

    series: Series
    window: Window = _WHOLE


@dataclass(frozen=True, eq=False)
class FleetForecast:
    """Forecasts of all W workloads from one origin, in their own units; NaN for those never measured.

    origin     start of the last bin that was known
    quantiles  [W, HORIZON, levels], ascending along the levels, never negative
    peak       [W, levels], of the maximum over each workload's own window
    windows    [W]
    """

    origin: datetime
    step: timedelta
    model: str
    quantiles: FloatArray
    peak: FloatArray
    windows: Sequence[Window]

    def of(self, column: int, signal: str) -> Forecast:
        """One workload's forecast as a value to be written down. Raises NoForecast where it was never measured."""
        if np.isnan(self.peak[column]).any():
            raise NoForecast(f"{signal}: nothing measured up to {self.origin}")
        return Forecast(
            signal=signal,
            model=self.model,
            origin=self.origin,
            step=self.step,
            levels=LEVELS,
            quantiles=tuple(tuple(float(q) for q in row) for row in self.quantiles[column]),
            window=self.windows[column],
            peak=tuple(float(q) for q in self.peak[column]),
        )


class Network(Protocol):
    """What makes forecasts of inputs: `predict.OnnxForecaster`."""

    @property
    def name(self) -> str: ...

    def run(self, inputs: Inputs, masks: Float32Array) -> tuple[FloatArray, FloatArray]:
        """[B, HORIZON, levels] and [B, levels] in the units of the series, for windows [B, HORIZON]."""
        ...


class Fleet:
    """The workloads of one file of rows, each in its column, and the network that forecasts them."""

    def __init__(self, rows: Rows, network: Network) -> None:
        """Goes on from the rows that are there. Raises NoForecast where it cannot be of such a step."""
        self._rows, self._network = rows, network
        self._spans = reads(rows.shape.step)
        columns = rows.shape.columns
        self._standing = Standing(columns, rows.shape.step, rows.stop)
        self._masks = np.tile(window_mask(_WHOLE), (columns, 1))
        self._windows = [_WHOLE] * columns
        self._calibration = FleetCalibration(self._windows, self._standing.day, rows.stop)
        self._made: FloatArray | None = None
        self._to_learn = False
        self._held = np.full(columns, np.nan)
        if rows.stop > rows.first:
            self._standing.begin(np.arange(columns), rows.first, rows.read)
            self._held = rows.read(rows.stop - 1, rows.stop)[0][0].copy()

    def append(self, at: datetime, values: FloatArray) -> None:
        """Adds the bin that began at `at`, one value [W] of each workload, NaN where it is missing.

        At every STRIDE-th bin the calibration learns from what the network says there: when a forecast is asked for,
        which leaves time for the work that is due at a full hour, or else when the next bin comes.
        Raises BadHistory where it is not the bin after the last, or a value is infinite, and StorageFailed where it
        cannot be written; then nothing was added.
        """
        rows = self._rows
        if at != (due := EPOCH + rows.stop * rows.shape.step):
            raise BadHistory(f"a bin at {at}; the next one begins at {due}: append one of NaN for each that was missed")
        if values.shape != self._held.shape:
            raise BadHistory(f"values of shape {values.shape}; this fleet has columns for {self._held.shape}")
        if len(infinite := np.flatnonzero(np.isinf(values))):
            raise BadHistory(f"infinite values in columns {infinite.tolist()}; give NaN where a value is missing")
        if self._to_learn:
            self._newest()
        known = ~np.isnan(values)
        held = np.where(known, values, self._held)
        rows.append(held[None], known[None])
        self._held, self._made = held, None
        newest = rows.stop - 1
        self._standing.add(newest, self._look_back())
        self._calibration.begin_bin(newest)
        self._to_learn = self._calibration.learns_at(newest)

    def join(self, newcomers: Mapping[int, Newcomer]) -> None:
        """Gives columns to workloads, with their histories up to the newest bin; who had them is forgotten.

        Costs a pass over the file, however many join. Raises BadHistory where a series is of another step or holds
        infinite values, or there is no such column; then nobody has joined.
        """
        if not newcomers:
            return
        rows, columns = self._rows, np.array(list(newcomers), dtype=np.int64)
        if len(wrong := columns[(columns < 0) | (columns >= len(self._held))]):
            raise BadHistory(f"columns {wrong.tolist()}; this fleet has 0 to {len(self._held) - 1}")
        shape = (rows.stop - rows.first, len(columns))
        levels, known = np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_)
        for k, newcomer in enumerate(newcomers.values()):
            levels[:, k], known[:, k] = self._up_to_now(newcomer.series)
        rows.replace(columns, levels, known)
        self._held[columns] = levels[-1] if len(levels) else np.nan
        self._standing.begin(columns, rows.first, rows.read)
        for column, newcomer in newcomers.items():
            self._begin(column, newcomer.window)

    def ask(self, windows: Mapping[int, Window]) -> None:
        """Asks for the peaks of other windows from now on; the calibration begins anew where a window has changed."""
        for column, window in windows.items():
            if window != self._windows[column]:
                self._begin(column, window)

    def _begin(self, column: int, window: Window) -> None:
        self._windows[column] = window
        self._masks[column] = window_mask(window)
        self._calibration.forget(column, window, self._rows.stop)
        self._made = None

    def _up_to_now(self, series: Series) -> tuple[FloatArray, BoolArray]:
        """Held values and whether they were measured, of all bins that are kept."""
        rows = self._rows
        if series.step != rows.shape.step:
            raise BadHistory(f"{series.name}: a step of {series.step}; this fleet's is {rows.shape.step}")
        if np.isinf(series.values).any():
            raise BadHistory(f"{series.name}: infinite values; give NaN where a value is missing")
        index = np.arange(rows.first, rows.stop) - (series.start - EPOCH) // series.step
        values = np.append(series.values, np.nan)
        inside = np.clip(index, 0, len(series))
        there = index >= 0
        return np.where(there, held(values)[inside], np.nan), there & ~np.isnan(values[inside])

    def leave(self, columns: Sequence[int]) -> None:
        """Forgets the workloads of some columns."""
        nothing = Series(EPOCH + self._rows.stop * self._rows.shape.step, self._rows.shape.step, np.zeros(0))
        self.join({column: Newcomer(nothing) for column in columns})

    def inputs(self, columns: IntArray) -> Inputs:
        """What the network sees of some measured workloads at the newest bin."""
        behind, itself = self._standing.behind(self._look_back()), self._standing.itself()
        return inputs_of(behind.of(columns), itself.of(columns))

    def forecast(self) -> FleetForecast:
        """From the newest bin. Raises NoForecast where there is none."""
        if self._rows.stop == self._rows.first:
            raise NoForecast("a fleet without a bin; append one first")
        columns = self._newest()
        made = np.maximum(self._calibration.correct(columns, self._standing.usual_move()), 0.0)
        origin = EPOCH + (self._rows.stop - 1) * self._rows.shape.step
        step = self._rows.shape.step
        return FleetForecast(
            origin, step, self._network.name, made[:, :HORIZON], made[:, HORIZON], tuple(self._windows)
        )

    def _newest(self) -> FloatArray:
        """[W, HORIZON + 1, levels], the network's columns of the newest bin; the calibration has learned from them."""
        if self._made is None:
            blocks = self._look_back()
            self._made = self._columns(blocks)
            if self._to_learn:
                values, moves = raw(blocks, 1 - READS, 1), self._standing.usual_move()
                self._calibration.learn(self._rows.stop - 1, self._made, moves, values, self._standing.first)
                self._to_learn = False
        return self._made

    def _columns(self, blocks: Sequence[Block]) -> FloatArray:
        """[W, HORIZON + 1, levels], the network's steps and peaks of the newest bin."""
        made = np.full((len(self._held), HORIZON + 1, len(LEVELS)), np.nan)
        behind, itself = self._standing.behind(blocks), self._standing.itself()
        for part in self._parts():
            inputs = inputs_of(behind.of(part), itself.of(part))
            made[part, :HORIZON], made[part, HORIZON] = self._network.run(inputs, self._masks[part])
        return made

    def work(self, most: int = 16) -> bool:
        """Does a part of the slow work that is due: usual moves, or the ridges of `most` workloads; was there any?"""
        standing = self._standing
        if standing.usual_made != standing.hour_began and len(standing.measured):
            standing.learn_usual(self._rows.read)
            self._made = None
            return True
        measured = standing.measured
        due = measured[standing.ridge_made[measured] != standing.day_began][:most]
        if not len(due):
            return False
        levels, known = self._of(due, standing.ridge_reads)
        for k, column in enumerate(due.tolist()):
            standing.learn_ridge(column, levels[:, k], known[:, k])
        self._made = None
        return True

    def _of(self, columns: IntArray, start: int) -> tuple[FloatArray, BoolArray]:
        """Held values and whether they were measured of some workloads, from bin `start` to the newest."""
        levels, known = [], []
        for first in range(start, self._rows.stop, self._standing.day):
            rows = self._rows.read(first, min(first + self._standing.day, self._rows.stop))
            levels.append(rows[0][:, columns])
            known.append(rows[1][:, columns])
        return np.concatenate(levels), np.concatenate(known)

    def _look_back(self) -> list[Block]:
        """What the newest bin looks back on: read when it is needed, for it is a third of what a fleet would hold."""
        newest = self._rows.stop - 1
        return [Block(a, *self._rows.read(newest + a, newest + b)) for a, b in self._spans]

    def _parts(self) -> Iterator[slice | IntArray]:
        """The measured workloads, some at a time; as slices where all were measured, which copies nothing."""
        measured = self._standing.measured
        for first in range(0, len(measured), _PART):
            part = measured[first : first + _PART]
            whole = part[-1] - part[0] + 1 == len(part)
            yield slice(int(part[0]), int(part[-1]) + 1) if whole else part
