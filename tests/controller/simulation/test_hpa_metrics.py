"""What metrics ask for, beyond the conformance tables: limits of the integers, what is odd upstream, a property."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.hpa_metrics import Computed, compute_replicas
from controller.simulation.hpa_pods import ConditionStatus, Pod, Readiness
from controller.simulation.hpa_spec import HpaSpec, Metrics, MetricSpec, Scale, Seen, Source, TargetType
from tests.helpers.hpa_cases import START

CONNECTIONS = MetricSpec("connections", Source.EXTERNAL, 10_000)
CPU = MetricSpec("cpu", Source.PODS, 10_000)
EXTERNAL = HpaSpec(1, 100, (CONNECTIONS,))
BOTH = HpaSpec(1, 100, (CONNECTIONS, CPU))


def external(*series: int) -> Metrics:
    return Metrics(external={"connections": series})


def test_an_absurd_total_saturates_at_a_32_bit_count() -> None:
    assert compute_replicas(EXTERNAL, Seen(Scale(5, 5), external(2**63, 2**63), START)).replicas == 2**31 - 1


def test_failed_metrics_are_named_in_order() -> None:
    assert compute_replicas(BOTH, Seen(Scale(5, 5), Metrics(), START)) == Computed(None, (CONNECTIONS, CPU))
    assert compute_replicas(BOTH, Seen(Scale(5, 5), external(70_000), START)) == Computed(7, (CPU,))


@given(st.integers(1, 1000), st.integers(0, 10**9))
def test_an_external_proposal_carries_the_load_unless_it_is_within_the_tolerance(replicas: int, usage: int) -> None:
    proposal = compute_replicas(EXTERNAL, Seen(Scale(replicas, replicas), external(usage), START)).replicas
    assert proposal is not None
    if proposal != replicas:
        assert proposal == math.ceil(usage / CONNECTIONS.target)
    else:
        assert usage <= 1.1 * replicas * CONNECTIONS.target


WEB = MetricSpec("hits", Source.OBJECT, 10_000, TargetType.VALUE, described="Service/web")
OBJECT = HpaSpec(1, 100, (WEB,))
SINCE = Readiness(ConditionStatus.TRUE, START)


def hits(total: int, *pods: Pod, replicas: int = 4) -> int | None:
    seen = Seen(Scale(replicas, replicas, pods), Metrics(objects={"Service/web/hits": total}), START)
    return compute_replicas(OBJECT, seen).replicas


def test_a_value_scales_the_pods_that_are_ready() -> None:
    ready, starting = Pod("a", ready=SINCE), Pod("b")
    assert hits(20_000, ready, starting) == 2
    assert hits(20_000, ready, Pod("c", deleting=True, ready=SINCE)) == 4
    assert hits(10_500, ready) == 4
    assert hits(20_000) is None
    assert hits(2**63, ready) == 2**31 - 1


def test_from_zero_a_value_counts_without_pods_or_tolerance() -> None:
    assert hits(10_500, replicas=0) == 2


@pytest.mark.parametrize("series", [(-1,), (5, -6, 100)])
def test_a_negative_total_per_pod_asks_for_everything_and_as_a_value_for_nothing(series: tuple[int, ...]) -> None:
    """Upstream takes a sum below zero for an overflow, on one of the two paths."""
    scale = Scale(3, 3, (Pod("a", ready=SINCE),))
    assert compute_replicas(EXTERNAL, Seen(scale, external(*series), START)).replicas == 2**31 - 1
    by_value = HpaSpec(1, 100, (replace(CONNECTIONS, target_type=TargetType.VALUE),))
    assert compute_replicas(by_value, Seen(scale, external(-20_000), START)).replicas == 0
