"""What metrics ask for, beyond the conformance tables: limits of the integers, and properties of the proposals."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.hpa_metrics import Computed, compute_replicas
from controller.simulation.hpa_spec import HpaSpec, Metrics, MetricSpec, Phase, Pod, Scale, Source

CONNECTIONS = MetricSpec("connections", Source.EXTERNAL, 10_000)
CPU = MetricSpec("cpu", Source.PODS, 10_000)
EXTERNAL = HpaSpec(1, 100, (CONNECTIONS,))
BOTH = HpaSpec(1, 100, (CONNECTIONS, CPU))
PODS = HpaSpec(1, 100, (CPU,))


def external(*series: int) -> Metrics:
    return Metrics(external={"connections": series})


def test_an_absurd_total_saturates_at_a_32_bit_count() -> None:
    assert compute_replicas(EXTERNAL, Scale(5, 5), external(2**63, 2**63)).replicas == 2**31 - 1


def test_failed_metrics_are_named_in_order() -> None:
    assert compute_replicas(BOTH, Scale(5, 5), Metrics()) == Computed(None, (CONNECTIONS, CPU))
    assert compute_replicas(BOTH, Scale(5, 5), external(70_000)) == Computed(7, (CPU,))


@given(st.integers(1, 1000), st.integers(0, 10**9))
def test_an_external_proposal_carries_the_load_unless_it_is_within_the_tolerance(replicas: int, usage: int) -> None:
    proposal = compute_replicas(EXTERNAL, Scale(replicas, replicas), external(usage)).replicas
    assert proposal is not None
    if proposal != replicas:
        assert proposal == math.ceil(usage / CONNECTIONS.target)
    else:
        assert usage <= 1.1 * replicas * CONNECTIONS.target


samples = st.lists(st.integers(0, 40_000), min_size=1, max_size=12)


@given(samples, st.integers(0, 5), st.integers(0, 5))
def test_pods_without_a_sample_only_weaken_a_change(values: list[int], missing: int, pending: int) -> None:
    count = len(values) + missing + pending
    sampled = {f"p{i}": value for i, value in enumerate(values)}
    silent = tuple(Pod(f"m{i}") for i in range(missing)) + tuple(Pod(f"q{i}", Phase.PENDING) for i in range(pending))
    scale = Scale(count, count, tuple(Pod(name) for name in sampled) + silent)
    proposal = compute_replicas(PODS, scale, Metrics(pods={"cpu": sampled})).replicas
    mean = sum(values) // len(values)
    assert proposal is not None
    if mean > CPU.target:
        assert count <= proposal <= max(count, math.ceil(count * mean / CPU.target))
    if mean < CPU.target and not pending:
        assert math.ceil(count * mean / CPU.target) - 1 <= proposal <= count
    if mean == CPU.target:
        assert proposal == count


@given(samples, st.integers(1, 4))
def test_pods_that_are_ending_change_nothing(values: list[int], ending: int) -> None:
    sampled = {f"p{i}": value for i, value in enumerate(values)}
    gone = {f"g{i}": 10**6 for i in range(ending)}
    count = len(values)
    living = tuple(Pod(name) for name in sampled)
    dying = tuple(Pod(name, deleting=True) for name in gone)
    alone = compute_replicas(PODS, Scale(count, count, living), Metrics(pods={"cpu": sampled}))
    together = compute_replicas(PODS, Scale(count, count, living + dying), Metrics(pods={"cpu": sampled | gone}))
    assert together == alone
