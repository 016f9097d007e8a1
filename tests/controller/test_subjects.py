"""Which policy holds which HPA: each refusal has its reason, and none of them is another's."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from controller.scaled_objects import WithViews
from controller.subjects import Refusal, Subject, named_by, owner_of, subjects
from tests.controller.test_hpa_patch import an_hpa

Json = dict[str, Any]


def a_policy(name: str = "gateway", *, created: str = "2026-03-02T20:00:00Z", **spec: object) -> Json:
    signal = {"name": "connections", "kind": "Stock", "query": "sum(connections)", "capacityPerPod": "1000"}
    return {
        "apiVersion": "foresail.dev/v1alpha1",
        "kind": "PredictiveAutoscaler",
        "metadata": {"name": name, "namespace": "chat", "uid": name, "creationTimestamp": created},
        "spec": {
            "hpaRef": {"name": "gateway"}, "signals": [signal], "bounds": {"minReplicas": 2, "maxReplicas": 9}, **spec
        },
    }  # fmt: skip


def found(*policies: Json, hpa: Json | None = None) -> dict[str, Subject | Refusal]:
    hpas = {("chat", "gateway"): an_hpa() if hpa is None else hpa}
    given = {("chat", one["metadata"]["name"]): one for one in policies}
    return {key[1]: one for key, one in subjects(given, hpas).items()}


def refusal(one: Subject | Refusal) -> tuple[str, str]:
    assert isinstance(one, Refusal)
    return one.reason, one.message


def test_a_policy_holds_its_hpa() -> None:
    one = found(a_policy())["gateway"]
    assert isinstance(one, Subject)
    assert (one.workload.hpa, one.hpa) == ("gateway", an_hpa())


def test_a_policy_holds_a_scaled_object() -> None:
    owned = an_hpa()
    owned["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "chat", "controller": True}]
    scaled = {"metadata": {"name": "chat", "namespace": "chat"}, "spec": {}, "status": {"hpaName": "gateway"}}
    hpas = WithViews({("chat", "gateway"): owned}, {("chat", "chat"): scaled})
    by_hpa, missing = a_policy("by-hpa"), a_policy("missing")
    named = a_policy("named")
    for policy, name in ((named, "chat"), (missing, "nobody")):
        del policy["spec"]["hpaRef"]
        policy["spec"]["scaledObjectRef"] = {"name": name}
    found = subjects({("chat", one["metadata"]["name"]): one for one in (by_hpa, named, missing)}, hpas)
    one = found["chat", "named"]
    assert isinstance(one, Subject)
    assert one.hpa == hpas["chat", "ScaledObject/chat"]
    assert refusal(found["chat", "by-hpa"]) == (
        "HpaOwned",
        "the HPA gateway belongs to ScaledObject chat, which would undo every change; name it in spec.scaledObjectRef"
        " instead",
    )
    reason, said = refusal(found["chat", "missing"])
    assert (reason, "which has chat; create it" in said) == ("ScaledObjectNotFound", True)


def test_what_is_named_is_known_before_it_is_there() -> None:
    scaled = a_policy("second", scaledObjectRef={"name": "chat"})
    del scaled["spec"]["hpaRef"]
    assert named_by([a_policy(), scaled]) == {("chat", "gateway"), ("chat", "ScaledObject/chat")}


def test_the_oldest_of_several_holds_it() -> None:
    both = found(a_policy("young", created="2026-03-02T20:00:01Z"), a_policy("old"))
    assert isinstance(both["old"], Subject)
    assert refusal(both["young"]) == (
        "DuplicatePolicy", "the HPA gateway is held by the older policy old; remove one of the two"
    )  # fmt: skip
    bad = found(a_policy("young", created="2026-03-02T20:00:01Z"), a_policy("old", signals=[]))
    assert isinstance(bad["young"], Subject)  # one that cannot be followed holds nothing


@pytest.mark.parametrize(
    ("spec", "reason", "said"),
    [
        ({"unknown": 1}, "BadPolicy", "chat/gateway: spec.unknown: unknown key"),
        ({"hpaRef": {"name": "nobody"}}, "HpaNotFound", "no HPA nobody in chat, which has gateway; create it"),
        ({"hpaRef": None}, "BadPolicy", "no hpaRef; name the HorizontalPodAutoscaler"),
        (
            {"bounds": {"minReplicas": 10, "maxReplicas": 20}},
            "BadPolicy",
            "minReplicas 10, but the HPA's maxReplicas is 9",
        ),
        (
            {"levers": ["Target"], "target": {"metric": "cpu", "min": 1, "max": 2}},
            "BadPolicy",
            "target.metric cpu: the HPA gateway has no metric of that name with an averageValue",
        ),
    ],
)
def test_what_cannot_be_followed_says_why(spec: dict[str, Any], reason: str, said: str) -> None:
    why, message = refusal(found(a_policy(**spec))["gateway"])
    assert why == reason
    assert said in message


def test_a_signal_without_a_query_is_refused() -> None:
    policy = a_policy()
    del policy["spec"]["signals"][0]["query"]
    assert refusal(found(policy)["gateway"]) == ("BadPolicy", "no query for connections; give each signal one")


def test_an_hpa_of_another_is_left_to_them() -> None:
    hpa = an_hpa()
    hpa["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "chat", "controller": True}]
    why, message = refusal(found(a_policy(), hpa=hpa)["gateway"])
    assert why == "HpaOwned"
    assert "belongs to ScaledObject chat" in message
    labelled = deepcopy(an_hpa())
    labelled["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "keda-operator"}
    assert owner_of(labelled) == "KEDA"
    labelled["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    assert owner_of(labelled) is None
