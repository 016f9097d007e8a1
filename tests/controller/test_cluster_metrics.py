"""The metrics of many policies: each by its name, nothing of those that are gone, absent where it is unknown."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from controller.cluster_metrics import CLUSTER_METRICS, ClusterMetrics
from controller.deciding import Outcome
from controller.subjects import Key, Refusal
from tests.controller.test_policy_gauges import everything
from tests.helpers.processes import PATIENCE_S

GATEWAY, OTHER = ("chat", "gateway"), ("chat", "other")
REFUSAL = Refusal("HpaNotFound", "no HPA gateway in chat")


def told(*keys: Key) -> ClusterMetrics:
    """After one tick, in which each of these had a decision with all that there is to say."""
    metrics = ClusterMetrics(CollectorRegistry())
    metrics.follow(lambda: True, {"pods": lambda: 3.5})
    found: dict[Key, Outcome | Refusal] = {}
    for key in keys:
        one = everything(key)
        metrics.decided(one)
        metrics.reset(key)
        found[key] = one.outcome
    for step in ("read", "plan", "write", "forecast"):
        metrics.timed(step, 0.2)
    metrics.ticked(found | {("chat", "bad"): REFUSAL})
    return metrics


def exposed(metrics: ClusterMetrics) -> set[str]:
    return {line for line in generate_latest(metrics.registry).decode().splitlines() if not line.startswith("#")}


def series_of(metrics: ClusterMetrics, key: Key) -> int:
    return sum(f'namespace="{key[0]}",policy="{key[1]}"' in line for line in exposed(metrics))


def test_each_policy_has_its_own() -> None:
    said = exposed(told(GATEWAY, OTHER))
    assert 'foresail_floor_replicas{namespace="chat",policy="other"} 9.0' in said
    assert 'foresail_decisions_total{namespace="chat",policy="gateway",verb="raise"} 1.0' in said
    assert 'foresail_ownership_resets_total{namespace="chat",policy="gateway"} 1.0' in said
    assert 'foresail_hpa_writes_failed_total{namespace="chat",policy="gateway"} 1.0' in said
    assert 'foresail_policy_refused{namespace="chat",policy="bad",reason="HpaNotFound"} 1.0' in said
    assert 'foresail_watch_age_seconds{resource="pods"} 3.5' in said
    assert "foresail_leader 1.0" in said
    assert 'foresail_tick_step_duration_seconds_count{step="forecast"} 1.0' in said


@pytest.mark.parametrize("left", [{}, {OTHER: REFUSAL}])
def test_what_is_gone_or_refused_leaves_no_series_of_decisions(left: dict[Key, Outcome | Refusal]) -> None:
    metrics = told(GATEWAY, OTHER)
    metrics.ticked({GATEWAY: everything(GATEWAY).outcome} | left)
    assert series_of(metrics, OTHER) == len(left)
    assert series_of(metrics, ("chat", "bad")) == 0
    assert series_of(metrics, GATEWAY) > 20


def test_a_policy_that_comes_again_counts_from_nothing() -> None:
    metrics = told(GATEWAY)
    metrics.ticked({})
    metrics.decided(replace(everything(GATEWAY), failed=""))
    assert 'foresail_hpa_writes_failed_total{namespace="chat",policy="gateway"} 0.0' in exposed(metrics)


def test_whoever_no_longer_leads_says_nothing_of_policies() -> None:
    metrics = told(GATEWAY)
    metrics.ticked({})
    assert not any("policy=" in line for line in exposed(metrics))


def test_how_many_series_a_policy_has_is_bounded() -> None:
    metrics = told(GATEWAY)
    first = series_of(metrics, GATEWAY)
    for _ in range(50):
        metrics.decided(everything(GATEWAY))
        metrics.timed("read", 1.0)
    assert series_of(metrics, GATEWAY) == first
    per_signal = sum(
        len({tuple(sample.labels.items()) for sample in family.samples})
        for family in metrics.registry.collect()
        if "signal" in CLUSTER_METRICS.get(family.name, ("", (), ""))[1]
    )
    assert (first, per_signal) == (39, 18)


def test_all_that_is_exported_is_documented() -> None:
    families = {family.name: family for family in told(GATEWAY).registry.collect()}
    said = {
        name.removesuffix("_total") if kind == "counter" else name for name, (kind, _, _) in CLUSTER_METRICS.items()
    }
    assert set(families) == said
    for name, (kind, labels, text) in CLUSTER_METRICS.items():
        family = families[name.removesuffix("_total") if kind == "counter" else name]
        assert (family.type, family.documentation) == (kind, text)
        assert family.samples, f"{name}: nobody looks at it here"
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(labels)


def test_promtool_has_nothing_to_object() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool on this machine: `apt-get install prometheus` brings it")
    text = generate_latest(told(GATEWAY, OTHER).registry)
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=PATIENCE_S)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
