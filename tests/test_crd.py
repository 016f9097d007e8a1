"""The policy's schema in the cluster: it says the same as the one outside, bounds everything, and refuses in words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.kube_cluster import policies_path
from controller.policy_schema import Document
from controller.telling import Aside, status_of
from tests.cluster.api import ApiError
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.cluster.programs import Program
from tests.controller.test_deciding import a_subject, decided
from tests.helpers.builders import a_forecast
from tests.helpers.processes import until
from tools.policy_reference import fields

Json = dict[str, Any]
CRD: Json = yaml.safe_load((Path(__file__).parents[1] / "deploy" / "kubernetes" / "crd.yaml").read_text())
SPEC: Json = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
OUTSIDE_OPTIONAL = {"signals[].query"}
"""A replay has its history in a file."""
FACTS = ("enum", "minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems", "default")


def facts(one: Mapping[str, Any]) -> Json:
    """What a field's schema in the cluster says, as JSON Schema has it."""
    found = {name: one[name] for name in FACTS if name in one and one[name] != ""}
    if found.get("exclusiveMinimum") is True:
        found["exclusiveMinimum"] = found.pop("minimum")
    return found


def outside() -> Json:
    """The schema outside the cluster, with every reference resolved and every `or null` dropped."""
    whole = Document.model_json_schema(by_alias=True)

    def resolved(one: Any) -> Any:
        if isinstance(one, list):
            return [resolved(each) for each in one]
        if not isinstance(one, dict):
            return one
        if "$ref" in one:
            return resolved(
                {**whole["$defs"][one["$ref"].rpartition("/")[2]], **{k: one[k] for k in one if k != "$ref"}}
            )
        if "anyOf" in one:
            (kind,) = [each for each in one["anyOf"] if each.get("type") != "null"]
            return resolved({**kind, **{k: v for k, v in one.items() if k not in ("anyOf", "default")}})
        return {key: resolved(value) for key, value in one.items()}

    found: Json = resolved(whole["properties"]["spec"])
    return found


def read_by_code(inside: Mapping[str, Any]) -> bool:
    """Quantities, durations and times: what the schema outside reads by a function of its own."""
    return bool(
        inside.get("x-kubernetes-int-or-string") or "0-9" in inside.get("pattern", "") or inside.get("format")
    )  # fmt: skip


def test_the_schema_outside_the_cluster_says_the_same() -> None:
    ours, theirs = ({path: (one, needed) for path, one, needed in fields(part)} for part in (SPEC, outside()))
    assert list(ours) == list(theirs)
    for path, (one, needed) in ours.items():
        other, other_needed = theirs[path]
        assert needed == (other_needed or path in OUTSIDE_OPTIONAL), path
        if not read_by_code(one) and one["type"] != "object" and not path.startswith("forecast."):
            assert facts(one) == facts(other), path


def test_every_field_has_words_and_bounds() -> None:
    for path, one, _ in fields(CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]):
        if path in ("apiVersion", "kind", "metadata"):
            continue
        assert one.get("description"), path
        if not path.startswith("spec."):
            continue
        match one.get("type"):
            case "string":
                assert "enum" in one or "maxLength" in one or one.get("format") == "date-time", path
            case "integer" | "number":
                assert "minimum" in one, path
                assert "maximum" in one, path
            case "array":
                assert "maxItems" in one, path
            case None:
                assert "maxLength" in one, path


def a_policy(**spec: object) -> Json:
    signal = {"name": "connections", "kind": "Stock", "query": "sum(connections)", "capacityPerPod": "1000"}
    return {
        "apiVersion": "foresail.dev/v1alpha1", "kind": "PredictiveAutoscaler", "metadata": {"name": "gateway"},
        "spec": {
            "hpaRef": {"name": "gateway"}, "signals": [signal], "bounds": {"minReplicas": 2, "maxReplicas": 9}, **spec
        },
    }  # fmt: skip


def with_signal(**changes: object) -> Json:
    made = a_policy()
    made["spec"]["signals"][0] |= changes
    return made


def twice(name: str = "connections") -> Json:
    made = a_policy()
    made["spec"]["signals"].append({**made["spec"]["signals"][0], "name": name})
    return made


def with_target(low: object, high: object) -> Json:
    return a_policy(levers=["Target"], target={"metric": "connections", "min": low, "max": high})


def with_incident(**changes: object) -> Json:
    return a_policy(incidents=[{"start": "2026-03-07T16:00:00Z", "end": "2026-03-07T16:30:00Z", **changes}])


def with_event(**changes: object) -> Json:
    event = {"start": "2026-12-31T22:30:00Z", "end": "2027-01-01T01:00:00Z", "minReplicas": 8}
    return a_policy(events=[{**event, **changes}])


BAD = {
    "a capacity below zero": (with_signal(capacityPerPod="-5"), "capacityPerPod", "found -5; must be a quantity"),
    "a capacity of zero": (with_signal(capacityPerPod=0), "capacityPerPod", "found 0; must be a quantity above 0"),
    "a capacity in words": (with_signal(capacityPerPod="plenty"), "capacityPerPod", "found plenty; must be"),
    "an empty query": (with_signal(query=""), "query", "should be at least 1 chars long"),
    "a query of blanks": (with_signal(query="  "), "query", "should match '\\S'"),
    "an unknown kind of signal": (with_signal(kind="Wave"), "kind", 'supported values: "Stock", "Flow"'),
    "no signal": (a_policy(signals=[]), "signals", "should have at least 1 items"),
    "a name given twice": (twice(), "signals[1]", "Duplicate value"),
    "min above max": (
        a_policy(bounds={"minReplicas": 5, "maxReplicas": 4}), "bounds",
        "minReplicas 5 is above maxReplicas 4; allowed is at most that",
    ),
    "no replica": (a_policy(bounds={"minReplicas": 0, "maxReplicas": 4}), "minReplicas", "greater than or equal to 1"),
    "no bounds": (a_policy(bounds=None), "bounds", "Required value"),
    "Target without target": (a_policy(levers=["Target"]), "spec", "the lever Target is given without target; give"),
    "target without Target": (
        a_policy(target={"metric": "connections", "min": 1, "max": 2}), "spec",
        "target is given without the lever Target; add",
    ),
    "a target of which min is above max": (with_target("900", "600"), "target", "min 900 is above max 600; allowed"),
    "a target of zero": (with_target("0", "600"), "target.min", "found 0; must be a quantity above 0"),
    "an unknown lever": (a_policy(levers=["Ceiling"]), "levers", 'supported values: "Floor", "Target"'),
    "an unknown mode": (a_policy(mode="On"), "mode", "Unsupported value"),
    "a lead time in words": (a_policy(leadTime="soon"), "leadTime", "should match"),
    "a lead time beyond the forecast": (a_policy(leadTime="15m"), "leadTime", "found 15m; allowed is at most 14m"),
    "a hold of a day": (a_policy(rampDown={"hold": "24h"}), "hold", "found 24h; allowed is at most 1h"),
    "a ramp of nothing": (a_policy(rampDown={"percentPerMinute": 0}), "percentPerMinute", "greater than 0"),
    "an event that ends first": (
        with_event(end="2026-12-31T22:30:00Z"), "events[0]",
        "ends at 2026-12-31T22:30:00Z, not after its start 2026-12-31T22:30:00Z",
    ),
    "an event beyond the maximum": (
        with_event(minReplicas=10), "spec",
        "an event asks for 10 replicas; allowed is at most bounds.maxReplicas, which is 9",
    ),
    "an incident that ends first": (
        with_incident(end="2026-03-07T17:00:00+01:00"), "incidents[0]", "not after its start 2026-03-07T16:00:00Z"
    ),
    "an incident at no time": (with_incident(start="noon"), "incidents[0].start", "date-time"),
    "too many incidents": (
        a_policy(incidents=with_incident()["spec"]["incidents"] * 101), "incidents", "must have at most 100 items"
    ),
    "a cost of nothing": (a_policy(costRatio=0), "costRatio", "greater than 0"),
    "a Prometheus at no URL": (a_policy(prometheus={"url": "prometheus:9090"}), "url", "should match"),
    "nothing to scale": (a_policy(hpaRef=None), "spec", "found neither hpaRef nor scaledObjectRef; give"),
    "two things to scale": (
        a_policy(scaledObjectRef={"name": "chat"}), "spec", "found both hpaRef and scaledObjectRef; give"
    ),
    "the targets of KEDA": (
        a_policy(
            hpaRef=None, scaledObjectRef={"name": "chat"}, levers=["Target"],
            target={"metric": "connections", "min": 1, "max": 2},
        ), "spec", "KEDA writes the targets of its HPA",
    ),
    "an unknown field": (a_policy(maximum=3), "spec.maximum", "unknown field"),
    "an unknown field deep down": (with_signal(capacity=3), "spec.signals[0].capacity", "unknown field"),
}  # fmt: skip


@pytest.fixture(scope="module")
def served(cluster: ControlPlane) -> Iterator[str]:
    """The path of a namespace's policies."""
    make_namespace(cluster.api, "schema")
    with contextlib.suppress(ApiError):
        cluster.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)

    def answers() -> bool:
        with contextlib.suppress(ApiError):
            return bool(cluster.api.get(policies_path("schema")))
        return False

    until(answers)
    yield policies_path("schema")
    cluster.api.delete(policies_path("schema"))


@pytest.mark.cluster
@pytest.mark.parametrize("name", BAD)
def test_the_api_server_refuses_it_in_words(cluster: ControlPlane, served: str, name: str) -> None:
    policy, where, why = BAD[name]
    with pytest.raises(ApiError) as refused:
        cluster.api.create(f"{served}?fieldValidation=Strict", _without_null(policy))
    assert refused.value.status in (400, 422)
    assert where in str(refused.value)
    assert why in str(refused.value)


@pytest.mark.cluster
def test_what_both_schemas_allow_is_taken_and_its_hpa_is_for_good(cluster: ControlPlane, served: str) -> None:
    for good in (
        a_policy(),
        twice("more"),
        with_target("600", "0.9k"),
        with_event(),
        with_incident(reason="release 41"),
        a_policy(leadTime="1m30s"),
    ):
        made = cluster.api.create(f"{served}?fieldValidation=Strict&dryRun=All", good)
        assert made["spec"]["mode"] == "Observe"
    cluster.api.create(served, a_policy())
    with pytest.raises(ApiError, match="hpaRef cannot be changed from gateway to another; make another policy instead"):
        cluster.api.patch(f"{served}/gateway", {"spec": {"hpaRef": {"name": "another"}}})
    cluster.api.patch(f"{served}/gateway", {"spec": {"mode": "Active"}})


def _without_null(policy: Json) -> Json:
    made = deepcopy(policy)
    made["spec"] = {key: value for key, value in made["spec"].items() if value is not None}
    return made


@pytest.mark.cluster
def test_a_column_never_shows_a_floor_that_is_not_in_force(
    cluster: ControlPlane, served: str, kubectl: Program
) -> None:
    """With FLOOR of what was decided, an Observe that changes nothing looked like one that does."""
    shown = {}
    for mode in ("Observe", "Active"):
        made = a_policy(mode=mode)
        made["metadata"]["name"] = mode.lower()
        policy = cluster.api.create(served, made)
        outcome = decided(a_subject(mode=mode), [a_forecast(peak=9000.0)])
        status = status_of(policy, outcome, Aside(), datetime.now(UTC))  # noqa: TID251
        cluster.api.patch(f"{served}/{mode.lower()}/status", {"status": status})
        table = kubectl.run("get", "pas", mode.lower(), "-n", "schema").splitlines()
        columns = [match.start() for match in re.finditer(r"\S+", table[0])]
        cells = [table[1][low:high].strip() for low, high in pairwise([*columns, None])]
        shown[mode] = dict(zip(table[0].split(), cells, strict=True))
    assert (shown["Active"]["FLOOR"], shown["Active"]["WANTED"], shown["Active"]["MODE"]) == ("9", "9", "Active")
    assert (shown["Observe"]["FLOOR"], shown["Observe"]["WANTED"], shown["Observe"]["MODE"]) == ("", "9", "Observe")
