"""The live terminal view: load, forecast band, pods and the last decision, drawn from the same moment. Pure drawing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from forecaster.forecast import Forecast
from foresail.demo.live import Moment
from foresail.demo.scenario import CAPACITY, CONNECTIONS, Scenario

PAST = 60
"""Minutes of the past in the chart."""
HEIGHT = 12
_BARS = " ▁▂▃▄▅▆▇█"
_MINUTE = timedelta(minutes=1)


class View:
    """Keeps the last hour and draws it."""

    def __init__(self, scenario: Scenario, footer: str) -> None:
        self._scenario = scenario
        self._footer = footer
        connections = next(s for s in scenario.history if s.name == CONNECTIONS)
        recent = np.repeat(connections.values[-PAST:], connections.step // _MINUTE)
        self._minutes: deque[float] = deque(recent.tolist(), maxlen=PAST)
        self._ticks_per_minute = _MINUTE // scenario.load.tick
        self._count = 0

    def draw(self, moment: Moment) -> RenderableType:
        """The screen for this moment."""
        if self._count % self._ticks_per_minute == 0:
            self._minutes.append(moment.offered[CONNECTIONS])
        self._count += 1
        forecast = next((f for f in moment.tick.forecasts if f.signal == CONNECTIONS), None)
        lines = chart(list(self._minutes), forecast, HEIGHT)
        title = f"{self._scenario.title}   {moment.now:%a %H:%M} at {moment.clock_speed:.0f}x"
        return Panel(
            Group(*lines, self._axis(forecast), _facts(moment), _decision(moment), Text(self._footer, style="dim")),
            title=title,
            title_align="left",
        )

    def _axis(self, forecast: Forecast | None) -> Text:
        ahead = "|  next 15 min" if forecast else ""
        return Text(f"{'':7}{'-60 min':<{PAST - 4}}now {ahead}", style="dim")


def chart(past: Sequence[float], forecast: Forecast | None, height: int) -> list[Text]:
    """Lines from the top down: the past as bars, the forecast as a band from its 0.05 to its 0.95 quantile."""
    band = [] if forecast is None else [
        (forecast.step_at(h, 0.05), forecast.step_at(h, 0.5), forecast.step_at(h, 0.95))
        for h in range(1, len(forecast.quantiles) + 1)
    ]  # fmt: skip
    top = max([1.0, *past, *(high for _, _, high in band)])
    lines = []
    for row in range(height, 0, -1):
        floor, step = top * (row - 1) / height, top / height
        line = Text(_label(top * row / height) if row in (1, height // 2, height) else " " * 7, style="dim")
        for value in past:
            line.append(_bar((value - floor) / step), style="cyan")
        line.append("│" if band else "", style="dim")
        for low, middle, high in band:
            if floor <= middle < floor + step:
                line.append("━", style="bold yellow")
            else:
                line.append("░" if low < floor + step and high > floor else " ", style="yellow")
        lines.append(line)
    return lines


def _label(value: float) -> str:
    """Seven columns for any load."""
    return f"{value:6.0f} " if value < 999_999 else f"{value:6.0e} "


def _bar(share: float) -> str:
    """The part of a bar that lies in a row of which it fills so much; blank where nothing was measured."""
    return " " if math.isnan(share) else _BARS[min(8, max(0, round(8 * share)))]


def _facts(moment: Moment) -> Table:
    tick = moment.tick
    need = -(-int(moment.offered[CONNECTIONS]) // CAPACITY)
    facts = Table.grid(padding=(0, 3))
    short = moment.offered[CONNECTIONS] > moment.ready * CAPACITY
    facts.add_row(
        _fact("clients", round(moment.offered[CONNECTIONS])),
        _fact("pods needed", need),
        _fact("ready", moment.ready, "bold red" if short else "bold green"),
        _fact("starting", moment.pods - moment.ready),
        _fact("floor", tick.decision.floor),
        _fact("HPA alone would have", tick.hpa_alone),
    )
    return facts


def _fact(name: str, figure: int, style: str = "bold") -> Text:
    return Text.assemble(f"{name} ", (str(figure), style))


def _decision(moment: Moment) -> Text:
    return Text(f"{moment.now:%H:%M:%S} {moment.tick.decision.summary()}", style="italic", overflow="fold")
