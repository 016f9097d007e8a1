"""The newest forecast of every signal, made beside the loop: a tick takes what is there and waits for nothing.

What the gate and the calibration know is made again from the history with the first forecast of a signal, which takes
some seconds each; `warm` says whose is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from controller.adapters.prometheus_feed import SignalKey
from forecaster.errors import ForecasterError
from forecaster.forecast import Ask, Forecast, Forecaster, Window
from forecaster.incidents import Incident
from forecaster.series import Series

_LOG = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """A forecast that somebody wants.

    unseen  what its history is without; policies that ask the same query may differ in it
    """

    key: SignalKey
    window: Window
    unseen: tuple[Incident, ...] = ()


class LiveForecasts:
    """Forecasts of one forecaster, in one thread."""

    def __init__(
        self,
        forecaster: Forecaster,
        on_made: Callable[[float], None] = lambda _: None,
        make_room: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_made` is told how many seconds it took, each time that all that was asked for is made.

        `make_room` tells the forecaster for how many signals it works.
        """
        self._forecaster = forecaster
        self._on_made = on_made
        self._make_room = make_room
        self._made: dict[Wanted, Forecast] = {}
        self._before: dict[SignalKey, Forecast] = {}
        self._from: dict[Wanted, datetime] = {}
        self._failed: dict[Wanted, str] = {}
        self._work: asyncio.Task[None] | None = None

    def ask(self, wanted: Mapping[Wanted, Series]) -> None:
        """Begins to make those that are not of the newest bin, unless the last ones are still being made.

        Each has its history as it is to be looked back on.
        """
        signals = {one.key for one in wanted}
        self._before |= {one.key: made for one, made in self._made.items()}
        self._before = {key: made for key, made in self._before.items() if key in signals}
        for known in (self._made, self._from, self._failed):
            for gone in known.keys() - wanted.keys():
                del known[gone]
        if self._work is not None and not self._work.done():
            return
        due = {one: series for one, series in wanted.items() if self._from.get(one) != series.time(len(series))}
        if due:
            self._make_room(len(wanted))
            self._work = asyncio.create_task(self._make(due))

    def newest(self, one: Wanted, signal: str) -> Forecast | None:
        """The newest, under the policy's own name of the signal; None until there is one.

        Where another window is asked for, because the lead time was measured anew, or a history without something else,
        that of the one before serves until this one's is made.
        """
        made = self._made.get(one) or self._before.get(one.key)
        return None if made is None else replace(made, signal=signal)

    def problem(self, one: Wanted) -> str:
        """Why there is none, in words; empty where there is, or will be."""
        return self._failed.get(one, "")

    async def settled(self) -> None:
        """Returns when nothing is being made."""
        if self._work is not None:
            await self._work

    async def close(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _make(self, due: Mapping[Wanted, Series]) -> None:
        """One after the other: several at once save no time, and the memory that their first ones take stays taken."""
        began = time.monotonic()
        for one, series in due.items():
            try:
                made = await asyncio.to_thread(self._forecast, one, series)
            except ForecasterError as error:
                self._failed[one] = str(error)
            except Exception:
                _LOG.exception("no forecast of %s", one.key.query)
                raise
            else:
                self._made[one] = made
                self._failed.pop(one, None)
            self._from[one] = series.time(len(series))
        self._on_made(time.monotonic() - began)

    def _forecast(self, one: Wanted, series: Series) -> Forecast:
        ask = Ask(replace(series, name=one.key.query), np.array([len(series) - 1]), one.window)
        (answer,) = self._forecaster.forecast([ask])
        return answer.at(0, ask.series)
