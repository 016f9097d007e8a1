"""Charts: the same description whatever the data, every mark on a dataset that is there, colours that can be seen."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from controller.adapters.ledger import Entry
from dashboard import charts, frames
from tests.dashboard.runs import POLICY, an_hour, blind
from tests.helpers.builders import CONNECTIONS

FIVE = timedelta(minutes=5)
GROUNDS = {"light": "#ffffff", "dark": "#0e1117"}


def load_chart(entries: list[Entry]) -> charts.Chart:
    known = frames.forecasts_of(entries, "connections")
    before = frames.predicted(known, FIVE)
    coming = frames.coming(known[-1]) if known else frames.predicted((), FIVE)
    return charts.load_chart(frames.loads(CONNECTIONS, entries), before, coming, 20.0, charts.ink("light"))


def pods_chart(entries: list[Entry]) -> charts.Chart:
    return charts.pods_chart(frames.pods(POLICY, entries), frames.predicted((), FIVE), charts.ink("light"))


@pytest.mark.parametrize("draw", [load_chart, pods_chart])
def test_the_description_stays_the_same_while_the_run_goes_on(draw: Any) -> None:
    early, late = (
        {name: part for name, part in draw(list(entries)).items() if name != "datasets"}
        for entries in (an_hour()[:40], an_hour())
    )
    assert json.dumps(early) == json.dumps(late)


@pytest.mark.parametrize("draw", [load_chart, pods_chart])
@pytest.mark.parametrize("known", ["an hour", "one decision", "nothing"])
def test_every_mark_finds_its_dataset_and_its_columns(draw: Any, known: str) -> None:
    entries = {"an hour": an_hour(), "one decision": an_hour()[:1], "nothing": (blind(an_hour()[0]),)}
    chart = draw(list(entries[known]))
    for layer in chart["layer"]:
        columns = set(chart["datasets"][layer["data"]["name"]].columns) | {"line"}
        asked = set(re.findall(r'"field": "(\w+)"', json.dumps(layer["encoding"])))
        assert asked <= columns


def test_the_tooltip_tells_of_each_moment_what_was_predicted_of_its_bin() -> None:
    chart = load_chart(list(an_hour()))
    told, before = chart["datasets"]["load"], chart["datasets"]["before"]
    first, last = before["at"].iloc[[0, -1]]
    half = pd.Timedelta(seconds=30)
    assert told["median"].notna().equals(told["at"].between(first - half, last + half))
    assert set(told["median"].dropna()) <= set(before["median"])


def test_the_red_stretches_are_those_in_which_pods_were_missing() -> None:
    short = pods_chart(list(an_hour()))["datasets"]["short"]
    pods = frames.pods(POLICY, an_hour())
    assert len(short) > 0
    assert short["start"].isin(pods["at"][pods["needed"] > pods["ready"]]).all()


def test_a_single_moment_lasts_until_the_next_one() -> None:
    told = load_chart(list(an_hour()[:1]))["datasets"]["load"]
    assert list(told["load"]) == [60.0, 60.0]
    assert told["at"].diff().iloc[1] == pd.Timedelta(seconds=15)


@pytest.mark.parametrize("draw", [load_chart, pods_chart])
def test_the_time_axis_reaches_beyond_what_was_measured(draw: Any) -> None:
    for entries in (an_hour(), an_hour()[:1]):
        first, end = draw(list(entries))["datasets"]["reach"]["at"]
        assert first == entries[0].now
        assert end >= entries[-1].now + FIVE


def test_a_shortage_hides_nothing_and_is_marked_below() -> None:
    tint, bar = pods_chart(list(an_hour()))["layer"][:2]
    assert tint["mark"]["opacity"] < 0.2
    assert (bar["data"], bar["mark"].get("opacity", 1)) == (tint["data"], 1)


def test_every_line_is_named_in_its_colour_outside_of_the_picture() -> None:
    for chart, key in (
        (load_chart(list(an_hour())), charts.load_key(charts.ink("light"))),
        (pods_chart(list(an_hour())), charts.pods_key(charts.ink("light"))),
    ):
        colours = next(one["color"] for one in encodings(chart) if "color" in one)
        assert colours["legend"] is None
        for line, shade in zip(colours["scale"]["domain"], colours["scale"]["range"], strict=True):
            assert re.search(rf'{shade}"></span> {line}</span>', key)


def test_time_is_drawn_in_utc() -> None:
    for layer in load_chart(list(an_hour()))["layer"]:
        assert layer["encoding"]["x"]["scale"] == {"type": "utc"}


def test_the_measured_load_is_drawn_in_the_ink_of_the_ground() -> None:
    assert len({charts.ink("light"), charts.ink("dark"), charts.ink(None)}) == 3


@pytest.mark.parametrize("ground", GROUNDS)
def test_every_line_stands_out_from_its_ground(ground: str) -> None:
    chart = charts.pods_chart(frames.pods(POLICY, an_hour()), pd.DataFrame({"at": []}), charts.ink(ground))
    (colour,) = {json.dumps(e["color"]["scale"]["range"]) for e in encodings(chart) if "color" in e}
    for shade in json.loads(colour):
        assert contrast(shade, GROUNDS[ground]) >= 3.0, shade


def encodings(chart: charts.Chart) -> list[dict[str, Any]]:
    return [layer["encoding"] for layer in chart["layer"]]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours; WCAG 2.2 asks for 3 between parts of a picture."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
