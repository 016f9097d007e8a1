"""Objects that tests of a cluster make again and again, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.cluster.api import Json


def a_deployment(name: str, *, replicas: int = 1, requests: Mapping[str, str] | None = None) -> Json:
    """One container, `app`, in pods labelled with the deployment's name."""
    labels = {"app": name}
    container = {"name": "app", "image": "none", "resources": {"requests": dict(requests or {"cpu": "100m"})}}
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def deployment_path(namespace: str, name: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def an_hpa(name: str, metrics: Sequence[Json], *, low: int = 1, high: int = 10, behavior: Json | None = None) -> Json:
    """Over the deployment of the same name."""
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": low,
        "maxReplicas": high,
        "metrics": list(metrics),
    }
    if behavior is not None:
        spec["behavior"] = behavior
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec}


def hpas_path(namespace: str) -> str:
    return f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"


def an_external_metric(name: str, average: str) -> Json:
    return {
        "type": "External",
        "external": {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": average}},
    }
