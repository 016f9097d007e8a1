"""Range queries as values: chunks cover a span exactly, the latest moments wait, and answers are read or refused."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.errors import BadHistory
from forecaster.range_query import (
    MOST_POINTS,
    SETTLE,
    Labels,
    Span,
    is_raw_counter,
    read_matrix,
    settled,
    written,
)
from forecaster.series import DAY, EPOCH
from tests.helpers.histories import MINUTE, MONDAY, a_load, a_series

SECOND = timedelta(seconds=1)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
SPAN = Span(MONDAY, MINUTE, 4)
STEPS = st.sampled_from([SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 60 * MINUTE])
SPANS = st.builds(
    lambda step, start, bins: Span(EPOCH + start * step, step, bins),
    STEPS,
    st.integers(0, 10**6),
    st.integers(1, 60_000),
)
AT = SPAN.first.timestamp()


@given(SPANS)
def test_chunks_cover_a_span_exactly_and_stay_under_the_servers_limit(span: Span) -> None:
    chunks = span.chunks()
    assert chunks[0].start == span.start
    assert chunks[-1].last == span.last
    assert all(after.start == before.last for before, after in pairwise(chunks))
    assert all(chunk.first == chunk.start + span.step for chunk in chunks)
    assert max(chunk.bins for chunk in chunks) <= min(MOST_POINTS, DAY // span.step)
    assert sum(chunk.bins for chunk in chunks) == span.bins


@given(SPANS)
def test_inner_borders_are_the_same_for_every_span_and_no_chunk_is_cut_short_between_them(span: Span) -> None:
    length = min(MOST_POINTS, DAY // span.step) * span.step
    borders = [chunk.start for chunk in span.chunks()[1:]]
    assert all((border - EPOCH) % length == timedelta(0) for border in borders)
    assert all(after - before == length for before, after in pairwise(borders))


@given(
    STEPS,
    st.timedeltas(timedelta(0), timedelta(days=3650)).map(lambda age: (MONDAY + age).astimezone(ELSEWHERE)),
    st.timedeltas(timedelta(hours=1), timedelta(days=40)),
)
def test_what_may_still_change_is_left_out_and_nothing_else(step: timedelta, now: datetime, length: timedelta) -> None:
    span = settled(now, length, step)
    assert span.last <= now - SETTLE < span.last + step
    assert length - step < span.bins * step <= length
    assert span.last.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda: Span(MONDAY, timedelta(seconds=0.5), 4), "a step of 0:00:00.5"),
        (lambda: Span(MONDAY, 7 * MINUTE, 4), "a step of 0:07:00; expected whole seconds that divide a day"),
        (lambda: Span(MONDAY + SECOND, MINUTE, 4), "a multiple of 0:01:00"),
        (lambda: Span(MONDAY.replace(tzinfo=None), MINUTE, 4), "expected a time with its zone"),
        (lambda: Span(MONDAY, MINUTE, 0), "0 bins of 0:01:00; expected at least one"),
        (lambda: settled(MONDAY, 30 * SECOND, MINUTE), "0 bins of 0:01:00; expected at least one"),
        (lambda: settled(MONDAY, DAY, timedelta(0)), "a step of 0:00:00; expected whole seconds"),
    ],
)
def test_a_span_that_is_none_is_refused(call: object, found: str) -> None:
    assert callable(call)
    with pytest.raises(BadHistory, match=found):
        call()


def one(points: object, labels: Labels | None = None, key: str = "values") -> list[object]:
    return [{"metric": labels or {}, key: points}]


def test_points_are_placed_by_their_time_and_what_is_absent_or_nan_is_a_gap() -> None:
    labels, values = read_matrix("load", one([[AT, "1.5"], [AT + 120, "NaN"], [AT + 180.0004, "+Inf"]]), SPAN)
    assert labels == [{}]
    np.testing.assert_array_equal(values, [1.5, np.nan, np.nan, np.inf])


def test_an_answer_without_series_is_all_gap() -> None:
    labels, values = read_matrix("load", [], SPAN)
    assert labels == []
    assert np.isnan(values).all()
    assert len(values) == 4


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e15)), min_size=4, max_size=4))
def test_what_was_measured_is_what_is_read(wanted: list[float | None]) -> None:
    points = [[AT + 60 * k, repr(v)] for k, v in enumerate(wanted) if v is not None]
    _, values = read_matrix("load", one(points), SPAN)
    np.testing.assert_array_equal(values, [np.nan if v is None else v for v in wanted])


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ([AT, "5"], "the answer is no list of series"),
        ({"metric": {}}, "the answer is no list of series"),
        ([{"values": []}], "the answer is no list of series"),
        (one([], key="value"), "a series without its values"),
        (one([], key="histograms"), "native histograms; expected numbers: take for example histogram_count"),
        (one([[AT, "many"]]), "a point is not a time and a number .*many"),
        (one([[AT]]), "a point is not a time and a number"),
        (one([[AT + 1, "1"]]), "a point at .*; asked for every 60 s from .*nocache=1"),
        (one([[AT - 60, "1"]]), "a point at .*; asked for every 60 s"),
        (one([[AT + 240, "1"]]), "a point at .*; asked for every 60 s"),
        (one([[float("nan"), "1"]]), "a point at nan; asked for every 60 s"),
        (one([[AT + 60 * k, "1"] for k in range(12_000)]), "a point at .*; asked for every 60 s"),
        (one([[AT, "1"], [AT, "1"]]), "the point at .* repeats or precedes the one before it"),
        (one([[AT + 60, "1"], [AT, "1"]]), "the point at .* repeats or precedes the one before it"),
        (
            [{"metric": {"__name__": "load", "pod": pod}, "values": []} for pod in "abcd"],
            r'4 series, load\{pod="a"\}, load\{pod="b"\}, load\{pod="c"\}, …; expected one: aggregate them',
        ),
    ],
)
def test_an_answer_that_is_not_one_series_on_the_grid_is_refused(answer: object, found: str) -> None:
    with pytest.raises(BadHistory, match=f"^load: {found}") as raised:
        read_matrix("load", answer, SPAN)
    assert len(str(raised.value)) < 400


def test_long_label_sets_are_cut() -> None:
    assert written({"__name__": "up", "job": "x", "pod": "a"}) == 'up{job="x",pod="a"}'
    assert len(written({"pod": "a" * 500})) == 121


def counter(resets: list[int], bins: int = 1440, step: int = 60) -> np.ndarray:
    values = np.cumsum(np.random.default_rng(1).integers(0, step, size=bins)).astype(float)
    for reset in resets:
        values[reset:] -= values[reset]
    return values


@pytest.mark.parametrize(
    ("values", "raw"),
    [
        (counter([]), True),
        (counter([400, 1000]), True),
        (counter([150], bins=300), True),
        (counter([400, 1000]) + counter([], bins=1440), True),
        (np.where(np.arange(1440) % 7 == 0, np.nan, counter([700])), True),
        (counter([], bins=300), False),
        (np.repeat(np.arange(50.0), 40), False),
        (np.abs(np.diff(counter([400]), prepend=0)), False),
        (a_load(gaps=0).values, False),
        (np.full(1440, 7.0), False),
        (np.tile(np.r_[np.arange(60.0), np.arange(60.0)[::-1]], 12), False),
        (np.tile(np.arange(60.0), 24), False),
    ],
    ids=[
        "a day without a reset", "two resets", "five hours with a reset", "of two pods one restarts", "with gaps",
        "five hours of rising", "few rises", "its increments", "a daily load", "a constant", "waves without noise",
        "an audience that leaves at once, every hour",
    ],
)  # fmt: skip
def test_a_raw_counter_is_told_from_a_level(values: np.ndarray, raw: bool) -> None:
    assert is_raw_counter(a_series(values)) is raw
