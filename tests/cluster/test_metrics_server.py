"""The metrics APIs as the cluster serves them, and an HPA that acts on what they say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.cluster.api import ApiError, timestamp
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.metrics_server import Board, Measured, Usage, metrics_server
from tests.cluster.workloads import a_deployment, an_external_metric, an_hpa, deployment_path, hpas_path
from tests.helpers.histories import MONDAY
from tests.helpers.processes import until

pytestmark = pytest.mark.cluster

CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/measured"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1/namespaces/measured"
USAGE = "/apis/metrics.k8s.io/v1beta1/namespaces/measured/pods"


@pytest.fixture(scope="module")
def board(cluster: ControlPlane) -> Iterator[Board]:
    """What the cluster's metrics APIs say, for the tests of this module."""
    board = Board()
    with metrics_server(cluster, board):
        yield board


def test_an_hpa_follows_the_board(cluster: ControlPlane, board: Board) -> None:
    make_namespace(cluster.api, "followed")
    board.external_metrics["followed", "connections"] = [Measured("250"), Measured("150")]
    cluster.api.create("/apis/apps/v1/namespaces/followed/deployments", a_deployment("web", replicas=2))
    until(lambda: cluster.api.get(deployment_path("followed", "web"))["status"].get("replicas") == 2)
    cluster.api.create(hpas_path("followed"), an_hpa("web", [an_external_metric("connections", "100")]))
    until(lambda: cluster.api.get(deployment_path("followed", "web"))["spec"]["replicas"] == 4)


def test_values_carry_their_age_and_window(cluster: ControlPlane, board: Board) -> None:
    board.pod_metrics["measured", "hits"] = {"a": Measured("1500m", MONDAY, timedelta(seconds=20))}
    board.object_metrics["measured", "services/web", "hits"] = Measured("7", MONDAY)
    board.external_metrics["measured", "queue"] = [Measured("9", MONDAY)]
    board.resource_usage["measured"] = {"a": Usage({"app": {"cpu": "10m"}}, MONDAY, timedelta(seconds=15))}
    (pod,) = cluster.api.get(f"{CUSTOM}/pods/*/hits")["items"]
    assert pod["value"] == "1500m"
    assert pod["timestamp"] == timestamp(MONDAY)
    assert (pod["windowSeconds"], pod["describedObject"]["name"]) == (20, "a")
    (service,) = cluster.api.get(f"{CUSTOM}/services/web/hits")["items"]
    assert (service["value"], "windowSeconds" in service) == ("7", False)
    (series,) = cluster.api.get(f"{EXTERNAL}/queue")["items"]
    assert (series["value"], series["timestamp"]) == ("9", timestamp(MONDAY))
    (used,) = cluster.api.get(USAGE)["items"]
    assert used["containers"] == [{"name": "app", "usage": {"cpu": "10m"}}]
    assert (used["timestamp"], used["window"]) == (timestamp(MONDAY), "15s")


@pytest.mark.parametrize(
    "path",
    [
        f"{CUSTOM}/pods/*/unknown",
        f"{CUSTOM}/services/web/unknown",
        f"{EXTERNAL}/unknown",
        USAGE.replace("measured", "unknown"),
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/measured/too/many/parts/of/path",
    ],
)
def test_what_nobody_wrote_down_is_not_there(cluster: ControlPlane, board: Board, path: str) -> None:
    with pytest.raises(ApiError) as refused:
        cluster.api.get(path)
    assert refused.value.status == 404
