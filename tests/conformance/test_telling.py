"""A step's metrics: the vector has what the server tells, under the model's keys, and without what has failed."""

from __future__ import annotations

from datetime import timedelta

from controller.simulation.hpa_spec import MetricSpec, Source, TargetType
from tests.cluster.metrics_server import Measured, Usage
from tests.conformance.chance import Said, Used
from tests.conformance.telling import answers, metrics
from tests.helpers.histories import MONDAY

CPU = MetricSpec("cpu", Source.RESOURCE, 70, TargetType.UTILIZATION)
APP = MetricSpec("cpu", Source.CONTAINER_RESOURCE, 70, TargetType.UTILIZATION, container="app")
HITS = MetricSpec("m0", Source.OBJECT, 1, described="Service/web")
SAID = Said(
    external={"m1": (5, -2), "m2": None, "m3": ()},
    objects={"m0": 7, "m4": None},
    pods={"m5": (1, None, 3)},
    usage=(
        Used({"app": {"cpu": 10}, "sidecar": {"cpu": 2}}, age_s=4, window_s=30),
        None,
        Used({"app": {"cpu": 10}, "sidecar": {"memory": 2}}, age_s=4, window_s=30),
    ),
)


def test_the_server_tells_quantities_and_times() -> None:
    told = answers(SAID, MONDAY)
    assert told.external == {"m1": [Measured("5m"), Measured("-2m")], "m3": []}
    assert told.objects == {"m0": Measured("7m")}
    assert told.pods == {"m5": {"p0": Measured("1m"), "p2": Measured("3m")}}
    assert told.usage is not None
    assert list(told.usage) == ["p0", "p2"]
    at, window = MONDAY - timedelta(seconds=4), timedelta(seconds=30)
    assert told.usage["p0"] == Usage({"app": {"cpu": "10m"}, "sidecar": {"cpu": "2m"}}, at, window)
    assert answers(Said(), MONDAY).usage is None


def test_the_vector_has_what_the_controller_makes_of_it() -> None:
    specs = [CPU, APP, HITS, *(MetricSpec(f"m{number}", Source.EXTERNAL, 1) for number in (1, 2, 3))]
    pods = MetricSpec("m5", Source.PODS, 1)
    assert metrics(SAID, [*specs, pods, MetricSpec("m4", Source.OBJECT, 1, described="Service/web")], 100) == {
        "external": {"m1": [5, -2]},
        "objects": {"Service/web/m0": 7},
        "pods": {"m5": {"p0": 1, "p2": 3}},
        "resources": {"cpu": {"p0": [12, 96, 30]}, "app/cpu": {"p0": [10, 96, 30], "p2": [10, 96, 30]}},
    }
