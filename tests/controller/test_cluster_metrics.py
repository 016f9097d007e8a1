"""The metrics of many policies: each by its name, nothing of those that are gone, absent where it is unknown."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry, generate_latest

from controller.cluster_metrics import CLUSTER_METRICS, ClusterMetrics
from tests.controller.test_deciding import RISE, a_subject, decided


def exposed(metrics: ClusterMetrics) -> set[str]:
    return {line for line in generate_latest(metrics.registry).decode().splitlines() if not line.startswith("#")}


def test_each_policy_has_its_own_and_leaves_none() -> None:
    metrics = ClusterMetrics(CollectorRegistry())
    outcome = decided(a_subject(), RISE)
    metrics.record(("chat", "gateway"), outcome)
    metrics.record(("chat", "other"), replace(outcome, limited=44))
    said = exposed(metrics)
    assert 'foresail_floor_replicas{namespace="chat",policy="other"} 9.0' in said
    assert 'foresail_decisions_total{namespace="chat",policy="gateway",verb="raise"} 1.0' in said
    assert 'foresail_limited_replicas{namespace="chat",policy="other"} 44.0' in said
    assert not any(line.startswith('foresail_limited_replicas{namespace="chat",policy="gateway"') for line in said)
    metrics.forget({("chat", "gateway")})
    assert not any('policy="other"' in line for line in exposed(metrics))


def test_all_that_is_exported_is_documented() -> None:
    metrics = ClusterMetrics(CollectorRegistry())
    metrics.record(("chat", "gateway"), replace(decided(a_subject(), RISE), limited=44))
    families = {family.name: family for family in metrics.registry.collect()}
    said = {
        name.removesuffix("_total") if kind == "counter" else name for name, (kind, _, _) in CLUSTER_METRICS.items()
    }
    assert set(families) == said
    for name, (kind, labels, text) in CLUSTER_METRICS.items():
        family = families[name.removesuffix("_total") if kind == "counter" else name]
        assert (family.type, family.documentation) == (kind, text)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(labels)
