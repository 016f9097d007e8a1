"""The metrics of a controller in a cluster: of every policy, by its namespace and name, and the loop's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.adapters.ledger import Entry
from controller.deciding import Outcome
from controller.metrics import DECISIONS, DECISIONS_HELP, GAUGES, VERBS, verb
from controller.subjects import Key

OF_POLICY = ("namespace", "policy")


class ClusterMetrics(Collector):
    """The newest outcome of every policy; a scrape sees whole outcomes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._outcomes: dict[Key, Outcome] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self.tick_seconds = Histogram(
            "foresail_tick_duration_seconds", "Time that a tick took, all policies together.", registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
        )  # fmt: skip
        self.failed_ticks = CounterMetric(
            "foresail_ticks_failed", "Ticks that ended with an error.", registry=registry
        )  # fmt: skip
        self.leading = Gauge("foresail_leader", "1 while this controller may write, else 0.", registry=registry)
        self.resets = CounterMetric(
            "foresail_ownership_resets", "Floors that an owner's apply reset and that were put back at once.",
            registry=registry,
        )  # fmt: skip
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
        limited = GaugeMetricFamily(
            "foresail_limited_replicas",
            "Replicas that the forecast peaks at, where that is beyond the HPA's maximum; absent where it is not.",
            labels=OF_POLICY,
        )
        for key, outcome in outcomes.items():
            if outcome.limited is not None:
                limited.add_metric(key, outcome.limited)
        yield limited


def _entry(outcome: Outcome) -> Entry:
    return Entry(
        now=outcome.decision.at, observed=outcome.observed, forecasts=outcome.forecasts, memory=outcome.before,
        decision=outcome.decision,
    )  # fmt: skip
