"""The controller's metrics: what they say of an entry, what is absent, and that METRICS names them all."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from controller.metrics import METRICS, VERBS, ControllerMetrics, Reported, reported, serve_metrics, verb
from tests.dashboard.runs import an_hour, blind
from tests.helpers.processes import free_port

Samples = dict[tuple[str, tuple[str, ...]], float]


def exposition(metrics: ControllerMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def samples(metrics: ControllerMetrics) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(exposition(metrics))
        for sample in family.samples
    }


@pytest.fixture
def metrics() -> ControllerMetrics:
    return ControllerMetrics(CollectorRegistry())


def test_the_newest_entry_is_what_the_gauges_say(metrics: ControllerMetrics) -> None:
    for entry in an_hour():
        metrics.record(entry)
    newest, found = an_hour()[-1], samples(metrics)
    assert found["foresail_floor_replicas", ()] == newest.decision.floor
    assert found["foresail_wanted_replicas", ()] == newest.decision.wanted
    assert found["foresail_ready_replicas", ()] == newest.observed.ready
    assert found["foresail_hpa_alone_replicas", ()] == newest.observed.hpa_wish
    assert found["foresail_decision_timestamp_seconds", ()] == newest.now.timestamp()
    for reading in newest.observed.readings:
        assert found["foresail_signal_load", (reading.signal,)] == reading.value
    for forecast in newest.forecasts:
        assert found["foresail_forecast_peak", ("0.95", forecast.signal)] == forecast.peak_at(0.95)


def test_what_is_not_known_is_absent(metrics: ControllerMetrics) -> None:
    metrics.record(an_hour()[-1])
    metrics.record(blind(an_hour()[-1]))
    names = {name for name, _ in samples(metrics)}
    unknown = {
        "foresail_wanted_replicas",
        "foresail_hpa_alone_replicas",
        "foresail_signal_load",
        "foresail_forecast_peak",
    }
    assert not names & unknown
    assert "foresail_floor_replicas" in names


def test_decisions_are_counted_by_what_they_did_to_the_floor(metrics: ControllerMetrics) -> None:
    for entry in an_hour():
        metrics.record(entry)
    verbs = [verb(entry.decision) for entry in an_hour()]
    found = samples(metrics)
    assert {name: found["foresail_decisions_total", (name,)] for name in VERBS} == {
        name: verbs.count(name) for name in VERBS
    }
    assert set(verbs) == set(VERBS)


def test_the_verb_is_the_one_of_the_sentence() -> None:
    for entry in an_hour():
        assert entry.decision.summary().startswith(verb(entry.decision))


def test_before_the_first_decision_only_the_counts_are_there(metrics: ControllerMetrics) -> None:
    assert samples(metrics) == {("foresail_decisions_total", (name,)): 0.0 for name in VERBS}
    assert reported(exposition(metrics)) is None


def test_what_is_exported_is_what_the_table_names(metrics: ControllerMetrics) -> None:
    metrics.record(an_hour()[-1])
    families = {family.name: family for family in text_string_to_metric_families(exposition(metrics))}
    assert {name.removesuffix("_total") for name in METRICS} == set(families)
    for name, (kind, labels, text) in METRICS.items():
        family = families[name.removesuffix("_total")]
        assert (family.type, family.documentation) == (kind, text)
        assert all(set(sample.labels) == set(labels) for sample in family.samples)


def test_the_newest_decision_is_read_back(metrics: ControllerMetrics) -> None:
    metrics.record(an_hour()[-1])
    newest = an_hour()[-1]
    assert reported(exposition(metrics)) == Reported(newest.now, newest.decision.floor)


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid metric name"):
        reported("<html>it works</html>")


def test_it_is_served_on_this_machine_until_it_is_stopped(metrics: ControllerMetrics) -> None:
    metrics.record(an_hour()[-1])
    port = free_port()
    stop = serve_metrics(metrics, port)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert "foresail_floor_replicas" in answer.read().decode()
    stop()
    socket.create_server(("127.0.0.1", port)).close()


def test_a_port_in_use_is_an_error(metrics: ControllerMetrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve_metrics(metrics, taken.getsockname()[1])
