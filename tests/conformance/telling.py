"""What a step says of the metrics: as the metrics server tells it, and as the vector has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from controller.simulation.hpa_spec import MetricSpec, Source
from tests.cluster.api import Json
from tests.cluster.metrics_server import Measured, Usage
from tests.conformance.chance import Said, Used
from tests.conformance.stage import Answers

_Sample = TypeVar("_Sample")


def answers(said: Said, now: datetime) -> Answers:
    """In quantities, with times that are so long before `now`."""
    usage = None if said.usage is None else {pod: _usage(used, now) for pod, used in _by_pod(said.usage).items()}
    return Answers(
        {name: [_measured(one) for one in series] for name, series in said.external.items() if series is not None},
        {name: _measured(value) for name, value in said.objects.items() if value is not None},
        {
            name: {pod: _measured(value) for pod, value in _by_pod(samples).items()}
            for name, samples in said.pods.items()
            if samples is not None
        },
        usage,
    )


def metrics(said: Said, specs: Sequence[MetricSpec], at_s: int) -> Json:
    """In milli-units, by the key that the model knows a metric by; `at_s` is now, counted from the vector's start."""
    keys = {metric.name: metric.key for metric in specs}
    told: Json = {
        "external": {keys[name]: list(series) for name, series in said.external.items() if series},
        "objects": {keys[name]: value for name, value in said.objects.items() if value is not None},
        "pods": {keys[name]: _by_pod(samples) for name, samples in said.pods.items() if samples is not None},
        "resources": {
            metric.key: _samples(metric, _by_pod(said.usage), at_s)
            for metric in specs
            if metric.source in (Source.RESOURCE, Source.CONTAINER_RESOURCE) and said.usage is not None
        },
    }
    return {source: values for source, values in told.items() if values}


def _samples(metric: MetricSpec, usage: Mapping[str, Used], at_s: int) -> Json:
    """getPodMetrics or getContainerMetrics: a pod of which a part is missing has no sample."""
    samples: Json = {}
    for pod, used in usage.items():
        counted = [used.containers.get(metric.container, {})] if metric.container else list(used.containers.values())
        if all(metric.name in container for container in counted):
            total = sum(container[metric.name] for container in counted)
            samples[pod] = [total, at_s - used.age_s, used.window_s]
    return samples


def _by_pod(samples: Sequence[_Sample | None]) -> dict[str, _Sample]:
    return {f"p{index}": sample for index, sample in enumerate(samples) if sample is not None}


def _measured(milli: int) -> Measured:
    return Measured(f"{milli}m")


def _usage(used: Used, now: datetime) -> Usage:
    containers = {
        name: {resource: f"{milli}m" for resource, milli in usage.items()} for name, usage in used.containers.items()
    }
    return Usage(containers, now - timedelta(seconds=used.age_s), timedelta(seconds=used.window_s))
