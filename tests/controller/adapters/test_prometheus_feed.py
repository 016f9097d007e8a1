"""Histories kept up to date from a real Prometheus, and what each failure of a server leaves of them: all that was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.prometheus_feed import AGAIN, Fed, Feed, Problem, SignalKey, joined
from forecaster.prometheus import PrometheusSource
from forecaster.range_query import Span
from forecaster.series import Kind, Series
from tests.helpers.histories import MINUTE, MONDAY
from tests.helpers.http_servers import Answer, Asked, a_server
from tests.helpers.processes import free_port
from tests.prometheus import END, RunningPrometheus

PATIENCE = timedelta(seconds=2)
EXACT = 'last_over_time(connections{pod="a"}[1m])'
DAY = timedelta(days=1)


def source(url: str) -> PrometheusSource:
    return PrometheusSource(url, timeout=PATIENCE, retries=0)


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed(source, history=DAY)
    yield made
    made.close()


def one(feed: Feed, key: SignalKey, now: datetime) -> Fed:
    return feed.read([key], now)[key]


def test_it_goes_on_as_if_all_were_read_at_once(prometheus: RunningPrometheus, feed: Feed) -> None:
    key = SignalKey(prometheus.url, EXACT, Kind.STOCK)
    for minutes in (300, 299, 240, 0):
        fed = one(feed, key, END - minutes * MINUTE)
        assert fed.problem is None
    again = Feed(source, history=DAY)
    whole = one(again, key, END)
    again.close()
    assert fed.series is not None
    assert whole.series is not None
    np.testing.assert_array_equal(fed.series.values, whole.series.values)
    assert fed.series.start == whole.series.start
    reading = fed.reading("connections")
    assert reading is not None
    assert reading.at == END - MINUTE  # what is younger than half a minute is not settled
    assert reading.value == prometheus.connections[-2]


@pytest.mark.parametrize(
    ("query", "problem", "said"),
    [
        ("nothing_of_that_name", Problem.EMPTY, "gives nothing; check the names"),
        ("sum(connections", Problem.REFUSED, "parse error"),
        ("connections", Problem.BAD_SERIES, "several series"),
        ("connections - 1e9", Problem.BAD_SERIES, ""),
    ],
)
def test_what_is_no_signal_has_a_name(
    prometheus: RunningPrometheus, feed: Feed, query: str, problem: Problem, said: str
) -> None:
    fed = one(feed, SignalKey(prometheus.url, query, Kind.STOCK), END)
    assert (fed.series, fed.problem) == (None, problem)
    assert said in fed.text or "series" in fed.text


def test_one_bad_query_is_nobody_elses(prometheus: RunningPrometheus, feed: Feed) -> None:
    good, bad = SignalKey(prometheus.url, EXACT, Kind.STOCK), SignalKey(prometheus.url, "sum(", Kind.STOCK)
    found = feed.read([bad, good], END)
    assert (found[good].problem, found[bad].problem) == (None, Problem.REFUSED)


def test_what_is_no_longer_scraped_is_stale(prometheus: RunningPrometheus, feed: Feed) -> None:
    key = SignalKey(prometheus.url, EXACT, Kind.STOCK)
    before = one(feed, key, END)
    fed = one(feed, key, END + 10 * MINUTE)
    assert fed.problem is Problem.STALE
    assert "gave nothing for" in fed.text
    assert fed.reading("a") == before.reading("a") or fed.reading("a") is not None


def test_a_server_that_is_away_is_asked_once_and_nothing_is_lost(prometheus: RunningPrometheus) -> None:
    url = {"there": prometheus.url}
    made = Feed(lambda _: source(url["there"]), history=DAY)
    keys = [SignalKey("it", EXACT, Kind.STOCK), SignalKey("it", f"{EXACT} + 0", Kind.STOCK)]
    before = made.read(keys, END - 60 * MINUTE)
    made.close()
    url["there"] = f"http://127.0.0.1:{free_port()}"
    away = made.read(keys, END - 59 * MINUTE)
    for key in keys:
        assert away[key].problem is Problem.UNAVAILABLE
        assert away[key].series is before[key].series
    made.close()
    url["there"] = prometheus.url
    assert made.read(keys, END)[keys[0]].problem is None
    made.close()


def test_a_server_that_is_slow_is_waited_for_as_long_as_was_said() -> None:
    with a_server(lambda _: Answer(b"", hangs=True)) as server:
        made = Feed(lambda url: PrometheusSource(url, timeout=timedelta(seconds=0.3), retries=0))
        fed = one(made, SignalKey(server.url, "up", Kind.STOCK), END)
        made.close()
    assert (fed.series, fed.problem) == (None, Problem.UNAVAILABLE)


def test_a_slow_query_does_not_keep_the_others_from_being_asked() -> None:
    with a_server(lambda asked: Answer(b"", hangs="slow" in asked.params.get("query", ""))) as server:
        made = Feed(lambda url: PrometheusSource(url, timeout=timedelta(seconds=0.3), retries=0))
        keys = [SignalKey(server.url, query, Kind.STOCK) for query in ("a_slow", "b")]
        for _ in keys:
            made.read(keys, END)
        made.close()
        assert any(one.params.get("query") == "b" for one in server.asked)


def test_a_query_that_is_always_too_slow_degrades_nobody_else() -> None:
    """Its server would else be away in every other read, with an event and a status of every policy each time."""

    def answer(asked: Asked) -> Answer:
        body = json.dumps({"status": "success", "data": {"resultType": "", "result": one_series(asked)}}).encode()
        return Answer(body, hangs="slow" in asked.params.get("query", ""))

    with a_server(answer) as server:
        made = Feed(lambda url: PrometheusSource(url, timeout=timedelta(seconds=0.2), retries=0), history=DAY)
        keys = [SignalKey(server.url, query, Kind.STOCK) for query in ("a_slow", "b", "c", "d_slow")]
        reads = [made.read(keys, END + k * MINUTE) for k in range(6)]
        made.close()
        problems = [[found[key].problem for key in keys[1:3]] for found in reads[1:]]
        assert problems == [[None, None]] * 5
        assert all(reads[-1][key].problem is Problem.UNAVAILABLE for key in (keys[0], keys[3]))
        for slow in ("a_slow", "d_slow"):
            assert sum(one.params.get("query") == slow for one in server.asked) >= 2


def test_what_is_wrong_with_one_stays_so_until_it_is_asked_again(prometheus: RunningPrometheus) -> None:
    """A policy would else be well again in every read in which its turn does not come, and tell so."""
    made = Feed(source, history=DAY, beginning=timedelta(0), going_on=timedelta(0))
    keys = [SignalKey(prometheus.url, f"nothing_of_that_name + {n}", Kind.STOCK) for n in range(3)]
    seen = [[one.problem for one in made.read(keys, END + k * MINUTE).values()].count(Problem.EMPTY) for k in range(5)]
    made.close()
    assert seen == [1, 2, 3, 3, 3]


def one_series(asked: Asked) -> list[object]:
    """Of one bin, whatever is asked."""
    metric = {"name": asked.params.get("query", "")}
    if asked.path.endswith("query"):
        return [{"metric": metric, "value": [END.timestamp(), "5"]}]
    return [{"metric": metric, "values": [[float(asked.params["end"]), "5"]]}]


def test_while_no_bin_has_ended_one_query_says_whether_the_server_is_there() -> None:
    state = {"there": True}

    def answer(asked: Asked) -> Answer:
        body = json.dumps({"status": "success", "data": {"resultType": "", "result": one_series(asked)}}).encode()
        return Answer(body, 200 if state["there"] else 503)

    keys = ["a", "b", "c"]
    with a_server(answer) as server:
        made = Feed(source, history=DAY)
        signals = [SignalKey(server.url, name, Kind.STOCK) for name in keys]

        def asked_at(now: datetime) -> tuple[list[str], dict[SignalKey, Problem | None]]:
            server.asked.clear()
            found = made.read(signals, now)
            return sorted({one.params["query"] for one in server.asked}), {k: fed.problem for k, fed in found.items()}

        assert asked_at(END) == (keys, dict.fromkeys(signals))
        for later in (5, 10, 15):
            queries, problems = asked_at(END + timedelta(seconds=later))
            assert len(queries) == 1
            assert problems == dict.fromkeys(signals)
        assert asked_at(END + MINUTE) == (keys, dict.fromkeys(signals))
        state["there"] = False
        queries, problems = asked_at(END + MINUTE + timedelta(seconds=5))
        assert (len(queries), problems) == (1, dict.fromkeys(signals, Problem.UNAVAILABLE))
        state["there"] = True
        queries, problems = asked_at(END + MINUTE + timedelta(seconds=10))
        assert problems == dict.fromkeys(signals)
        made.close()


def test_histories_that_are_new_are_begun_a_few_at_a_time(prometheus: RunningPrometheus) -> None:
    made = Feed(source, history=DAY, beginning=timedelta(0))
    keys = [SignalKey(prometheus.url, f"{EXACT} + {n}", Kind.STOCK) for n in range(3)]
    seen = []
    for later in range(3):
        found = made.read(keys, END + timedelta(seconds=later))
        assert all(one.problem is None for one in found.values())
        seen.append(sum(one.series is not None for one in found.values()))
    made.close()
    assert seen == [1, 2, 3]


def test_what_is_new_of_many_is_read_in_turn(prometheus: RunningPrometheus) -> None:
    """No read takes longer, none is left out for ever, and whoever waits keeps what it has."""
    made = Feed(source, history=DAY, going_on=timedelta(0))
    keys = [SignalKey(prometheus.url, f"{EXACT} + {n}", Kind.STOCK) for n in range(3)]
    made.read(keys, END - 2 * MINUTE)
    seen = []
    for later in range(3):
        found = made.read(keys, END + timedelta(seconds=later))
        assert all(one.problem is None for one in found.values())
        newest = [reading.at for one in found.values() if (reading := one.reading("a"))]
        assert len(newest) == len(keys)
        seen.append(sum(at == END - MINUTE for at in newest))
    made.close()
    assert seen == [1, 2, 3]


def test_a_counter_is_no_flow(prometheus: RunningPrometheus, feed: Feed) -> None:
    fed = one(feed, SignalKey(prometheus.url, "sum(messages_total)", Kind.FLOW), END)
    assert (fed.series, fed.problem) == (None, Problem.BAD_SERIES)
    assert "is a counter; ask for its rate" in fed.text


@given(
    st.lists(st.none() | st.floats(0, 9), min_size=1, max_size=20),
    st.lists(st.none() | st.floats(0, 9), min_size=1, max_size=20),
    st.integers(0, 10),
)
def test_what_was_read_later_counts_and_what_only_the_older_knows_stays(
    old: list[float | None], new: list[float | None], later: int
) -> None:
    def series(values: list[float | None], first: int) -> Series:
        filled = np.array([np.nan if value is None else value for value in values])
        return Series(MONDAY + first * MINUTE, MINUTE, filled, Kind.STOCK)

    whole = Span(MONDAY, MINUTE, 40)
    values = joined(series(old, 0), series(new, later), whole).values
    for k in range(40):
        of_old = old[k] if k < len(old) else None
        of_new = new[k - later] if 0 <= k - later < len(new) else None
        wanted = of_old if of_new is None else of_new
        assert np.isnan(values[k]) if wanted is None else values[k] == wanted


def test_what_arrives_late_is_still_read() -> None:
    assert timedelta(minutes=5) < AGAIN
