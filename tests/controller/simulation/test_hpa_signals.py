"""Which signal each metric of an HPA stands for: by name, then by order; what no history holds is refused."""

from __future__ import annotations

import pytest

from controller.domain import Signal
from controller.errors import BadPolicy
from controller.simulation.hpa_signals import on_signals
from controller.simulation.hpa_spec import Behavior, HpaSpec, MetricSpec, Source, TargetType
from forecaster.series import Kind

SIGNALS = (Signal("connections", Kind.STOCK, 200.0), Signal("messages", Kind.FLOW, 50.0))


def external(name: str, target: int = 1_000, selector: str = "") -> MetricSpec:
    return MetricSpec(name, Source.EXTERNAL, target, selector=selector)


def an_hpa(*metrics: MetricSpec) -> HpaSpec:
    return HpaSpec(2, 30, metrics, Behavior())


def names(*metrics: MetricSpec) -> list[str]:
    return [metric.name for metric in on_signals(an_hpa(*metrics), SIGNALS).metrics]


def test_a_metric_stands_for_the_signal_of_its_name() -> None:
    assert names(external("messages"), external("connections")) == ["messages", "connections"]
    assert names(external("messages")) == ["messages"]


def test_what_bears_no_signals_name_stands_for_those_left_in_their_order() -> None:
    assert names(external("sockets"), external("rate")) == ["connections", "messages"]
    assert names(external("rate"), external("connections")) == ["messages", "connections"]


def test_targets_limits_and_behavior_stay_and_where_a_total_is_from_does_not_matter() -> None:
    described = MetricSpec("messages", Source.OBJECT, 7_000, described="Service/chat")
    found = on_signals(an_hpa(external("sockets", 140_000, "pod in (a,b)"), described), SIGNALS)
    assert found == an_hpa(external("connections", 140_000), external("messages", 7_000))


@pytest.mark.parametrize(
    ("metric", "problem"),
    [
        (MetricSpec("cpu", Source.RESOURCE, 70, TargetType.UTILIZATION), "hpa metric cpu: Resource metrics are of"),
        (MetricSpec("connections", Source.PODS, 1_000), "Pods metrics are of single pods"),
        (MetricSpec("connections", Source.EXTERNAL, 1_000, TargetType.VALUE), "give averageValue"),
    ],
)
def test_what_a_history_does_not_hold_is_refused(metric: MetricSpec, problem: str) -> None:
    with pytest.raises(BadPolicy, match=problem) as refused:
        on_signals(an_hpa(external("messages"), metric), SIGNALS)
    assert "in a copy of the manifest" in str(refused.value)


def test_a_metric_without_a_signal_is_refused_and_the_signals_left_are_named() -> None:
    with pytest.raises(BadPolicy, match="rate bear no signal's name, and the signals left are connections, messages"):
        names(external("rate"))
    with pytest.raises(BadPolicy, match="the signals left are none"):
        names(external("connections"), external("messages"), external("rate"))


def test_two_metrics_of_one_signal_are_refused() -> None:
    with pytest.raises(BadPolicy, match="connections, connections are of one name"):
        names(external("connections", selector="pod=a"), external("connections", selector="pod=b"))
