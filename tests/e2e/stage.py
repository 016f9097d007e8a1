"""Everything that a scenario needs, put together: a cluster whose pods serve, and by namespace its load and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cluster.api import Api, Json
from tests.cluster.control_plane import ControlPlane, control_plane, make_namespace
from tests.cluster.kubelet import kubelet, ready_after
from tests.cluster.metrics_server import metrics_server
from tests.cluster.workloads import a_deployment, deployment_path, hpas_path
from tests.e2e.crowd import Crowd, crowd
from tests.e2e.gateways import Gateways, gateways
from tests.e2e.meter import Meter, Meters
from tests.e2e.prometheus_server import PrometheusServer, prometheus_server
from tests.helpers.processes import until

POD_START = timedelta(seconds=10)
"""From a pod's creation until it is ready, where no test says otherwise."""
CONNECTIONS = "connections"
"""The HPA's metric of a namespace's open connections."""
_CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "horizontal-pod-autoscaler-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "cronjob-controller",
    "job-controller",
)
_FLAGS = {"horizontal-pod-autoscaler-sync-period": "15s", "controllers": ",".join(_CONTROLLERS)}


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  where a cluster runs, time passes


def connections_query(namespace: str) -> str:
    """All open connections of a namespace, whichever pods have them."""
    return f'sum(websocket_connections_total{{namespace="{namespace}"}})'


@dataclass
class Scene:
    """One namespace with a workload named `web`: a Deployment of gateways and, once made, an HPA."""

    namespace: str
    api: Api
    prometheus: PrometheusServer
    pods: Gateways
    users: Crowd

    def hpa(self) -> Json:
        return self.api.get(f"{hpas_path(self.namespace)}/web")

    def make_hpa(self, hpa: Json) -> None:
        self.api.create(hpas_path(self.namespace), hpa)

    def replicas(self) -> tuple[int, int]:
        """(wanted, ready)"""
        deployment = self.api.get(deployment_path(self.namespace, "web"))
        return deployment["spec"]["replicas"], deployment["status"].get("readyReplicas", 0)

    def reaches(self, ready: int, patience_s: float = 180.0) -> None:
        until(lambda: self.replicas() == (ready, ready), patience_s)


@dataclass
class Stage:
    """A control plane whose HPA controller syncs every 15 s, a kubelet that starts gateways, and a metrics server."""

    cluster: ControlPlane
    pods: Gateways
    meters: Meters
    folder: Path

    @property
    def api(self) -> Api:
        return self.cluster.api

    @contextmanager
    def scene(
        self, namespace: str, wanted: Callable[[], int], *, replicas: int = 1, history: Iterable[str] = ()
    ) -> Iterator[Scene]:
        """A namespace with so many ready pods, and users who want `wanted()` connections."""
        folder = self.folder / namespace
        folder.mkdir()
        make_namespace(self.api, namespace)
        deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self.api.create(deployments, a_deployment("web", replicas=replicas))
        try:
            with (
                prometheus_server(folder, [self.pods.targets(namespace)], history) as prometheus,
                crowd(wanted, lambda: self.pods.serving(namespace)) as users,
            ):
                self.meters.by_namespace[namespace] = Meter(
                    prometheus, external={CONNECTIONS: connections_query(namespace)}
                )
                scene = Scene(namespace, self.api, prometheus, self.pods, users)
                scene.reaches(replicas)
                yield scene
        finally:
            self.meters.by_namespace.pop(namespace, None)
            self._clear(namespace)

    def _clear(self, namespace: str) -> None:
        for kind in (hpas_path(namespace), f"/apis/apps/v1/namespaces/{namespace}/deployments"):
            self.api.delete(kind)
        until(lambda: self.pods.count(namespace) == 0)


@contextmanager
def a_stage(folder: Path, programs: Path, starts: Callable[[Json], timedelta] = lambda _: POD_START) -> Iterator[Stage]:
    """`starts` says how long a pod takes until it is ready; its process must be ready too."""
    places: Sequence[Path] = [folder / name for name in ("control-plane", "pods", "scenes")]
    for place in places:
        place.mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(control_plane(places[0], programs, controller_manager=_FLAGS))
        pods = stack.enter_context(gateways(places[1]))
        stack.enter_context(kubelet(cluster.api, lambda pod: ready_after(starts(pod)), pods))
        meters = Meters()
        stack.enter_context(metrics_server(cluster, meters))
        yield Stage(cluster, pods, meters, places[2])
