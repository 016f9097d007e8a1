"""A ScaledObject seen as an HPA: its own metadata and floor, all else of the HPA that KEDA made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from controller import scaled_objects
from controller.hpa_patch import Change, floor_of, operations
from controller.originals import ANNOTATION, given_back, raising, read, taken, was_reset
from controller.scaled_objects import WithViews, held_key, hpa_of, view, written
from tests.controller.test_hpa_patch import an_hpa

Json = dict[str, Any]


def a_scaled_object(least: int | None = 2, **metadata: Any) -> Json:
    spec: Json = {"scaleTargetRef": {"name": "gateway"}, "triggers": []}
    if least is not None:
        spec["minReplicaCount"] = least
    return {"metadata": {"name": "chat", "namespace": "chat", "resourceVersion": "7", **metadata}, "spec": spec}


def hpas() -> dict[tuple[str, str], Json]:
    made = an_hpa()
    made["metadata"]["name"] = "keda-hpa-chat"
    return {("chat", "keda-hpa-chat"): made}


def a_view(least: int | None = 2) -> Json:
    found = view(a_scaled_object(least), hpas())
    assert found is not None
    return found


def test_it_has_the_floor_and_the_metadata_of_the_scaled_object() -> None:
    found, hpa = a_view(3), hpas()["chat", "keda-hpa-chat"]
    assert (floor_of(found), found["metadata"]["name"]) == (3, "chat")
    assert found["spec"]["metrics"] == hpa["spec"]["metrics"]
    assert found["status"] == hpa.get("status", {})
    assert floor_of(a_view(None)) == 0


def test_it_stands_beside_the_hpas_under_a_name_of_its_own() -> None:
    scaled = a_scaled_object()
    assert set(WithViews(hpas(), {("chat", "chat"): scaled})) == {
        ("chat", "keda-hpa-chat"),
        ("chat", "ScaledObject/chat"),
    }
    assert held_key(a_view()) == ("chat", "ScaledObject/chat")
    assert WithViews(hpas(), {}) == hpas()
    assert WithViews({}, {("chat", "chat"): scaled}) == {}  # KEDA has made none
    assert hpa_of({**scaled, "status": {"hpaName": "mine"}}) == "mine"


def test_a_view_is_built_for_whoever_asks_for_it_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []

    def counted(scaled: Json, hpas: Mapping[tuple[str, str], Json]) -> Json | None:
        built.append(scaled["metadata"]["name"])
        return view(scaled, hpas)

    monkeypatch.setattr(scaled_objects, "view", counted)
    hpas, scaled = {}, {}
    for name in ("a", "b", "c"):
        hpas["chat", f"keda-hpa-{name}"] = an_hpa()
        scaled["chat", name] = {**a_scaled_object(), "metadata": {"namespace": "chat", "name": name}}
    both = WithViews(hpas, scaled)
    assert both["chat", "ScaledObject/b"]["metadata"]["name"] == "b"
    assert both["chat", "keda-hpa-c"] is hpas["chat", "keda-hpa-c"]
    assert ("chat", "ScaledObject/d") not in both
    assert built == ["b"]
    assert len(both) == 6


def test_what_is_written_is_the_scaled_objects_own_field() -> None:
    found = a_view()
    assert operations(found, Change(6))[1:] == [{"op": "add", "path": "/spec/minReplicaCount", "value": 6}]
    assert operations(found, Change(2)) == []
    assert operations(found, Change(6))[0]["value"] == "7"


def test_a_floor_that_was_not_given_is_not_given_afterwards() -> None:
    originals = taken(a_view(None), "chat/chat", None)
    change, noted = raising(originals, 6, None)
    raised = written(a_view(None), a_scaled_object(6, annotations={ANNOTATION: noted.text()}))
    assert (read(raised), change.floor) == (noted, 6)
    assert operations(raised, given_back(noted))[1] == {"op": "remove", "path": "/spec/minReplicaCount"}
    assert was_reset(written(raised, a_scaled_object(None, annotations={ANNOTATION: noted.text()})))
