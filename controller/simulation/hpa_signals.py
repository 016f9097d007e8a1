"""Which signal each metric of a user's HPA stands for, so that the HPA can be replayed under the signals' histories.

A replay knows totals over all pods. What belongs to single pods, like their CPU, is in no history, and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from controller.domain import Signal
from controller.errors import BadPolicy
from controller.simulation.hpa_spec import HpaSpec, MetricSpec, Source, TargetType

_TOTALS = (Source.EXTERNAL, Source.OBJECT)


def on_signals(hpa_spec: HpaSpec, signals: Sequence[Signal]) -> HpaSpec:
    """The HPA with an External metric of the signal's name in the place of each of its metrics, in their order.

    A metric stands for the signal of its name. Those that are left stand for the signals that are left, in their order,
    where they are as many. Raises BadPolicy where a metric is not a total with an average per pod as its target, or
    stands for no signal.
    """
    for metric in hpa_spec.metrics:
        _check_total(metric)
    names = _names(hpa_spec.metrics, signals)
    metrics = tuple(
        MetricSpec(name, Source.EXTERNAL, metric.target) for name, metric in zip(names, hpa_spec.metrics, strict=True)
    )
    return replace(hpa_spec, metrics=metrics)


def _check_total(metric: MetricSpec) -> None:
    if metric.source not in _TOTALS:
        raise BadPolicy(
            f"hpa metric {metric.key}: {metric.source} metrics are of single pods, which a replay of histories does not"
            " have; in a copy of the manifest, write it as an External metric with averageValue, named like a signal,"
            " or leave it out where there are others (an HPA without any is one on CPU)"
        )
    if metric.target_type is not TargetType.AVERAGE_VALUE:
        raise BadPolicy(
            f"hpa metric {metric.key}: a target of type {metric.target_type}, which an offered load stays above or"
            " below whatever the replicas; in a copy of the manifest, give averageValue: what each pod is to carry"
        )


def _names(metrics: Sequence[MetricSpec], signals: Sequence[Signal]) -> list[str]:
    """The signal of each metric."""
    wanted = {signal.name for signal in signals}
    named = [metric.name for metric in metrics if metric.name in wanted]
    others = [metric.key for metric in metrics if metric.name not in wanted]
    free = [signal.name for signal in signals if signal.name not in named]
    if len(set(named)) != len(named):
        raise BadPolicy(
            f"hpa metrics: {', '.join(named)} are of one name, and a signal has one history; in a copy of the manifest,"
            " give each the name of a signal of its own"
        )
    if others and len(others) != len(free):
        raise BadPolicy(
            f"hpa metrics: {', '.join(others)} bear no signal's name, and the signals left are"
            f" {', '.join(free) or 'none'}; in a copy of the manifest, name each metric like the signal that it stands"
            " for, or leave it out"
        )
    rest = iter(free)
    return [metric.name if metric.name in wanted else next(rest) for metric in metrics]
