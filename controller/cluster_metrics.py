"""The metrics of a controller in a cluster: of every policy, by its namespace and name, and the loop's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.adapters.ledger import Entry
from controller.deciding import Outcome
from controller.metrics import DECISIONS, DECISIONS_HELP, GAUGES, METRICS, VERBS, verb
from controller.subjects import Key

OF_POLICY = ("namespace", "policy")
TICK_SECONDS, FAILED_TICKS = "foresail_tick_duration_seconds", "foresail_ticks_failed"
LEADER, RESETS, LIMITED = "foresail_leader", "foresail_ownership_resets", "foresail_limited_replicas"
_OWN = {
    TICK_SECONDS: ("histogram", (), "Time that a tick took, all policies together."),
    f"{FAILED_TICKS}_total": ("counter", (), "Ticks that ended with an error."),
    LEADER: ("gauge", (), "1 while this controller may write, else 0."),
    f"{RESETS}_total": ("counter", (), "Floors that an owner's apply reset and that were put back at once."),
    LIMITED: (
        "gauge",
        OF_POLICY,
        "Replicas that the forecast peaks at, where that is beyond the HPA's maximum; absent where it is not.",
    ),
}
CLUSTER_METRICS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    **{name: (kind, (*OF_POLICY, *labels), text) for name, (kind, labels, text) in METRICS.items()},
    **_OWN,
}
"""Name -> type, labels, help: all that a controller in a cluster exports."""


class ClusterMetrics(Collector):
    """The newest outcome of every policy; a scrape sees whole outcomes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._outcomes: dict[Key, Outcome] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        buckets = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
        self.tick_seconds = Histogram(TICK_SECONDS, _OWN[TICK_SECONDS][2], registry=registry, buckets=buckets)
        self.failed_ticks = CounterMetric(FAILED_TICKS, _OWN[f"{FAILED_TICKS}_total"][2], registry=registry)
        self.leading = Gauge(LEADER, _OWN[LEADER][2], registry=registry)
        self.resets = CounterMetric(RESETS, _OWN[f"{RESETS}_total"][2], registry=registry)
        registry.register(self)

    def record(self, key: Key, outcome: Outcome) -> None:
        """From now on this is the policy's newest outcome."""
        self._outcomes[key] = outcome
        self._counts[(*key, verb(outcome.decision))] += 1

    def forget(self, keys: set[Key]) -> None:
        """All but these."""
        for gone in self._outcomes.keys() - keys:
            del self._outcomes[gone]
            for name in VERBS:
                self._counts.pop((*gone, name), None)

    def collect(self) -> Iterator[Metric]:
        outcomes = dict(self._outcomes)
        for gauge in GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=[*OF_POLICY, *gauge.labels])
            for key, outcome in outcomes.items():
                for labels, value in gauge.samples(_entry(outcome)):
                    family.add_metric([*key, *labels], value)
            yield family
        decisions = CounterMetricFamily(DECISIONS, DECISIONS_HELP, labels=[*OF_POLICY, "verb"])
        for key in outcomes:
            for name in VERBS:
                decisions.add_metric([*key, name], self._counts[(*key, name)])
        yield decisions
        limited = GaugeMetricFamily(LIMITED, _OWN[LIMITED][2], labels=OF_POLICY)
        for key, outcome in outcomes.items():
            if outcome.limited is not None:
                limited.add_metric(key, outcome.limited)
        yield limited


def _entry(outcome: Outcome) -> Entry:
    return Entry(
        now=outcome.decision.at, observed=outcome.observed, forecasts=outcome.forecasts, memory=outcome.before,
        decision=outcome.decision,
    )  # fmt: skip
