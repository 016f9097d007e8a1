"""A range query as values: which moments to ask for, in which chunks, and what an answer says.

A bin of a series starts at its timestamp and is known when it is over, so its value is the query's at the *end* of the
bin: `rate(x[1m])` evaluated there covers exactly a bin of one minute, and nothing in it is younger than the bin. A
moment without a point, or with NaN, is a gap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from forecaster.errors import BadHistory
from forecaster.series import DAY, EPOCH, FloatArray, Series

MOST_POINTS = 11_000
"""Prometheus refuses a range query for more points of a series."""
SETTLE = timedelta(seconds=30)
"""Age from which a moment no longer changes: a scrape has its timeout of 10 s by default, then samples are committed,
and stores that are written to remotely or that hide the latest samples take up to half a minute."""
_SECOND = timedelta(seconds=1)
_FEWEST_RISES = 100
_MOST_FALLS = 0.01
_SHOWN_SERIES = 3

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Span:
    """Bins to ask for.

    start  start of the first bin, aware; a whole number of steps since the epoch
    step   width of a bin: whole seconds that divide a day
    bins   how many, at least one
    """

    start: datetime
    step: timedelta
    bins: int

    def __post_init__(self) -> None:
        if self.step < _SECOND or self.step % _SECOND or DAY % self.step:
            raise BadHistory(f"a step of {self.step}; expected whole seconds that divide a day, for example 1 min")
        if self.start.utcoffset() is None or (self.start - EPOCH) % self.step:
            raise BadHistory(f"a start at {self.start}; expected a time with its zone, a multiple of {self.step}")
        if self.bins < 1:
            raise BadHistory(f"{self.bins} bins of {self.step}; expected at least one: ask for a longer time")

    @property
    def first(self) -> datetime:
        """The first moment to evaluate at: the end of the first bin."""
        return self.start + self.step

    @property
    def last(self) -> datetime:
        """The last moment to evaluate at: the end of the last bin, and of the span."""
        return self.start + self.bins * self.step

    def chunks(self) -> tuple[Span, ...]:
        """The span in parts of at most a day and at most `MOST_POINTS` bins, in order.

        Inner borders are multiples of a chunk's length since the epoch, the same for every span of a step: what caches
        by day in front of a server is met again by the next call.
        """
        size = min(DAY // self.step, MOST_POINTS)
        done = (self.start - EPOCH) // self.step
        stop = done + self.bins
        borders = [done, *range((done // size + 1) * size, stop, size), stop]
        return tuple(Span(EPOCH + a * self.step, self.step, b - a) for a, b in pairwise(borders))


def settled(now: datetime, length: timedelta, step: timedelta, settle: timedelta = SETTLE) -> Span:
    """The bins of the last `length` whose ends are at least `settle` old at `now`."""
    if step <= timedelta(0):
        raise BadHistory(f"a step of {step}; expected whole seconds that divide a day, for example 1 min")
    bins = length // step
    last = EPOCH + (now.astimezone(UTC) - settle - EPOCH) // step * step
    return Span(last - bins * step, step, bins)


def read_matrix(where: str, answer: object, chunk: Span) -> tuple[list[Labels], FloatArray]:
    """The label sets of an answer, none or one, and its values [bins] on the chunk's grid; NaN where it has none.

    `answer` is `data.result` of a range query, decoded. Raises BadHistory where it is not one series on this grid.
    """
    if not isinstance(answer, list) or not all(isinstance(one, dict) and "metric" in one for one in answer):
        raise BadHistory(f"{where}: the answer is no list of series; is the server one that Prometheus' clients know?")
    labels = [one["metric"] for one in answer]
    check_single(where, labels)
    values = np.full(chunk.bins, np.nan)
    for one in answer:
        check_plain(where, one)
        _place(where, one.get("values"), chunk, values)
    return labels, values


def check_single(where: str, labels: Sequence[Labels]) -> None:
    """Raises BadHistory, naming the first of them, where there are several series."""
    if len(labels) > 1:
        shown = ", ".join(map(written, labels[:_SHOWN_SERIES])) + (", …" if len(labels) > _SHOWN_SERIES else "")
        raise BadHistory(
            f"{where}: {len(labels):,} series, {shown}; expected one: aggregate them, for example sum(…), "
            "or pick one by its labels"
        )


def check_plain(where: str, one: Mapping[str, object]) -> None:
    """Raises BadHistory for native histograms, of which no single number can be taken."""
    if "histogram" in one or "histograms" in one:
        raise BadHistory(
            f"{where}: native histograms; expected numbers: take for example histogram_count(rate(…)) of them"
        )


def written(labels: Labels) -> str:
    """A series as PromQL writes it, cut where it is long."""
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    text = f"{labels.get('__name__', '')}{{{inner}}}"
    return text if len(text) <= 120 else f"{text[:120]}…"


def _place(where: str, points: object, chunk: Span, values: FloatArray) -> None:
    """Writes an answer's points [[time, value], …] into the bins that end at their times."""
    if not isinstance(points, list):
        raise BadHistory(f"{where}: a series without its values; is the server one that Prometheus' clients know?")
    try:
        table = np.array([(float(at), float(value)) for at, value in points], dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise BadHistory(f"{where}: a point is not a time and a number ({error}); is the server Prometheus?") from None
    times, found = table.T
    step_s = chunk.step.total_seconds()
    index = (times - chunk.first.timestamp()) / step_s
    off = ~(np.abs(index - np.round(index)) * step_s <= 1e-3) | (np.round(index) < 0) | (np.round(index) >= chunk.bins)
    if off.any():
        raise BadHistory(
            f"{where}: a point at {float(times[np.argmax(off)])!r}; asked for every {step_s:g} s from "
            f"{chunk.first.timestamp():.0f} to {chunk.last.timestamp():.0f}: the server moves what it is asked for; "
            "VictoriaMetrics stops that with the parameter nocache=1"
        )
    bins = np.round(index).astype(np.int64)
    if (np.diff(bins) <= 0).any():
        at = int(np.argmax(np.diff(bins) <= 0)) + 1
        raise BadHistory(
            f"{where}: the point at {times[at]:.0f} repeats or precedes the one before it; "
            "what stands between here and Prometheus must not merge answers"
        )
    values[bins] = found


def is_raw_counter(series: Series) -> bool:
    """Whether the values only ever rise, but for a few resets: a counter that was asked for without rate().

    Judged from `_FEWEST_RISES` rises on. A level may climb for hours, so without a reset it takes a day; and it falls
    about as often as it rises, where a counter's resets are restarts.
    """
    known = series.values[series.known]
    changes = np.diff(known)
    rises, falls = int((changes > 0).sum()), int((changes < 0).sum())
    if rises < _FEWEST_RISES or falls > _MOST_FALLS * rises:
        return False
    return len(series) * series.step >= DAY or (falls > 0 and _restarts(known))


def _restarts(known: FloatArray) -> bool:
    """Whether each fall ends near zero, as a restarted process does."""
    fallen = np.flatnonzero(np.diff(known) < 0)
    return bool((known[fallen + 1] <= 0.1 * known[fallen]).all())
