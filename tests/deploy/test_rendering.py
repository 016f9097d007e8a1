"""What the chart renders: by both Helms, for every set of values; what the values refuse; its copies and its page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml

import foresail
from controller.settings import read_settings as controller_settings
from foresail.cli import parser
from gateway.settings import Drain
from gateway.settings import read_settings as gateway_settings
from tests.cluster.api import Json
from tests.cluster.programs import Program, ProgramFailed
from tests.deploy.chart import CHART, VALUES, of_kind, pod_templates, rendered
from tools.chart_values import page

pytestmark = pytest.mark.cluster


@pytest.fixture(params=["helm_3", "helm_4"])
def helm(request: pytest.FixtureRequest) -> Program:
    found: Program = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("values", VALUES)
def test_no_helm_finds_fault(helm: Program, values: str) -> None:
    helm.run("lint", "--strict", CHART, *VALUES[values])


@pytest.mark.parametrize("values", VALUES)
def test_both_helms_render_the_same(helm_3: Program, helm_4: Program, values: str) -> None:
    assert _sorted(rendered(helm_3, *VALUES[values])) == _sorted(rendered(helm_4, *VALUES[values]))


def _sorted(objects: list[Json]) -> list[Json]:
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))


REFUSED = [
    ("controler.replicas=2", "controler"),
    ("controller.replicas=0", "replicas"),
    ("controller.replicas=two", "replicas"),
    ("controller.watchdog.ifStale=soon", "ifStale"),
    ("controller.restoreOnUninstall.within=1h", "within"),
    ("controller.tickSeconds=0", "tickSeconds"),
    ("controller.image.digest=latest", "digest"),
    ("gateway.policy.mode=On", "mode"),
    ("gateway.hpa.minReplicas=0", "minReplicas"),
    ("gateway.settings.MAX=1", "settings"),
    ("prometheus.url=prometheus:9090", "url"),
    ("image.pullPolicy=Sometimes", "pullPolicy"),
    ("monitoring.podMonitors.interval=often", "interval"),
]


@pytest.mark.parametrize(("wrong", "named"), REFUSED)
def test_a_wrong_value_is_refused_by_its_name(helm: Program, wrong: str, named: str) -> None:
    with pytest.raises(ProgramFailed, match=named):
        helm.run("template", "foresail", CHART, "--set", wrong)


def test_the_schema_has_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def differing(wanted: Json, given: object, path: str) -> Iterator[str]:
        if wanted.get("additionalProperties") is False and isinstance(given, dict) and "image" not in path:
            known = set(wanted["properties"]) - {"global"}
            yield from (
                f"{path}.{name}" for name in sorted(known ^ set(given)) if path.rpartition(".")[2] != "resources"
            )
            for name in known & set(given):
                yield from differing(wanted["properties"][name], given[name], f"{path}.{name}")

    assert list(differing(schema, values, "")) == []


def test_version_kind_and_page_are_those_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == foresail.__version__
    source = CHART.parent / "kubernetes" / "crd.yaml"
    assert (CHART / "files" / "crd.yaml").read_text() == source.read_text(), "run `make docs`"
    assert (CHART / "README.md").read_text() == page(CHART / "values.yaml"), "run `make docs`"


@pytest.mark.parametrize("values", VALUES)
def test_no_object_is_elsewhere_than_asked(helm_4: Program, values: str) -> None:
    """But the Role of a controller that looks at one other namespace."""
    objects = rendered(helm_4, *VALUES[values], namespace="somewhere")
    scoped = [
        one for one in objects if one["kind"] not in ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
    ]
    found = {(one["metadata"].get("namespace"), one["kind"]) for one in scoped}
    elsewhere = {("chat", "Role"), ("chat", "RoleBinding")} if values == "namespaced" else set()
    assert {one for one in found if one[0] != "somewhere"} == elsewhere


@pytest.mark.parametrize("values", VALUES)
def test_two_releases_share_no_object(helm_4: Program, values: str) -> None:
    names = [
        {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects}
        for objects in (
            rendered(helm_4, *VALUES[values], "--set", "crds.install=false", release=release, namespace=namespace)
            for release, namespace in (("one", "here"), ("one", "there"))
        )
    ]
    fixed = {("Role", "chat", "scaler-controller"), ("RoleBinding", "chat", "scaler-controller")}
    assert names[0] & names[1] <= fixed


@pytest.mark.parametrize("values", VALUES)
def test_the_programs_take_their_arguments_and_settings(helm_4: Program, values: str) -> None:
    objects = rendered(helm_4, *VALUES[values])
    settings = controller_settings(of_kind(objects, "ConfigMap", _config(objects))["data"])
    assert settings.lease_namespace == "foresail"
    for name, template in pod_templates(objects).items():
        (container,) = template["spec"]["containers"]
        if "command" not in container:
            parser().parse_args(container["args"])
        if container["args"] == ["gateway"]:
            environ = {one["name"]: one["value"] for one in container["env"]}
            _check_grace(template["spec"], container, gateway_settings(environ).drain)
        assert template["spec"]["enableServiceLinks"] is False, name


def _config(objects: list[Json]) -> str:
    (name,) = [
        one["metadata"]["name"] for one in objects if one["kind"] == "ConfigMap" and "-controller" in str(one)[:400]
    ]
    return str(name)


def _check_grace(pod: Json, container: Json, drain: Drain) -> None:
    """The grace period holds the sleep, the drain and the last close handshake."""
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] == sleep + drain.drain_window_s + drain.flush_timeout_s + 10


def test_every_setting_of_the_gateway_can_be_given(helm_4: Program) -> None:
    objects = rendered(helm_4, *VALUES["everything"])
    (container,) = of_kind(objects, "Deployment", "foresail-gateway")["spec"]["template"]["spec"]["containers"]
    settings = gateway_settings({one["name"]: one["value"] for one in container["env"]})
    assert (settings.limits.max_connections, settings.heartbeat.ping_after_s) == (20000, 2.5)
    assert settings.origins.allowed_origins == ("https://chat.example",)
    assert settings.listen.host == "0.0.0.0"


def test_the_hpa_has_no_minimum_of_its_own_and_metrics_can_be_replaced(helm_4: Program) -> None:
    plain = of_kind(rendered(helm_4, "--set", "gateway.enabled=true"), "HorizontalPodAutoscaler")["spec"]
    assert "minReplicas" not in plain
    assert plain["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    deployment = of_kind(rendered(helm_4, "--set", "gateway.enabled=true"), "Deployment", "foresail-gateway")
    assert "replicas" not in deployment["spec"]


def test_what_a_cluster_lacks_is_left_out_and_said(helm_4: Program) -> None:
    said = helm_4.run("template", "foresail", CHART, *VALUES["everything"])
    kinds = {one["kind"] for one in yaml.safe_load_all(said) if one}
    assert not kinds & {"PodMonitor", "PrometheusRule", "HTTPRoute", "PredictiveAutoscaler"}
    assert {"Ingress", "NetworkPolicy", "ConfigMap"} <= kinds


def test_every_pod_is_let_through_by_one_network_policy(helm_4: Program) -> None:
    """In a namespace that denies the rest, a watchdog that reaches no API server would give nothing back."""
    objects = rendered(helm_4, *VALUES["everything"])
    selectors = [
        one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for one in objects
        if one["kind"] == "NetworkPolicy"
    ]
    pods = pod_templates(objects).values()
    components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods}
    assert sorted(selectors) == sorted(components - {"test"})


def test_the_lease_names_the_pod_and_the_headers_are_there_too(helm_4: Program) -> None:
    objects = rendered(helm_4, "--set", "prometheus.headersSecret.name=tenant")
    deployment = of_kind(objects, "Deployment", "foresail-controller")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found = {one["name"]: one["valueFrom"] for one in container["env"]}
    assert found["FORESAIL_CONTROLLER_IDENTITY"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert found["FORESAIL_CONTROLLER_PROMETHEUS_HEADERS"]["secretKeyRef"]["name"] == "tenant"


def test_rules_without_the_monitors_that_they_read_are_left_out(helm_4: Program) -> None:
    """They know the parts by the job of the PodMonitors: without, the alert of an absent controller always fires."""
    alone = rendered(helm_4, "--set", "monitoring.rules.enabled=true")
    both = rendered(helm_4, "--set", "monitoring.rules.enabled=true,monitoring.podMonitors.enabled=true")
    assert "PrometheusRule" not in {one["kind"] for one in alone}
    assert "PrometheusRule" in {one["kind"] for one in both}


def test_the_checksum_follows_the_settings(helm_4: Program) -> None:
    def checksum(*arguments: str) -> str:
        deployment = of_kind(rendered(helm_4, *arguments), "Deployment", "foresail-controller")
        return str(deployment["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    assert checksum() == checksum("--set", "gateway.enabled=true") != checksum("--set", "controller.tickSeconds=30")


def test_the_templates_name_no_namespace_and_no_version() -> None:
    for path in (CHART / "templates").rglob("*"):
        if path.is_file():
            fixed = re.findall(r"^\s*namespace: *(?!\{\{)\S+", path.read_text(), re.MULTILINE)
            assert not fixed, f"{path.relative_to(CHART)}: {fixed}"


def test_every_file_of_values_for_tests_is_named() -> None:
    assert set(VALUES) == {"default", "everything", "namespaced"}
