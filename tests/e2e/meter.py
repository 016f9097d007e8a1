"""What an HPA asks, answered from a real Prometheus, as an adapter would: by namespace, each with its own queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.cluster.metrics_server import Measured, Usage
from tests.e2e.prometheus_server import Point, PrometheusServer, Silent

CONTAINER = "app"
_NO_LAG = timedelta(0)


@dataclass(frozen=True)
class Meter:
    """One namespace's queries.

    external  metric -> query; each of its series is a value
    pods      metric -> query, whose series carry the label `pod`
    cores     as `pods`, of the CPU cores that a pod's only container uses
    lag       how old the values are, as with an adapter that scrapes and caches
    """

    prometheus: PrometheusServer
    external: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)
    cores: str | None = None
    lag: timedelta = _NO_LAG


@dataclass
class Meters:
    """`tests.cluster.metrics_server.Source`. A Prometheus that does not answer has no metric."""

    by_namespace: dict[str, Meter] = field(default_factory=dict)

    def external(self, namespace: str, metric: str, selector: str) -> Sequence[Measured] | None:
        meter = self.by_namespace.get(namespace)
        if meter is None or (asked := _ask(meter, meter.external.get(metric))) is None:
            return None
        points, at = asked
        return [Measured(_quantity(point.value), at) for point in points] or None

    def pods(self, namespace: str, metric: str, selector: str) -> Mapping[str, Measured] | None:
        meter = self.by_namespace.get(namespace)
        if meter is None or (asked := _ask(meter, meter.pods.get(metric))) is None:
            return None
        points, at = asked
        return {point.labels["pod"]: Measured(_quantity(point.value), at) for point in points}

    def resources(self, namespace: str, selector: str) -> Mapping[str, Usage] | None:
        meter = self.by_namespace.get(namespace)
        if meter is None or (asked := _ask(meter, meter.cores)) is None:
            return None
        points, at = asked
        return {point.labels["pod"]: Usage({CONTAINER: {"cpu": _quantity(point.value)}}, at) for point in points}

    def object(self, namespace: str, described: str, metric: str, selector: str) -> Measured | None:
        return None


def _ask(meter: Meter, query: str | None) -> tuple[list[Point], datetime] | None:
    if query is None:
        return None
    at = datetime.now(UTC) - meter.lag  # noqa: TID251  where a cluster runs, time passes
    try:
        return meter.prometheus.query(query, at), at
    except Silent:
        return None


def _quantity(value: float) -> str:
    return f"{round(value * 1000)}m"
