"""The two charts, as Vega-Lite with the frames as named datasets. Pure.

A chart's description is the same whatever the frames hold, so that the browser replaces its data in place and a page
that refreshes does not flicker. Colours are told apart by colour-blind eyes too, and show on light and on dark ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import altair as alt
import pandas as pd

from dashboard.frames import clock, stretches

Chart = dict[str, Any]

_INK = {"light": "#1b1b1b", "dark": "#f2f2f2"}
_INK_ON_ANY = "#808080"
_FORECAST, _WANTED, _READY, _ALONE, _SHORT = "#2f7fc1", "#c98500", "#009e73", "#c06ba0", "#d5301e"
_ACTUAL, _PREDICTED, _CAPACITY, _TOO_FEW = "actual load", "predicted, 0.05 to 0.95", "ready pods carry", "short"
_PODS = {
    "needed": "needed by the load",
    "ready": "ready",
    "wanted": "wanted by the forecast",
    "floor": "floor",
    "alone": "HPA alone",
}
_DASHES = {"wanted": [2, 2], "alone": [7, 3]}
_PREDICTIONS = ["lower", "median", "upper"]
_HEIGHT = 340
_LEFT = 48
"""Pixels for the labels of either vertical axis, so that the two charts share their time axis by eye."""


def ink(ground: str | None) -> str:
    """The colour of what was measured, on a light or dark ground; one that shows on both where that is not known."""
    return _INK.get(ground or "", _INK_ON_ANY)


def load_chart(load: pd.DataFrame, before: pd.DataFrame, ahead: pd.DataFrame, title: str, actual: str) -> Chart:
    """The load against what was predicted of it, and against what the ready pods carry.

    load    as `frames.loads` gives it; before and ahead as `frames.predicted` and `frames.coming` do
    title   of the load's axis, its unit
    actual  colour of the measured load
    """
    datasets = {
        "load": _told(_beside(load, before)),
        "before": before,
        "ahead": ahead,
        "short": _red(load["at"], load["short"]),
        "now": load[["at"]].tail(1),
    }
    return {**_load_chart(title, actual), "datasets": datasets}


def pods_chart(pods: pd.DataFrame, until: pd.DataFrame, actual: str) -> Chart:
    """Pods over time as `frames.pods` gives them; the time axis reaches to the end of `until`, as the other chart's."""
    datasets = {
        "pods": _told(pods),
        "short": _red(pods["at"], pods["needed"] > pods["ready"]),
        "until": until[["at"]].tail(1),
        "now": pods[["at"]].tail(1),
    }
    return {**_pods_chart(actual), "datasets": datasets}


@cache
def _load_chart(title: str, actual: str) -> Chart:
    colours = {_ACTUAL: actual, _PREDICTED: _FORECAST, _CAPACITY: _READY, _TOO_FEW: _SHORT}
    colour = _colour(colours)
    lower, upper, median = _y("lower", title), alt.Y2("upper"), _y("median", title)
    before, ahead = _on("before", _PREDICTED), _on("ahead", _PREDICTED)
    capacity, load = _on("load", _CAPACITY), _on("load", _ACTUAL)
    told = {"load": _ACTUAL, "capacity": _CAPACITY} | {name: f"predicted, {name}" for name in _PREDICTIONS}
    return _described(
        _short(colour),
        before.mark_area(opacity=0.3).encode(_X, lower, upper, colour),
        before.mark_line(strokeWidth=1).encode(_X, median, colour),
        ahead.mark_area(opacity=0.18).encode(_X, lower, upper, colour),
        ahead.mark_line(strokeWidth=1.5, strokeDash=[4, 3]).encode(_X, median, colour),
        capacity.mark_line(strokeWidth=2, interpolate="step-after").encode(_X, _y("capacity", title), colour),
        load.mark_line(strokeWidth=2).encode(_X, _y("load", title), colour),
        _now(),
        _hover("load", told),
    )


@cache
def _pods_chart(actual: str) -> Chart:
    columns = {"needed": actual, "ready": _READY, "wanted": _WANTED, "floor": _FORECAST, "alone": _ALONE}
    colour = _colour({_PODS[column]: shade for column, shade in columns.items()} | {_TOO_FEW: _SHORT})
    lines = (
        _on("pods", name)
        .mark_line(strokeWidth=2, interpolate="step-after", strokeDash=_DASHES.get(column, [1, 0]))
        .encode(_X, _y(column, "pods"), colour)
        for column, name in _PODS.items()
    )
    reach = _on("until").mark_point(opacity=0).encode(_X)
    return _described(_short(colour), *lines, reach, _now(), _hover("pods", _PODS))


def _x(column: str) -> alt.X:
    return alt.X(
        f"{column}:T",
        title="time of the run (UTC)",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%H:%M", labelOverlap=True),
    )


_X = _x("at")


def _y(column: str, title: str) -> alt.Y:
    return alt.Y(f"{column}:Q", title=title, axis=alt.Axis(minExtent=_LEFT, maxExtent=_LEFT, tickMinStep=1))


def _on(dataset: str, line: str = "") -> alt.Chart:
    """Marks on a dataset; `line` is the name under which the legend has them."""
    return alt.Chart(alt.NamedData(name=dataset)).transform_calculate(line=alt.expr.toString(line))


def _colour(colours: Mapping[str, str]) -> alt.Color:
    """Each line in the colour of its name, with the legend of all of them."""
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=4, symbolOpacity=1)
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("line:N", scale=scale, legend=legend)


def _short(colour: alt.Color) -> alt.Chart:
    """The stretches in which ready pods were too few, over the whole height."""
    drawn: alt.Chart = _on("short", _TOO_FEW).mark_rect(opacity=0.45).encode(_x("start"), alt.X2("end"), colour)
    return drawn


def _now() -> alt.Chart:
    """Where the measured ends."""
    drawn: alt.Chart = _on("now").mark_rule(color=_INK_ON_ANY, strokeDash=[2, 3]).encode(_X)
    return drawn


def _hover(dataset: str, columns: Mapping[str, str]) -> alt.Chart:
    """The numbers of the moment under the pointer."""
    nearest = alt.selection_point(name="hover", nearest=True, on="pointermove", fields=["at"], empty=False)
    figures = [alt.Tooltip(f"{column}:Q", title=name, format=",.4~g") for column, name in columns.items()]
    drawn: alt.Chart = (
        _on(dataset)
        .mark_rule(color=_INK_ON_ANY)
        .encode(
            _X,
            tooltip=[alt.Tooltip("moment:N", title="UTC"), *figures],
            opacity=alt.when(nearest).then(alt.value(0.7)).otherwise(alt.value(0)),
        )
        .add_params(nearest)
    )
    return drawn


def _described(*layers: alt.Chart) -> Chart:
    spec: Chart = alt.layer(*layers).properties(height=_HEIGHT, width="container").to_dict()
    return spec


def _beside(load: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The load with what was predicted of the bin that each moment lies in, or missing where nothing was."""
    half = before["at"].diff().min() / 2 if len(before) > 1 else pd.Timedelta(0)
    return pd.merge_asof(load, before, on="at", direction="nearest", tolerance=half)


def _red(at: pd.Series[pd.Timestamp], marked: pd.Series[bool]) -> pd.DataFrame:
    """The stretches to mark; one without width where there is none, since an empty dataset has no extent to draw."""
    return stretches(at, marked) if marked.any() else pd.DataFrame({"start": at.tail(1), "end": at.tail(1)})


def _told(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with each moment in words too: tooltips write times in the zone of the browser."""
    return frame.assign(moment=[clock(at) for at in frame["at"]])
