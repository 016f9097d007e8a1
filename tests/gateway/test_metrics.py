"""What is exported is what is documented, under the names that are promised; labels stay few whatever clients send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.admission import Outcome
from gateway.errors import ErrorCode
from gateway.metrics import CLIENT_TYPES, METRICS, Gauges, Metrics, client_type


def some_metrics() -> Metrics:
    return Metrics("/ws", Gauges(active=lambda: 3, inactive=lambda: 2, queued_bytes=lambda: 70, rooms=lambda: 4))


def samples(of: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(of.exposition().decode())
        for sample in family.samples
    }


def value(of: Metrics, name: str, **labels: str) -> float:
    return samples(of)[name, frozenset(labels.items())]


def test_connections_are_counted_when_asked() -> None:
    reported = some_metrics()
    assert value(reported, "websocket_connections_total", status="active", endpoint="/ws") == 3
    assert value(reported, "websocket_connections_total", status="inactive", endpoint="/ws") == 2
    assert value(reported, "websocket_send_queue_bytes") == 70
    assert value(reported, "websocket_rooms") == 4
    assert "# TYPE websocket_connections_total gauge" in reported.exposition().decode()


@pytest.mark.parametrize("outcome", list(Outcome))
def test_handshakes_are_timed_by_outcome(outcome: Outcome) -> None:
    reported = some_metrics()
    reported.handshake(outcome, 0.002)
    assert value(reported, "websocket_handshake_duration_seconds_count", outcome=outcome) == 1
    assert value(reported, "websocket_handshake_duration_seconds_sum", outcome=outcome) == 0.002


def test_messages_are_counted_by_direction_and_client_type() -> None:
    reported = some_metrics()
    reported.received("mobile")
    reported.sent("browser", 5)
    assert value(reported, "websocket_message_rate_total", direction="in", client_type="mobile") == 1
    assert value(reported, "websocket_message_rate_total", direction="out", client_type="browser") == 5
    assert value(reported, "websocket_message_rate_total", direction="in", client_type="bot") == 0


def test_errors_are_counted_by_code() -> None:
    reported = some_metrics()
    reported.refused_message(ErrorCode.BAD_JSON)
    assert value(reported, "websocket_message_errors_total", code="bad_json") == 1


@pytest.mark.parametrize(("code", "label"), [(1012, "1012"), (4008, "4008"), (4999, "other"), (0, "other")])
def test_closes_are_counted_by_code(code: int, label: str) -> None:
    reported = some_metrics()
    reported.closed(code)
    assert value(reported, "websocket_closes_total", code=label) == 1


@given(st.none() | st.text())
def test_what_a_client_claims_to_be_is_bounded(claimed: str | None) -> None:
    assert client_type(claimed) in CLIENT_TYPES


def test_known_client_types_are_kept() -> None:
    assert [client_type(kind) for kind in CLIENT_TYPES] == list(CLIENT_TYPES)


def test_what_is_exported_is_what_the_table_names() -> None:
    told = some_metrics()
    told.closed(1000)
    told.refused_message(ErrorCode.BAD_JSON)
    families = {f.name: f for f in text_string_to_metric_families(told.exposition().decode())}
    ours = {name: family for name, family in families.items() if name.startswith("websocket_")}
    counted = {name.removesuffix("_total") if kind == "counter" else name for name, (kind, _, _) in METRICS.items()}
    assert {name for name in ours if not name.endswith("_created")} == counted
    for name, (kind, labels, text) in METRICS.items():
        family = ours[name.removesuffix("_total") if kind == "counter" else name]
        assert (family.type, family.documentation) == (kind, text)
        assert all(set(sample.labels) - {"le"} == set(labels) for sample in family.samples)


def test_two_gateways_in_one_process_do_not_share_their_counts() -> None:
    one, other = some_metrics(), some_metrics()
    one.received("bot")
    assert value(other, "websocket_message_rate_total", direction="in", client_type="bot") == 0
