"""The two charts, as Vega-Lite with the frames as named datasets. Pure.

A chart's description is the same whatever the frames hold, so that the browser replaces its data in place and a page
that refreshes does not flicker. Colours are told apart by colour-blind eyes too, and show on light and on dark ground.
What a line is, stands above the chart as text: a legend in the picture is cut off where the page is narrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from html import escape
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
_STROKES = {"wanted": "dotted", "alone": "dashed"}
_PREDICTIONS = ["lower", "median", "upper"]
_HEIGHT = 340
_LEFT = 48
"""Pixels for the labels of either vertical axis, so that the two charts share their time axis by eye. What they count
stands in the heading, where it is not cut off either."""
_SHORTEST = timedelta(minutes=5)
"""A time axis reaches so far beyond what was measured at least."""
_TICK = timedelta(seconds=15)
_AMOUNT = "format(datum.value, abs(datum.value) >= 1e5 ? '~s' : ',.6~g')"
_MOMENT = (
    "domain('x')[1] - domain('x')[0] >= 864e5 ? [utcFormat(datum.value, '%H:%M'), utcFormat(datum.value, '%b %d')]"
    " : utcFormat(datum.value, utcseconds(datum.value) ? '%H:%M:%S' : '%H:%M')"
)
"""No two labels of an axis are alike: seconds where minutes would repeat, the day where the hours would."""


def ink(ground: str | None) -> str:
    """The colour of what was measured, on a light or dark ground; one that shows on both where that is not known."""
    return _INK.get(ground or "", _INK_ON_ANY)


def load_key(actual: str) -> str:
    """What the lines of the load's chart are, as HTML."""
    return _key(_load_colours(actual), {})


def pods_key(actual: str) -> str:
    """What the lines of the pods' chart are, as HTML."""
    return _key(_pods_colours(actual), {_PODS[column]: style for column, style in _STROKES.items()})


def load_chart(load: pd.DataFrame, before: pd.DataFrame, ahead: pd.DataFrame, a_pod: float, actual: str) -> Chart:
    """The load against what was predicted of it, and against what the ready pods carry.

    load    as `frames.loads` gives it; before and ahead as `frames.predicted` and `frames.coming` do
    a_pod   what one pod carries, up to which the axis reaches at least
    actual  colour of the measured load
    """
    datasets = {
        "load": _told(_beside(_lasting(load), before)),
        "before": before,
        "ahead": ahead,
        "short": _red(load["at"], load["short"]),
        "now": load[["at"]].tail(1),
        "reach": _reach(load["at"], ahead["at"], a_pod),
    }
    return {**_load_chart(actual), "datasets": datasets}


def pods_chart(pods: pd.DataFrame, until: pd.DataFrame, actual: str) -> Chart:
    """Pods over time as `frames.pods` gives them; the time axis reaches to the end of `until`, as the other chart's."""
    datasets = {
        "pods": _told(_lasting(pods)),
        "short": _red(pods["at"], pods["needed"] > pods["ready"]),
        "now": pods[["at"]].tail(1),
        "reach": _reach(pods["at"], until["at"], 1),
    }
    return {**_pods_chart(actual), "datasets": datasets}


@cache
def _load_chart(actual: str) -> Chart:
    colour = _colour(_load_colours(actual))
    lower, upper, median = _y("lower"), alt.Y2("upper"), _y("median")
    before, ahead = _on("before", _PREDICTED), _on("ahead", _PREDICTED)
    capacity, load = _on("load", _CAPACITY), _on("load", _ACTUAL)
    told = {"load": _ACTUAL, "capacity": _CAPACITY} | {name: f"predicted, {name}" for name in _PREDICTIONS}
    return _described(
        *_short(colour),
        before.mark_area(opacity=0.3).encode(_X, lower, upper, colour),
        before.mark_line(strokeWidth=1).encode(_X, median, colour),
        ahead.mark_area(opacity=0.18).encode(_X, lower, upper, colour),
        ahead.mark_line(strokeWidth=1.5, strokeDash=[4, 3]).encode(_X, median, colour),
        capacity.mark_line(strokeWidth=2, interpolate="step-after").encode(_X, _y("capacity"), colour),
        load.mark_line(strokeWidth=2).encode(_X, _y("load"), colour),
        _whole(),
        _now(),
        _hover("load", told),
    )


@cache
def _pods_chart(actual: str) -> Chart:
    colour = _colour(_pods_colours(actual))
    lines = (
        _on("pods", name)
        .mark_line(strokeWidth=2, interpolate="step-after", strokeDash=_DASHES.get(column, [1, 0]))
        .encode(_X, _y(column), colour)
        for column, name in _PODS.items()
    )
    return _described(*_short(colour), *lines, _whole(), _now(), _hover("pods", _PODS))


def _load_colours(actual: str) -> dict[str, str]:
    return {_ACTUAL: actual, _PREDICTED: _FORECAST, _CAPACITY: _READY, _TOO_FEW: _SHORT}


def _pods_colours(actual: str) -> dict[str, str]:
    columns = {"needed": actual, "ready": _READY, "wanted": _WANTED, "floor": _FORECAST, "alone": _ALONE}
    return {_PODS[column]: shade for column, shade in columns.items()} | {_TOO_FEW: _SHORT}


def _key(colours: Mapping[str, str], strokes: Mapping[str, str]) -> str:
    items = (
        f'<span style="white-space: nowrap"><span style="display: inline-block; width: 1.4em; vertical-align: middle;'
        f' border-top: 3px {strokes.get(line, "solid")} {shade}"></span> {escape(line)}</span>'
        for line, shade in colours.items()
    )
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0 1.2em; font-size: 0.8rem">{"".join(items)}</div>'


def _x(column: str) -> alt.X:
    return alt.X(
        f"{column}:T",
        title="time of the run (UTC)",
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(labelExpr=_MOMENT, labelOverlap=True),
    )


_X = _x("at")


def _y(column: str) -> alt.Y:
    return alt.Y(f"{column}:Q", title=None, axis=alt.Axis(labelExpr=_AMOUNT, minExtent=_LEFT, maxExtent=_LEFT))


def _on(dataset: str, line: str = "") -> alt.Chart:
    """Marks on a dataset; `line` is the name under which the key has them."""
    return alt.Chart(alt.NamedData(name=dataset)).transform_calculate(line=alt.expr.toString(line))


def _colour(colours: Mapping[str, str]) -> alt.Color:
    """Each line in the colour of its name."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("line:N", scale=scale, legend=None)


def _short(colour: alt.Color) -> tuple[alt.Chart, alt.Chart]:
    """The stretches in which ready pods were too few: a tint over the whole height that hides nothing, and a bar
    below it that cannot be missed."""
    short, span = _on("short", _TOO_FEW), (_x("start"), alt.X2("end"), colour)
    bar = short.mark_rule(strokeWidth=5).encode(*span, y=alt.value("height"))
    return short.mark_rect(opacity=0.14).encode(*span), bar


def _whole() -> alt.Chart:
    """Nothing to be seen, over all that the axes are to reach."""
    drawn: alt.Chart = _on("reach").mark_point(opacity=0).encode(_X, _y("level"))
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


def _reach(at: pd.Series[pd.Timestamp], coming: pd.Series[pd.Timestamp], level: float) -> pd.DataFrame:
    """From the first moment to the end of what is foreseen, or some minutes on where that is nearer; from 0 to the
    level."""
    ends = [at.iloc[-1] + _SHORTEST, *coming.tail(1)]
    return pd.DataFrame({"at": [at.iloc[0], max(ends)], "level": [0.0, level]})


def _lasting(frame: pd.DataFrame) -> pd.DataFrame:
    """A single moment until the next one: a line of one point is not to be seen."""
    if len(frame) > 1:
        return frame
    following = (frame["at"] + _TICK).astype(frame["at"].dtype)
    return pd.concat([frame, frame.assign(at=following)], ignore_index=True)


def _told(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with each moment in words too: tooltips write times in the zone of the browser."""
    return frame.assign(moment=[clock(at) for at in frame["at"]])
