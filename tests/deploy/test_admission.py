"""A real API server takes every object that the chart renders, and every pod where "restricted" is enforced.

What only some clusters have is checked against less: for the Prometheus operator's kinds and for HTTPRoute stand
definitions made here, which refuse fields that the chart does not mean to write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.api import ApiError, Json
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.programs import Program, ProgramFailed
from tests.deploy.chart import CHART, VALUES, pod_templates, rendered
from tests.helpers.processes import until

pytestmark = pytest.mark.cluster
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def _object(**properties: Json) -> Json:
    return {"type": "object", "properties": properties}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "object", "additionalProperties": _TEXT}
_STAND_INS = {
    "podmonitors.monitoring.coreos.com": _object(
        selector=_object(matchLabels=_TEXTS),
        podMetricsEndpoints=_list(
            _object(
                port=_TEXT,
                path=_TEXT,
                interval={**_TEXT, "pattern": "^[0-9]+(ms|s|m)$"},
                honorLabels={"type": "boolean"},
            )
        ),
    ),
    "prometheusrules.monitoring.coreos.com": _object(
        groups=_list(
            _object(
                name=_TEXT,
                interval=_TEXT,
                rules=_list(
                    _object(record=_TEXT, alert=_TEXT, expr=_TEXT, labels=_TEXTS, annotations=_TEXTS, **{"for": _TEXT})
                ),
            )
        ),
    ),
    "httproutes.gateway.networking.k8s.io": _object(
        parentRefs=_list(_object(name=_TEXT, namespace=_TEXT, sectionName=_TEXT)),
        hostnames=_list(_TEXT),
        rules=_list(
            _object(
                matches=_list(_object(path=_object(type={"enum": ["Exact", "PathPrefix"], **_TEXT}, value=_TEXT))),
                timeouts=_object(request=_TEXT, backendRequest=_TEXT),
                backendRefs=_list(_object(name=_TEXT, port={"type": "integer"})),
            )
        ),
    ),
}
_KINDS = {"podmonitors": "PodMonitor", "prometheusrules": "PrometheusRule", "httproutes": "HTTPRoute"}


def _stand_in(name: str, spec: Json) -> Json:
    plural, _, group = name.partition(".")
    schema = {"type": "object", "properties": {"spec": spec}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "metadata": {
            "name": name,
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in of tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": _KINDS[plural], "plural": plural},
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def with_all_kinds(cluster: ControlPlane) -> Iterator[ControlPlane]:
    kind = yaml.safe_load((CHART / "files" / "crd.yaml").read_text())
    made = [_stand_in(*one) for one in _STAND_INS.items()]
    for one in (kind, *made):
        with contextlib.suppress(ApiError):
            cluster.api.create(_CRDS, one)
    for namespace in ("foresail", "chat"):
        make_namespace(cluster.api, namespace)
    # Found by clients, which is later than served.
    until(lambda: cluster.api.discovered() >= {one["metadata"]["name"] for one in (kind, *made)})
    yield cluster
    for one in made:
        cluster.api.delete(f"{_CRDS}/{one['metadata']['name']}")


def _applied(kubectl: Program, objects: list[Json]) -> list[str]:
    said = kubectl.run(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-",
        stdin=yaml.safe_dump_all(objects),
    )  # fmt: skip
    return said.splitlines()


@pytest.mark.parametrize("values", VALUES)
def test_the_api_server_takes_every_object(
    with_all_kinds: ControlPlane, helm_4: Program, kubectl: Program, values: str
) -> None:
    objects = rendered(helm_4, *VALUES[values])
    taken = _applied(kubectl, objects)
    assert len(taken) == len(objects)
    assert all(line.endswith("serverside-applied (server dry run)") for line in taken)


def test_a_field_that_no_kind_has_is_refused(with_all_kinds: ControlPlane, helm_4: Program, kubectl: Program) -> None:
    """So that the test above can fail: for each kind that a stand-in plays, and for the policy."""
    for kind in (*_KINDS.values(), "PredictiveAutoscaler", "Deployment"):
        objects = [one for one in rendered(helm_4, *VALUES["everything"]) if one["kind"] == kind]
        objects[0]["spec"]["misspelt"] = "x"
        with pytest.raises(ProgramFailed, match=r"unknown field|field not declared in schema"):
            _applied(kubectl, objects)


@pytest.mark.parametrize("values", VALUES)
def test_every_pod_is_let_in_where_restricted_is_enforced(cluster: ControlPlane, helm_4: Program, values: str) -> None:
    strict = {"name": "restricted", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    with contextlib.suppress(ApiError):
        cluster.api.create("/api/v1/namespaces", {"metadata": strict})
    templates = pod_templates(rendered(helm_4, *VALUES[values]))
    assert {"Deployment", "CronJob", "Job"} <= {name.partition("/")[0] for name in templates}
    for name, template in templates.items():
        pod = {
            "metadata": {"name": "p", "labels": template["metadata"].get("labels", {})},
            "spec": {**template["spec"]},
        }
        pod["spec"].setdefault("restartPolicy", "Always")
        cluster.api.create("/api/v1/namespaces/restricted/pods?dryRun=All", pod)
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert {"requests", "limits"} <= set(container["resources"]), name
        del container["securityContext"]["capabilities"]
        with pytest.raises(ApiError, match="violates PodSecurity"):
            cluster.api.create("/api/v1/namespaces/restricted/pods?dryRun=All", pod)
