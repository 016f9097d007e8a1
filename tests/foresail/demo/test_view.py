"""The terminal view: draws any moment and any forecast without a fault, in lines of one width."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from forecaster.forecast import HORIZON, LEVELS, Forecast
from foresail.demo.scenario import Scenario
from foresail.demo.view import HEIGHT, PAST, View, chart
from tests.helpers.builders import a_forecast, at
from tests.helpers.demos import a_moment, a_scenario

LOADS = st.floats(0, 1e15)


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    """Any forecast of connections: quantiles that are no less than zero and ascend."""
    rows = tuple(
        tuple(sorted(draw(st.lists(LOADS, min_size=len(LEVELS), max_size=len(LEVELS))))) for _ in range(HORIZON)
    )
    return replace(a_forecast(), quantiles=rows)


def drawn(renderable: RenderableType) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"), markup=False)  # noqa: SIM115
    console.print(renderable)
    console.file.close()
    return console.export_text()


@given(st.lists(LOADS | st.just(float("nan")), max_size=PAST), st.none() | forecasts(), st.integers(1, 30))
def test_any_past_and_any_forecast_is_drawn_in_lines_of_one_width(
    past: list[float], forecast: Forecast | None, height: int
) -> None:
    lines = chart(past, forecast, height)
    assert len(lines) == height
    ahead = 0 if forecast is None else 1 + HORIZON
    assert {line.cell_len for line in lines} == {7 + len(past) + ahead}


def test_the_past_is_as_high_as_it_was() -> None:
    lines = [line.plain[7:] for line in chart([0.0, 25.0, 50.0, 100.0], None, 4)]
    assert lines == ["   █", "   █", "  ██", " ███"]


def test_a_bin_that_was_not_measured_is_blank() -> None:
    assert {line.plain[7] for line in chart([float("nan"), 5.0], None, 3)} == {" "}


def test_the_forecast_is_a_band_with_its_middle() -> None:
    row = (10.0, 10.0, 20.0, 50.0, 60.0, 80.0, 90.0, 99.0)
    lines = chart([100.0], replace(a_forecast(), quantiles=(row,) * HORIZON), 10)
    column = "".join(line.plain[9] for line in lines)
    assert column == " ░░░━░░░░ "


def test_without_a_load_there_is_an_empty_chart() -> None:
    lines = chart([0.0] * 5, None, HEIGHT)
    assert {line.plain[7:] for line in lines} == {" " * 5}


def test_a_moment_shows_what_there_is_and_why() -> None:
    view = View(a_scenario([30.0]), "stop: Ctrl-C")
    moment = a_moment([a_forecast(peak=35.0)], connections=55.0)
    text = drawn(view.draw(moment))
    for part in ("clients 55", "pods needed 3", "ready 2", "starting 1", "floor", "HPA alone would have 4",
                 "a few minutes", "Mon 20:00 at 60x", "stop: Ctrl-C", "next 15 min"):  # fmt: skip
        assert part in text
    assert " ".join(moment.tick.decision.summary().split()[:6]) in text


def test_without_a_forecast_there_is_no_band() -> None:
    text = drawn(View(a_scenario([30.0]), "").draw(a_moment()))
    assert "next 15 min" not in text
    assert "░" not in text


def test_an_hour_of_history_is_there_from_the_start_and_goes_on_minute_by_minute() -> None:
    view = View(a_scenario([20.0]), "")
    for k in range(8):
        view.draw(a_moment(now=at(seconds=15 * k), connections=20.0 + 10 * (k // 4)))
    assert list(view._minutes) == [20.0] * 59 + [30.0]


def test_coarse_bins_of_the_history_take_their_time_in_the_chart() -> None:
    scenario = a_scenario([30.0])
    view = View(coarse(scenario), "")
    assert len(view._minutes) == PAST
    assert list(view._minutes) == [float(k) for k in range(276, 288) for _ in range(5)]


def coarse(scenario: Scenario) -> Scenario:
    """The day before in bins of five minutes, each as high as its number."""
    step = timedelta(minutes=5)
    history = tuple(replace(s, step=step, values=np.arange(288, dtype=np.float64)) for s in scenario.history)
    return replace(scenario, history=history)
