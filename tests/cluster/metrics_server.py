"""Serves the three metrics APIs that an HPA asks, with whatever values, ages and windows a test wants.

    metrics.k8s.io/v1beta1           what pods and their containers use
    custom.metrics.k8s.io/v1beta2    metrics of pods, and of other objects
    external.metrics.k8s.io/v1beta1  metrics of anything

A test gives a `Source`, or writes on a `Board`. What a source answers with None is what such servers say of a metric
that they do not have: 404.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tests.cluster.api import Api, ApiError, Json, timestamp
from tests.cluster.control_plane import ControlPlane
from tests.helpers.processes import until

GROUPS = {
    "metrics.k8s.io": "v1beta1",
    "custom.metrics.k8s.io": "v1beta2",
    "external.metrics.k8s.io": "v1beta1",
}


_SERVICES = "/api/v1/namespaces/default/services"
_API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class Measured(NamedTuple):
    """A quantity as it stands in JSON, when it was measured (None: just now), and over how long."""

    quantity: str
    at: datetime | None = None
    window: timedelta | None = None


class Usage(NamedTuple):
    """What a pod uses: container -> resource -> quantity."""

    containers: Mapping[str, Mapping[str, str]]
    at: datetime | None = None
    window: timedelta = timedelta(seconds=30)


class Source(Protocol):
    """Answers as the metrics APIs are asked; may take its time. Selectors are as they stand in the request."""

    def resources(self, namespace: str, selector: str) -> Mapping[str, Usage] | None:
        """By pod."""

    def pods(self, namespace: str, metric: str, selector: str) -> Mapping[str, Measured] | None:
        """By pod."""

    def object(self, namespace: str, described: str, metric: str, selector: str) -> Measured | None:
        """`described` is resource/name or resource.group/name; `selector` narrows the metric down."""

    def external(self, namespace: str, metric: str, selector: str) -> Sequence[Measured] | None:
        """By series."""


@dataclass
class Board:
    """The plain source: values that a test writes down, and may change at any time; selectors are not looked at."""

    resource_usage: dict[str, Mapping[str, Usage]] = field(default_factory=dict)
    pod_metrics: dict[tuple[str, str], Mapping[str, Measured]] = field(default_factory=dict)
    object_metrics: dict[tuple[str, str, str], Measured] = field(default_factory=dict)
    external_metrics: dict[tuple[str, str], Sequence[Measured]] = field(default_factory=dict)

    def resources(self, namespace: str, selector: str) -> Mapping[str, Usage] | None:
        return self.resource_usage.get(namespace)

    def pods(self, namespace: str, metric: str, selector: str) -> Mapping[str, Measured] | None:
        return self.pod_metrics.get((namespace, metric))

    def object(self, namespace: str, described: str, metric: str, selector: str) -> Measured | None:
        return self.object_metrics.get((namespace, described, metric))

    def external(self, namespace: str, metric: str, selector: str) -> Sequence[Measured] | None:
        return self.external_metrics.get((namespace, metric))


@contextmanager
def metrics_server(cluster: ControlPlane, source: Source) -> Iterator[None]:
    """Serves, and is what the cluster asks, while the block lasts; one at a time."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cluster.certificate, cluster.key)
    with _Listener(("127.0.0.1", 0), _handler(source)) as listener:
        listener.socket = tls.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            try:
                _register(cluster.api, listener.server_port)
                yield
            finally:
                _unregister(cluster.api)
        finally:
            listener.shutdown()
            thread.join()


def _register(api: Api, port: int) -> None:
    """Tells the API server, through a Service that leads out of the cluster, and waits until it has looked."""
    service = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port, "protocol": "TCP"}]}
    api.create(_SERVICES, {"metadata": {"name": "metrics"}, "spec": service})
    for group, version in GROUPS.items():
        spec = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": "metrics", "namespace": "default", "port": port},
        }
        api.create(_API_SERVICES, {"metadata": {"name": f"{version}.{group}"}, "spec": spec})
    for group, version in GROUPS.items():
        until(partial(_answers, api, f"/apis/{group}/{version}"))


def _unregister(api: Api) -> None:
    for group, version in GROUPS.items():
        api.delete(f"{_API_SERVICES}/{version}.{group}")
    api.delete(f"{_SERVICES}/metrics")


def _answers(api: Api, path: str) -> bool:
    try:
        api.get(path)
    except ApiError as error:
        if error.status not in (404, 503):  # not known yet, or known and not reached yet
            raise
        return False
    return True


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: an API server that is killed closes its connections."""


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            answer = _answer(source, parts.path, query)
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(status if answer is None else answer).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: standard error belongs to the tests."""

    return Handler


_PATH = re.compile(r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+)/(?P<rest>.+))?")


def _answer(source: Source, path: str, query: Mapping[str, str]) -> Json | None:
    match = _PATH.fullmatch(path)
    if match is None or GROUPS.get(match["group"]) != match["version"]:
        return None
    if match["namespace"] is None:
        return _discovery(match["group"], match["version"])
    namespace, rest = match["namespace"], unquote(match["rest"]).split("/")
    labels, metric_labels = query.get("labelSelector", ""), query.get("metricLabelSelector", "")
    answer: Json | None = None
    match match["group"], rest:
        case "metrics.k8s.io", ["pods"]:
            answer = _resources(namespace, source.resources(namespace, labels))
        case "custom.metrics.k8s.io", ["pods", "*", metric]:
            answer = _pods(namespace, metric, source.pods(namespace, metric, labels))
        case "custom.metrics.k8s.io", [resource, name, metric]:
            described = f"{resource}/{name}"
            answer = _object(namespace, described, metric, source.object(namespace, described, metric, metric_labels))
        case "external.metrics.k8s.io", [metric]:
            answer = _external(metric, source.external(namespace, metric, labels))
    return answer


def _discovery(group: str, version: str) -> Json:
    resource = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}",
        "resources": [resource] if group == "metrics.k8s.io" else [],
    }


def _resources(namespace: str, usage: Mapping[str, Usage] | None) -> Json | None:
    if usage is None:
        return None
    items = [
        {
            "metadata": {"name": pod, "namespace": namespace},
            "timestamp": timestamp(used.at),
            "window": f"{used.window.total_seconds():g}s",
            "containers": [{"name": name, "usage": dict(usage)} for name, usage in used.containers.items()],
        }
        for pod, used in usage.items()
    ]
    return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}


def _pods(namespace: str, metric: str, samples: Mapping[str, Measured] | None) -> Json | None:
    if samples is None:
        return None
    items = [
        _metric_value({"kind": "Pod", "namespace": namespace, "name": pod, "apiVersion": "/v1"}, metric, sample)
        for pod, sample in samples.items()
    ]
    return {"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": {}, "items": items}


def _object(namespace: str, described: str, metric: str, value: Measured | None) -> Json | None:
    if value is None:
        return None
    resource, _, name = described.partition("/")
    items = [_metric_value({"kind": resource, "namespace": namespace, "name": name}, metric, value)]
    return {"kind": "MetricValueList", "apiVersion": "custom.metrics.k8s.io/v1beta2", "metadata": {}, "items": items}


def _metric_value(described: Json, metric: str, measured: Measured) -> Json:
    value: Json = {
        "describedObject": described,
        "metric": {"name": metric, "selector": None},
        "timestamp": timestamp(measured.at),
        "value": measured.quantity,
    }
    if measured.window is not None:
        value["windowSeconds"] = int(measured.window.total_seconds())
    return value


def _external(metric: str, series: Sequence[Measured] | None) -> Json | None:
    if series is None:
        return None
    items = [
        {"metricName": metric, "metricLabels": {}, "timestamp": timestamp(one.at), "value": one.quantity}
        for one in series
    ]
    kind = "ExternalMetricValueList"
    return {"kind": kind, "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {}, "items": items}
