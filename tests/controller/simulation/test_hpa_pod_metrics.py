"""What samples of pods ask for: those that are missing or of no worth only weaken a change."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.simulation.hpa_metrics import compute_replicas
from controller.simulation.hpa_pods import ConditionStatus, Phase, Pod, Readiness, Sample
from controller.simulation.hpa_spec import HpaSpec, Metrics, MetricSpec, Scale, Seen, Source, TargetType
from tests.helpers.hpa_cases import START

CPU = MetricSpec("cpu", Source.PODS, 10_000)
PODS = HpaSpec(1, 100, (CPU,))
USED = MetricSpec("cpu", Source.RESOURCE, 50, TargetType.UTILIZATION)
LONG_AGO = START - timedelta(hours=1)


def running(name: str, request: int | None = 100) -> Pod:
    requests = {"app": {} if request is None else {"cpu": request}, "sidecar": {"cpu": 100}}
    return Pod(name, ready=Readiness(ConditionStatus.TRUE, LONG_AGO), started=LONG_AGO, requests=requests)


def utilization(metric: MetricSpec, pods: tuple[Pod, ...], used: dict[str, int], replicas: int) -> int | None:
    samples = {pod: Sample(value, START, timedelta(seconds=30)) for pod, value in used.items()}
    seen = Seen(Scale(replicas, replicas, pods), Metrics(resources={metric.key: samples}), START)
    return compute_replicas(HpaSpec(1, 100, (metric,)), seen).replicas


def test_utilization_is_of_all_requests_and_truncated_to_a_whole_percent() -> None:
    both = (running("a"), running("b"))
    assert utilization(USED, both, {"a": 150, "b": 150}, 2) == 3
    assert utilization(USED, both, {"a": 110, "b": 113}, 2) == 2
    assert utilization(USED, both, {"a": 110, "b": 114}, 2) == 3


def test_a_container_is_measured_by_its_own_request() -> None:
    metric = MetricSpec("cpu", Source.CONTAINER_RESOURCE, 50, TargetType.UTILIZATION, container="app")
    assert utilization(metric, (running("a"),), {"a": 150}, 1) == 3
    assert utilization(replace(metric, container="other"), (running("a"),), {"a": 150}, 1) is None


def test_a_pod_without_a_request_fails_the_metric_even_where_its_sample_does_not_count() -> None:
    failed = replace(running("b", request=None), phase=Phase.FAILED)
    assert utilization(USED, (running("a"), failed), {"a": 150}, 2) is None


def test_requests_of_zero_fail_the_metric() -> None:
    nothing = replace(running("a"), requests={"app": {"cpu": 0}})
    assert utilization(USED, (nothing,), {"a": 150}, 1) is None


@pytest.mark.parametrize(("target", "stand_in"), [(50, 200), (150, 300)])
def test_on_the_way_down_a_missing_pod_uses_its_request_or_the_target_where_that_is_more(
    target: int, stand_in: int
) -> None:
    metric = replace(USED, target=target)
    pods = tuple(running(name) for name in "abcdef")
    used = dict.fromkeys("abcde", 20)
    expected = math.ceil((100 + stand_in) * 100 // 1200 / target * 6)
    assert utilization(metric, pods, used, 6) == expected < 6


def test_samples_of_unknown_pods_have_no_request_to_be_measured_by() -> None:
    assert utilization(USED, (running("a"),), {"a": 100, "gone": 10**6}, 1) == 1
    assert utilization(USED, (running("a"),), {"gone": 10**6}, 1) is None


@given(st.integers(-40_000, -1))
def test_a_negative_average_is_truncated_towards_zero(value: int) -> None:
    samples = {"a": value, "b": 0, "c": 0}
    scale = Scale(3, 3, tuple(Pod(name) for name in samples))
    spec = replace(PODS, metrics=(replace(CPU, target=1),))
    asked = compute_replicas(spec, Seen(scale, Metrics(pods={"cpu": samples}), START)).replicas
    assert asked == 0


samples = st.lists(st.integers(0, 40_000), min_size=1, max_size=12)


@given(samples, st.integers(0, 5), st.integers(0, 5))
def test_pods_without_a_sample_only_weaken_a_change(values: list[int], missing: int, pending: int) -> None:
    count = len(values) + missing + pending
    sampled = {f"p{i}": value for i, value in enumerate(values)}
    silent = tuple(Pod(f"m{i}") for i in range(missing)) + tuple(Pod(f"q{i}", Phase.PENDING) for i in range(pending))
    scale = Scale(count, count, tuple(Pod(name) for name in sampled) + silent)
    proposal = compute_replicas(PODS, Seen(scale, Metrics(pods={"cpu": sampled}), START)).replicas
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
    alone = compute_replicas(PODS, Seen(Scale(count, count, living), Metrics(pods={"cpu": sampled}), START))
    together = compute_replicas(
        PODS, Seen(Scale(count, count, living + dying), Metrics(pods={"cpu": sampled | gone}), START)
    )
    assert together == alone
