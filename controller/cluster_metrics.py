"""The metrics of a controller in a cluster: of every policy, by its namespace and name, and the loop's own.

A policy that is gone, or whose decisions are another controller's now, leaves no series. How many a policy has depends
on its signals only: 39, and 18 for each signal beyond the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.deciding import Outcome
from controller.metrics import DECISIONS, DECISIONS_HELP, VERBS, verb
from controller.onlooker import Decided, Onlooker
from controller.policy_gauges import POLICY_GAUGES
from controller.subjects import Key, Refusal

OF_POLICY = ("namespace", "policy")
TICK_SECONDS, STEP_SECONDS = "foresail_tick_duration_seconds", "foresail_tick_step_duration_seconds"
FAILED_TICKS, LEADER, WATCH_AGE = "foresail_ticks_failed", "foresail_leader", "foresail_watch_age_seconds"
RESETS, FAILED_WRITES = "foresail_ownership_resets", "foresail_hpa_writes_failed"
REFUSED = "foresail_policy_refused"
_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
Described = tuple[str, tuple[str, ...], str]
_COUNTS: Mapping[str, Described] = {
    f"{DECISIONS}_total": ("counter", (*OF_POLICY, "verb"), DECISIONS_HELP),
    f"{RESETS}_total": (
        "counter",
        OF_POLICY,
        "Floors that an owner's apply reset and that were put back at once.",
    ),
    f"{FAILED_WRITES}_total": ("counter", OF_POLICY, "Decisions that could not be written to the HPA."),
}
_OWN: Mapping[str, Described] = {
    REFUSED: ("gauge", (*OF_POLICY, "reason"), "1 while a policy is not followed, by the reason in its status."),
    TICK_SECONDS: ("histogram", (), "Time that a tick took, all policies together."),
    STEP_SECONDS: (
        "histogram",
        ("step",),
        "Time that a step took, all policies together: read the histories, plan, write; forecast goes on beside the"
        " ticks.",
    ),
    f"{FAILED_TICKS}_total": ("counter", (), "Ticks that ended with an error."),
    LEADER: ("gauge", (), "1 while this controller may write, else 0."),
    WATCH_AGE: (
        "gauge",
        ("resource",),
        "Time since the API server was last heard of on a watch; it sends a bookmark a minute, if nothing else.",
    ),
}
CLUSTER_METRICS: Mapping[str, Described] = {
    **{gauge.name: ("gauge", (*OF_POLICY, *gauge.labels), gauge.help) for gauge in POLICY_GAUGES},
    **_COUNTS,
    **_OWN,
}
"""Name -> type, labels, help: all that a controller in a cluster exports."""


class ClusterMetrics(Collector, Onlooker):
    """The newest decision of every policy; a scrape sees whole decisions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._newest: dict[Key, Decided] = {}
        self._refused: dict[Key, Refusal] = {}
        self._counts: Counter[tuple[str, Key, tuple[str, ...]]] = Counter()
        self.tick_seconds = Histogram(TICK_SECONDS, _OWN[TICK_SECONDS][2], registry=registry, buckets=_BUCKETS)
        self._steps = Histogram(STEP_SECONDS, _OWN[STEP_SECONDS][2], ["step"], registry=registry, buckets=_BUCKETS)
        self.failed_ticks = CounterMetric(FAILED_TICKS, _OWN[f"{FAILED_TICKS}_total"][2], registry=registry)
        self._leading = Gauge(LEADER, _OWN[LEADER][2], registry=registry)
        self._ages = Gauge(WATCH_AGE, _OWN[WATCH_AGE][2], ["resource"], registry=registry)
        registry.register(self)

    def follow(self, leading: Callable[[], bool], ages: Mapping[str, Callable[[], float]]) -> None:
        """Asked at each scrape: whether this controller leads, and by resource how old a watch is."""
        self._leading.set_function(lambda: float(leading()))
        for resource, age in ages.items():
            self._ages.labels(resource).set_function(age)

    def decided(self, one: Decided) -> None:
        self._newest[one.key] = one
        self._counts[DECISIONS, one.key, (verb(one.outcome.decision),)] += 1
        self._counts[FAILED_WRITES, one.key, ()] += bool(one.failed)

    def timed(self, step: str, seconds: float) -> None:
        self._steps.labels(step).observe(seconds)

    def reset(self, key: Key) -> None:
        self._counts[RESETS, key, ()] += 1

    def ticked(self, found: Mapping[Key, Outcome | Refusal]) -> None:
        self._refused = {key: one for key, one in found.items() if isinstance(one, Refusal)}
        for key in self._newest.keys() - (found.keys() - self._refused.keys()):
            del self._newest[key]
        for counted in [one for one in self._counts if one[1] not in found]:
            del self._counts[counted]

    def collect(self) -> Iterator[Metric]:
        newest, counts, refused = dict(self._newest), self._counts.copy(), dict(self._refused)
        for gauge in POLICY_GAUGES:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=[*OF_POLICY, *gauge.labels])
            for key, one in newest.items():
                for labels, value in gauge.samples(one):
                    family.add_metric([*key, *labels], value)
            yield family
        for total, (_, labels, text) in _COUNTS.items():
            name = total.removesuffix("_total")
            kinds = [(kind,) for kind in VERBS] if name == DECISIONS else [()]
            counter = CounterMetricFamily(name, text, labels=labels)
            for key in newest:
                for kind in kinds:
                    counter.add_metric([*key, *kind], counts[name, key, kind])
            yield counter
        refusals = GaugeMetricFamily(REFUSED, _OWN[REFUSED][2], labels=_OWN[REFUSED][1])
        for key, refusal in refused.items():
            refusals.add_metric([*key, refusal.reason], 1)
        yield refusals
