"""The deployment, pods and HPA of one scenario in a cluster without kubelets and deployment controller.

Nobody but the scenario and the HPA touches them, so that what stands in the API server is what the controller sees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.cluster.api import Api, Json, timestamp
from tests.cluster.workloads import a_deployment, deployment_path, hpas_path
from tests.conformance.chance import REQUESTS, PodPlan, PodState
from tests.conformance.scenarios import Scenario, Step


@dataclass
class _LivePod:
    """A pod that was made at step `born`, and the state that it was last put in."""

    born: int
    shown: PodState | None = None


@dataclass
class Workload:
    """What a scenario has in its namespace, and how it is changed from step to step."""

    api: Api
    namespace: str
    scenario: Scenario
    _pods: dict[str, _LivePod] = field(default_factory=dict)

    def make(self) -> None:
        """Namespace and deployment; the HPA comes last, because it is looked at as soon as it is there."""
        self.api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        deployment = a_deployment("web", replicas=self.scenario.replicas)
        self.api.create(f"/apis/apps/v1/namespaces/{self.namespace}/deployments", deployment)

    def make_hpa(self) -> None:
        self.api.create(hpas_path(self.namespace), {"metadata": {"name": "web"}, "spec": self.scenario.spec})

    def change_hpa(self, changes: Json) -> Json:
        """The spec after the changes, with the defaults that the API server has filled in."""
        spec: Json = self.api.patch(f"{hpas_path(self.namespace)}/web", {"spec": changes})["spec"]
        return spec

    def change(self, step: Step, number: int, now: datetime) -> None:
        """Everything of step `number` but the HPA itself."""
        path = deployment_path(self.namespace, "web")
        replicas: int = self.api.get(path)["spec"]["replicas"]
        if step.replicas is not None and step.replicas != replicas:
            replicas = step.replicas
            self.api.patch(path, {"spec": {"replicas": replicas}})
        self.api.patch(f"{path}/status", {"status": {"replicas": max(replicas - step.lag, 0)}})
        self._move_pods(replicas, number, now)

    def pods(self, start: datetime) -> Json:
        """The pods as the API server has them, in the words of a vector, with times in seconds since `start`."""
        listed = self.api.get(f"/api/v1/namespaces/{self.namespace}/pods")["items"]
        return {pod["metadata"]["name"]: _recorded(pod, start) for pod in listed}

    def _move_pods(self, replicas: int, number: int, now: datetime) -> None:
        """A pod for each replica that has a plan, each at its age."""
        for index, plan in enumerate(self.scenario.pods):
            name = f"p{index}"
            if index >= replicas:
                self._remove(name)
                continue
            if name not in self._pods:
                self._pods[name] = _LivePod(number)
                self.api.create(f"/api/v1/namespaces/{self.namespace}/pods", _a_pod(name, plan))
            pod = self._pods[name]
            state = plan.at(number - pod.born)
            if state != pod.shown:
                self._show(name, plan, state, pod.shown is None, now)
                pod.shown = state

    def _show(self, name: str, plan: PodPlan, state: PodState, is_new: bool, now: datetime) -> None:
        path = self._pod_path(name)
        if state.deleting:
            self.api.delete(path)  # it is on a node, so it stays until a kubelet lets it go
        status: Json = {"phase": state.phase, "conditions": []}
        if state.ready is not None:
            since = timestamp(now - timedelta(seconds=state.ready_ago_s))
            status["conditions"] = [{"type": "Ready", "status": state.ready, "lastTransitionTime": since}]
        if is_new and plan.started_ago_s is not None:
            status["startTime"] = timestamp(now - timedelta(seconds=plan.started_ago_s))
        self.api.patch(f"{path}/status", {"status": status})

    def _remove(self, name: str) -> None:
        if self._pods.pop(name, None) is not None:
            self.api.delete(self._pod_path(name), gracePeriodSeconds="0")

    def _pod_path(self, name: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{name}"


def _a_pod(name: str, plan: PodPlan) -> Json:
    containers = [
        {
            "name": container,
            "image": "none",
            "resources": {"requests": {} if container == plan.without else _quantities(container)},
        }
        for container in REQUESTS
    ]
    return {
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"nodeName": "node", "containers": containers},
    }


def _quantities(container: str) -> dict[str, str]:
    return {resource: f"{milli}m" for resource, milli in REQUESTS[container].items()}


def _recorded(pod: Json, start: datetime) -> Json:
    status, meta = pod["status"], pod["metadata"]
    recorded: Json = {"phase": status["phase"], "requests": _requests(pod)}
    if "deletionTimestamp" in meta:
        recorded["deleting"] = True
    if "startTime" in status:
        recorded["started"] = _seconds(status["startTime"], start)
    for condition in status.get("conditions", []):
        if condition["type"] == "Ready":
            recorded["ready"] = [condition["status"], _seconds(condition["lastTransitionTime"], start)]
    return recorded


def _requests(pod: Json) -> Json:
    return {
        container["name"]: REQUESTS[container["name"]] if container["resources"].get("requests") else {}
        for container in pod["spec"]["containers"]
    }


def _seconds(at: str, start: datetime) -> int:
    return round((datetime.fromisoformat(at) - start).total_seconds())
