"""The newest forecast of every signal, made beside the loop: a tick takes what is there and waits for nothing.

What the gate and the calibration know is made again from the history with the first forecast of a signal, which takes
about a second each. Those that have one come first, many in one run of the network, and between two of these runs one
that is new: hundreds of new signals take minutes, in which the others get their forecasts as ever.
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

AT_ONCE = 32
"""Signals whose next forecasts are made together; more save little time, and take memory while it lasts."""
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
        self._wanted: Mapping[Wanted, Series] = {}
        self._made: dict[Wanted, Forecast] = {}
        self._before: dict[SignalKey, Forecast] = {}
        self._from: dict[Wanted, datetime] = {}
        self._failed: dict[Wanted, str] = {}
        self._room = 0
        self._work: asyncio.Task[None] | None = None

    def ask(self, wanted: Mapping[Wanted, Series]) -> None:
        """Begins to make those that are not of the newest bin; what is being made already goes on with these.

        Each has its history as it is to be looked back on.
        """
        signals = {one.key for one in wanted}
        self._before |= {one.key: made for one, made in self._made.items()}
        self._before = {key: made for key, made in self._before.items() if key in signals}
        for known in (self._made, self._from, self._failed):
            for gone in known.keys() - wanted.keys():
                del known[gone]
        self._wanted = dict(wanted)
        if (self._work is None or self._work.done()) and self._next():
            self._work = asyncio.create_task(self._make())

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

    async def _make(self) -> None:
        began = time.monotonic()
        while some := self._next():
            if self._room != len(self._wanted):
                self._room = len(self._wanted)
                self._make_room(self._room)
            answers = await asyncio.to_thread(self._forecast, some)
            for one, made in answers.items():
                if one in self._wanted:
                    self._keep(one, made)
                    self._from[one] = some[one].time(len(some[one]))
        self._on_made(time.monotonic() - began)

    def _next(self) -> Mapping[Wanted, Series]:
        """Which are made next: of those that had one last time as many as go together, and one that had not."""
        due = [one for one, series in self._wanted.items() if self._from.get(one) != series.time(len(series))]
        again, new = [one for one in due if self._served(one)], [one for one in due if not self._served(one)]
        return {one: self._wanted[one] for one in (*again[:AT_ONCE], *new[:1])}

    def _served(self, one: Wanted) -> bool:
        """Whether it had one last time: what fails now would break up the others' batch every minute."""
        return one in self._made and one not in self._failed

    def _keep(self, one: Wanted, made: Forecast | str) -> None:
        if isinstance(made, str):
            self._failed[one] = made
        else:
            self._made[one] = made
            self._failed.pop(one, None)

    def _forecast(self, some: Mapping[Wanted, Series]) -> dict[Wanted, Forecast | str]:
        """Of each its forecast, or why there is none. One alone where it is new, or another of them has none."""
        again = {one: series for one, series in some.items() if self._served(one)}
        alone = {one: series for one, series in some.items() if not self._served(one)}
        answers: dict[Wanted, Forecast | str] = {}
        try:
            answers |= self._together(again)
        except Exception:  # noqa: BLE001  each alone says what it is
            alone = {**again, **alone}
        for one, series in alone.items():
            try:
                answers |= self._together({one: series})
            except ForecasterError as error:
                answers[one] = str(error)
            except Exception as error:  # noqa: BLE001  one signal must not end the others
                _LOG.exception("no forecast of %s", one.key.query)
                answers[one] = f"{type(error).__name__}: {error}; the log has more"
        return answers

    def _together(self, some: Mapping[Wanted, Series]) -> dict[Wanted, Forecast]:
        """Raises where one of them has none: ForecasterError where that is known to happen."""
        asks = [
            Ask(replace(series, name=one.key.query), np.array([len(series) - 1]), one.window)
            for one, series in some.items()
        ]
        made = self._forecaster.forecast(asks) if asks else []
        return {one: answer.at(0, ask.series) for one, ask, answer in zip(some, asks, made, strict=True)}
