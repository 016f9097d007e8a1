"""Histories from a real Prometheus as they were written into it, and every answer of a bad one that is refused."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from forecaster.errors import BadHistory, BadSource, ForecasterError, QueryRefused, SourceUnavailable
from forecaster.prometheus import PrometheusReader, PrometheusSource, Query, load_range
from forecaster.range_query import MOST_POINTS, Span
from forecaster.series import FloatArray, Kind
from tests.helpers.histories import MINUTE, MONDAY
from tests.helpers.http_servers import Answer, Asked, Server, a_server, failed, matrix, succeeded, vector
from tests.helpers.processes import free_port
from tests.prometheus import BINS, MISSED, OUTAGE, RunningPrometheus

WHOLE = Span(MONDAY, MINUTE, BINS)
HOURS = Span(MONDAY, MINUTE, 180)
EXACT = Query('last_over_time(connections{pod="a"}[1m])', Kind.STOCK, "connections")
QUICK = PrometheusSource("http://127.0.0.1", timeout=timedelta(seconds=20), backoff=timedelta(milliseconds=1))
LOAD = Query("load", name="load")


def held(values: FloatArray, bins: int) -> FloatArray:
    """What an instant query shows: each value for so many bins more where nothing follows."""
    shown = values.copy()
    for _ in range(bins):
        shown[1:] = np.where(np.isnan(shown[1:]), shown[:-1], shown[1:])
    return shown


def test_the_history_is_what_was_written_with_its_gaps(prometheus: RunningPrometheus) -> None:
    told: list[tuple[int, int]] = []
    series = load_range(PrometheusSource(prometheus.url), EXACT, WHOLE, lambda done, of: told.append((done, of)))
    assert (series.start, series.step, series.kind, series.name) == (MONDAY, MINUTE, Kind.STOCK, "connections")
    np.testing.assert_array_equal(series.values, prometheus.connections)
    assert not series.known[OUTAGE].any()
    assert not series.known[MISSED].any()
    assert told == [(k, 28) for k in range(1, 29)]


def test_an_instant_query_holds_values_for_the_servers_lookback(prometheus: RunningPrometheus) -> None:
    query = replace(EXACT, promql='connections{pod="a"}')
    values = load_range(PrometheusSource(prometheus.url), query, WHOLE).values
    np.testing.assert_array_equal(values, held(prometheus.connections, 4))
    assert not np.isnan(values[MISSED]).any()
    assert np.isnan(values[OUTAGE]).sum() == 45 - 4


def test_a_span_from_within_a_day_is_the_same_history(prometheus: RunningPrometheus) -> None:
    part = Span(WHOLE.start + 777 * MINUTE, MINUTE, 3 * 1440)
    series = load_range(PrometheusSource(prometheus.url), EXACT, part)
    np.testing.assert_array_equal(series.values, prometheus.connections[777 : 777 + 3 * 1440])


def test_wider_bins_hold_what_the_query_says_of_them(prometheus: RunningPrometheus) -> None:
    query = replace(EXACT, promql='avg_over_time(connections{pod="a"}[5m])')
    series = load_range(PrometheusSource(prometheus.url), query, Span(MONDAY, 5 * MINUTE, BINS // 5))
    fives = prometheus.connections.reshape(-1, 5)
    measured = ~np.isnan(fives).all(axis=1)
    np.testing.assert_array_equal(series.known, measured)
    np.testing.assert_allclose(series.values[measured], np.nanmean(fives[measured], axis=1), rtol=1e-12)


def test_a_rate_is_that_of_the_bins_its_window_covers(prometheus: RunningPrometheus) -> None:
    query = Query("sum(rate(messages_total[2m]))", name="messages")
    values = load_range(PrometheusSource(prometheus.url), query, Span(MONDAY, MINUTE, 1440)).values
    sent = np.diff(prometheus.messages[:1440]) / 60
    assert len(values) == len(sent)  # a rate takes two samples, so the history starts with the second bin
    np.testing.assert_allclose(values[1:], sent[1:], rtol=1e-9)


def test_a_history_starts_with_its_first_measurement_and_keeps_the_gap_at_its_end(
    prometheus: RunningPrometheus,
) -> None:
    early = Span(MONDAY - 3000 * MINUTE, MINUTE, 3000 + OUTAGE.start + 10)
    series = load_range(PrometheusSource(prometheus.url), EXACT, early)
    assert series.start == MONDAY
    assert len(series) == OUTAGE.start + 10
    assert not series.known[-10:].any()


def test_the_reader_gives_every_bin_of_the_span_and_judges_no_history(prometheus: RunningPrometheus) -> None:
    span = Span(MONDAY - 2 * MINUTE, MINUTE, 5)
    with PrometheusReader(PrometheusSource(prometheus.url)) as reader:
        series = reader.read(EXACT, span)
        again = reader.read(EXACT, span)
    np.testing.assert_array_equal(series.values, [np.nan, np.nan, *prometheus.connections[:3]])
    np.testing.assert_array_equal(series.values, again.values)


@pytest.mark.parametrize(
    ("promql", "found"),
    [
        ("connections", r'2 series, connections\{pod="a"\}, connections\{pod="b"\}; expected one: aggregate them'),
        ("nonesuch", "nothing between 2026-01-05T00:00:00.* check names and labels of 'nonesuch'"),
        ("messages_total", "only ever rises, but for resets: 'messages_total' is a counter; ask for its rate"),
        ("burst", "measured for 34 min, since 2026-01-05T00:00:00.*; expected at least an hour"),
        ("scalar(sum(connections))", "is a scalar or a string; expected a series: leave scalar"),
        ("3.5", "is a scalar or a string; expected a series"),
        ("'text'", "is a scalar or a string; expected a series"),
        ("messages_total[5m]", r"is a range vector; expected an instant vector: wrap it, for example in rate\(\)"),
        ("sum(connections) / 0", r"inf at 2026-01-05T00:01:00.*; expected finite numbers: a division by zero\?"),
        ("-sum(connections)", "at 2026-01-05T00:01:00.*; expected a count, a level or a rate"),
        ("sum(connections) * 1e15", r"expected at most 1e\+15: is the unit right\?"),
    ],
)
def test_a_query_that_gives_no_history_is_refused(prometheus: RunningPrometheus, promql: str, found: str) -> None:
    with pytest.raises(BadHistory, match=f"^load from {prometheus.url}: .*{found}"):
        load_range(PrometheusSource(prometheus.url), Query(promql, name="load"), WHOLE)


@pytest.mark.parametrize(
    ("promql", "found"),
    [
        ("sum(connections", "HTTP 400: bad_data: .*parse error"),
        ("connections * on() connections", "HTTP 422: execution: .*many-to-many matching not allowed"),
    ],
)
def test_a_query_that_prometheus_refuses_is_refused_in_its_words(
    prometheus: RunningPrometheus, promql: str, found: str
) -> None:
    with pytest.raises(QueryRefused, match=found):
        load_range(PrometheusSource(prometheus.url), Query(promql, name="load"), WHOLE)


def test_the_longest_chunk_is_within_prometheus_own_limit(prometheus: RunningPrometheus) -> None:
    span = Span(MONDAY, timedelta(seconds=1), 2 * MOST_POINTS)
    assert max(chunk.bins for chunk in span.chunks()) == MOST_POINTS
    with PrometheusReader(PrometheusSource(prometheus.url)) as reader:
        assert reader.read(replace(EXACT, promql='connections{pod="a"}'), span).known[30:].all()


def test_more_than_can_be_held_is_refused_before_it_is_asked_for(prometheus: RunningPrometheus) -> None:
    with pytest.raises(BadHistory, match="expected at most 1098 days and 10,000,000 bins"):
        load_range(PrometheusSource(prometheus.url), EXACT, Span(MONDAY, MINUTE, 1440 * 1099))


def grid(asked: Asked, value: Callable[[float], str] = str) -> Answer:
    """An answer with a value at every moment that was asked for."""
    first, last, step = (int(asked.params[name]) for name in ("start", "end", "step"))
    return matrix(({}, [(at, value(at)) for at in range(first, last + 1, step)]))


def with_params(asked: Asked, **params: str) -> Asked:
    return replace(asked, params={**asked.params, **params})


@contextmanager
def serving(*first: Answer, ranges: Callable[[Asked], Answer] = grid) -> Iterator[tuple[Server, PrometheusSource]]:
    """A server whose first answers are given, and which is well after them."""
    waiting = list(first)

    def answer(asked: Asked) -> Answer:
        if waiting:
            return waiting.pop(0)
        return vector({}) if asked.path.endswith("/query") else ranges(asked)

    with a_server(answer) as server:
        yield server, replace(QUICK, url=server.url)


def flat(asked: Asked) -> Answer:
    return grid(asked, lambda at: "7")


@pytest.mark.parametrize(
    "passing",
    [
        failed(503, "timeout", "query timed out in expression evaluation"),
        failed(500, "internal", "disk"),
        Answer(b"too many requests", 429),
        Answer(b'{"status": "success", "data": {"resultType":'),
        Answer(vector({}).body, missing=5),
        Answer(b"<html>starting</html>"),
    ],
    ids=["503", "500", "429", "half of the JSON", "broken off", "no JSON"],
)
def test_what_passes_is_asked_again(passing: Answer) -> None:
    with serving(passing, passing, passing, passing, ranges=flat) as (server, source):
        series = load_range(source, LOAD, HOURS)
    assert series.values.tolist() == [7.0] * 180
    assert len(server.asked) == 6


def test_each_pause_is_twice_the_one_before_it_up_to_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("forecaster.prometheus.time.sleep", pauses.append)
    with serving(*[Answer(b"", 503)] * 9) as (_, source), pytest.raises(SourceUnavailable, match="asked 7 times"):
        load_range(replace(source, backoff=timedelta(seconds=2), retries=6), LOAD, HOURS)
    assert pauses == [2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (failed(503, "timeout", "query timed out"), "HTTP 503: timeout: query timed out; asked 3 times: try again"),
        (Answer(b"<html></html>"), "its answer is not whole JSON; asked 3 times"),
        (Answer(b"{}", missing=1), "asked 3 times"),
        (Answer(b"", hangs=True), r"no answer within 0\.2 s; asked 3 times"),
    ],
)
def test_what_does_not_pass_is_named_after_the_last_attempt(answer: Answer, found: str) -> None:
    with serving(*[answer] * 9) as (server, source):
        impatient = replace(source, retries=2, timeout=timedelta(seconds=0.2 if answer.hangs else 20))
        with pytest.raises(SourceUnavailable, match=f"^load from {server.url}: .*{found}"):
            load_range(impatient, LOAD, HOURS)
    assert len(server.asked) == 3


def test_a_server_that_is_not_there_is_named_with_what_the_system_says() -> None:
    nobody = replace(QUICK, url=f"http://127.0.0.1:{free_port()}", retries=1)
    with pytest.raises(SourceUnavailable, match=f"^load from {nobody.url}: .*refused; asked 2 times") as raised:
        load_range(nobody, LOAD, HOURS)
    assert len(str(raised.value)) < 200


def test_whoever_asks_once_is_told_so_and_what_states_the_address() -> None:
    nobody = replace(
        QUICK, url=f"http://127.0.0.1:{free_port()}", retries=0, set_by="FORESAIL_CONTROLLER_PROMETHEUS_URL"
    )
    said = "asked once: try again later, or check the address, which FORESAIL_CONTROLLER_PROMETHEUS_URL states$"
    with pytest.raises(SourceUnavailable, match=said):
        load_range(nobody, LOAD, HOURS)


@pytest.mark.parametrize("url", ["http://" + "a" * 80, "http://*", "http://..x"])
def test_an_address_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(BadSource, match="is it a Prometheus"):
        load_range(replace(QUICK, url=url), LOAD, HOURS)


def test_a_query_that_cannot_be_sent_is_refused() -> None:
    with serving() as (server, source), pytest.raises(BadSource, match="UnicodeEncodeError"):
        load_range(source, Query("x\udcff"), HOURS)
    assert not server.asked


@pytest.mark.parametrize(
    ("answer", "error", "found"),
    [
        (failed(422, "execution", "multiple matches"), QueryRefused, "HTTP 422: execution: multiple matches$"),
        (Answer(b"no", 401), QueryRefused, "HTTP 401: no; give a token that it accepts"),
        (Answer(b"no org id", 403), QueryRefused, "HTTP 403: no org id; give a token .*, or the tenant's header"),
        (Answer(b"not here", 404), QueryRefused, "HTTP 404: not here; is this the address of a Prometheus"),
        (Answer(b"", 204), BadSource, "is it a Prometheus"),
        (Answer(b"[]"), BadSource, "is it a Prometheus"),
        (Answer(b'{"status": "success"}'), BadSource, "is it a Prometheus"),
        (succeeded({"result": {}}), BadHistory, "is a scalar or a string"),
    ],
)
def test_what_will_not_pass_is_asked_once(answer: Answer, error: type[ForecasterError], found: str) -> None:
    with serving(*[answer] * 9) as (server, source), pytest.raises(error, match=found):
        load_range(source, LOAD, HOURS)
    assert len(server.asked) == 1


def test_a_certificate_is_trusted_where_its_ca_is_named(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *files], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with a_server(lambda asked: vector() if asked.path.endswith("/query") else flat(asked), tls) as server:
        source = replace(QUICK, url=server.url)
        with pytest.raises(BadSource, match=r"certificate verify failed.*; name the file of the CA that signed"):
            load_range(source, LOAD, HOURS)
        assert not server.asked
        assert len(load_range(replace(source, ca_file=certificate), LOAD, HOURS)) == 180


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        (lambda asked: grid(asked, lambda at: "+Inf"), "inf at 2026-01-05T00:01:00"),
        (lambda asked: grid(asked, lambda at: "-Inf"), "-inf at 2026-01-05T00:01:00"),
        (lambda asked: grid(asked, lambda at: "-1" if at % 7200 == 0 else "1"), "-1 at 2026-01-05T02:00:00"),
        (lambda asked: grid(asked, lambda at: "NaN"), "nothing between"),
        (lambda asked: grid(with_params(asked, step="30")), "asked for every 60 s"),
        (lambda asked: grid(with_params(asked, end=f"{HOURS.last.timestamp() + 6e5:.0f}")), "asked for every 60 s"),
        (lambda asked: matrix(({}, [(float(asked.params["start"]), "1")] * 2)), "repeats or precedes"),
        (lambda asked: matrix(({"pod": "a"}, []), ({"pod": "b"}, [])), '2 series, {pod="a"}, {pod="b"}'),
        (lambda asked: matrix(({"pod": asked.params["start"]}, [])), "2 series, {pod=.*expected one"),
        (lambda asked: succeeded({"result": [{"metric": {}, "histograms": []}]}), "native histograms"),
        (lambda asked: succeeded({"result": json.loads("[1, 2]")}), "the answer is no list of series"),
    ],
    ids=["+Inf", "-Inf", "negative", "all NaN", "finer", "far too long", "repeated", "two series", "a series a day",
         "histograms", "numbers"],
)  # fmt: skip
def test_an_answer_that_is_no_history_is_refused(ranges: Callable[[Asked], Answer], found: str) -> None:
    two_days = Span(MONDAY, MINUTE, 2000)
    with serving(ranges=ranges) as (_, source), pytest.raises(BadHistory, match=found):
        load_range(replace(source, retries=0), LOAD, two_days)


def test_a_query_of_histograms_is_refused_before_its_range_is_asked_for() -> None:
    histogram = succeeded({"resultType": "vector", "result": [{"metric": {}, "histogram": [0, {}]}]})
    with serving(histogram) as (server, source), pytest.raises(BadHistory, match="native histograms"):
        load_range(source, LOAD, HOURS)
    assert len(server.asked) == 1


def test_a_series_that_is_gone_by_now_still_has_its_history() -> None:
    with serving(vector(), ranges=flat) as (_, source):
        assert len(load_range(source, LOAD, HOURS)) == 180


def test_requests_say_the_query_the_ends_of_the_bins_and_what_the_server_wants_beside_it() -> None:
    promql = 'sum(rate(messages_total{room=~"a|b+c&d"}[5m]))'
    span = Span(MONDAY, 15 * timedelta(seconds=1), 2 * 5760)
    with serving(ranges=flat) as (server, source):
        wanting = replace(
            source, url=f"{source.url}/select/0/", params={"nocache": "1"}, headers={"X-Scope-OrgID": "us"}
        )
        load_range(wanting, Query(promql), span)
    shape, *ranges = server.asked
    assert shape.params == {"query": promql, "nocache": "1", "time": f"{span.last.timestamp():.0f}"}
    assert {asked.path for asked in ranges} == {"/select/0/api/v1/query_range"}
    assert all(asked.headers["X-Scope-OrgID"] == "us" for asked in server.asked)
    first = span.first.timestamp()
    assert [asked.params for asked in ranges] == [
        {"query": promql, "nocache": "1", "step": "15", "start": f"{at:.0f}", "end": f"{at + 86400 - 15:.0f}"}
        for at in (first, first + 86400)
    ]
