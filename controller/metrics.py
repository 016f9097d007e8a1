"""The controller's metrics: what the newest ledger entry says, as Prometheus reads it. The names are in METRICS only.

A sample that is not known now (no forecast, no answer from the HPA's metrics) is absent, never zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from controller.adapters.ledger import Entry
from controller.domain import Decision

HOST = "127.0.0.1"
VERBS = ("raise", "lower", "keep")
Samples = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True)
class Gauge:
    """A value of the newest entry: its name, its labels, what it says, and where it is in an entry."""

    name: str
    labels: tuple[str, ...]
    help: str
    samples: Callable[[Entry], Samples]


def _known(value: float | None) -> Samples:
    return () if value is None else (((), float(value)),)


def _peaks(entry: Entry) -> Samples:
    return (
        ((forecast.signal, f"{level:g}"), peak)
        for forecast in entry.forecasts
        for level, peak in zip(forecast.levels, forecast.peak, strict=True)
    )


FLOOR, DECIDED_AT, DECISIONS = "foresail_floor_replicas", "foresail_decision_timestamp_seconds", "foresail_decisions"
GAUGES = (
    Gauge(FLOOR, (), "Replicas that Foresail asks the HPA to hold at least.", lambda e: _known(e.decision.floor)),
    Gauge(
        "foresail_wanted_replicas",
        (),
        "Replicas that the forecast asked for, before any guard; absent without a usable forecast.",
        lambda e: _known(e.decision.wanted),
    ),
    Gauge("foresail_ready_replicas", (), "Pods that take traffic.", lambda e: _known(e.observed.ready)),
    Gauge(
        "foresail_hpa_alone_replicas",
        (),
        "Replicas that the HPA would hold without Foresail; absent where its metrics are missing.",
        lambda e: _known(e.observed.hpa_wish),
    ),
    Gauge(
        "foresail_signal_load",
        ("signal",),
        "Newest measured bin of a signal, in the signal's own unit.",
        lambda e: (((reading.signal,), reading.value) for reading in e.observed.readings),
    ),
    Gauge(
        "foresail_forecast_peak",
        ("signal", "level"),
        "Quantile of a signal's peak over the window that new pods must cover, in the signal's own unit.",
        _peaks,
    ),
    Gauge(DECIDED_AT, (), "Time of the newest decision, since the epoch.", lambda e: _known(e.now.timestamp())),
)
DECISIONS_HELP = "Decisions made, by what they did to the floor: raise, lower or keep."
METRICS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    **{gauge.name: ("gauge", gauge.labels, gauge.help) for gauge in GAUGES},
    f"{DECISIONS}_total": ("counter", ("verb",), DECISIONS_HELP),
}
"""Name -> type, labels, help: all that the controller exports."""


class ControllerMetrics(Collector):
    """Holds the newest entry and the number of decisions; a scrape sees the one or the other entry, never a mixture."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._state: tuple[Entry | None, Counter[str]] = None, Counter()
        registry.register(self)

    def record(self, entry: Entry) -> None:
        """From now on this is the newest decision."""
        self._state = entry, self._state[1] + Counter([verb(entry.decision)])

    def collect(self) -> Iterator[Metric]:
        entry, counts = self._state
        for gauge in GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.samples(entry) if entry else ():
                family.add_metric(labels, value)
            yield family
        decisions = CounterMetricFamily(DECISIONS, DECISIONS_HELP, labels=["verb"])
        for name in VERBS:
            decisions.add_metric([name], counts[name])
        yield decisions


def verb(decision: Decision) -> str:
    """What a decision does to the floor, as the label of foresail_decisions_total says it."""
    if decision.floor == decision.previous:
        return "keep"
    return "raise" if decision.floor > decision.previous else "lower"


def serve_metrics(metrics: ControllerMetrics, port: int) -> Callable[[], None]:
    """Serves /metrics on 127.0.0.1 from a thread of its own; returns what stops it.

    Raises OSError where the port cannot be listened on.
    """
    server, thread = start_http_server(port, addr=HOST, registry=metrics.registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


@dataclass(frozen=True)
class Reported:
    """The newest decision, as a controller's metrics tell it."""

    at: datetime
    floor: int


def reported(exposition: str) -> Reported | None:
    """What an exposition says of the newest decision; None before the first, and where it is not of a controller.

    Raises ValueError where the text is no exposition.
    """
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if not sample.labels
    }
    if FLOOR not in values or DECIDED_AT not in values:
        return None
    return Reported(datetime.fromtimestamp(values[DECIDED_AT], UTC), int(values[FLOOR]))
