"""The patch of an HPA, applied as RFC 6902 says: afterwards it is as asked, and nothing else is different."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import BadPolicy
from controller.hpa_patch import Change, floor_of, operations, target_of, without_claim

Json = dict[str, Any]
KEYS = ("foresail.dev/original", "a~b/c")


def an_hpa(floor: int | None = 2, annotations: dict[str, str] | None = None) -> Json:
    def external(name: str, target: Json) -> Json:
        return {"type": "External", "external": {"metric": {"name": name}, "target": target}}

    metadata: Json = {"name": "gateway", "namespace": "chat", "resourceVersion": "7"}
    if annotations is not None:
        metadata["annotations"] = annotations
    spec: Json = {
        "maxReplicas": 9,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}},
            external("queue", {"type": "Value", "value": "5"}),
            external("connections", {"type": "AverageValue", "averageValue": "700"}),
        ],
    }  # fmt: skip
    if floor is not None:
        spec["minReplicas"] = floor
    return {"metadata": metadata, "spec": spec}


def applied(document: Json, patch: list[Json]) -> Json:
    """RFC 6902, of which add, remove and replace are used."""
    result: Any = deepcopy(document)
    for one in patch:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]]
        place = result
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        key: Any = int(last) if isinstance(place, list) else last
        if one["op"] == "remove":
            del place[key]
        else:
            assert one["op"] == "add" or key in place
            place[key] = one["value"]
    return dict(result)


hpas = st.builds(
    an_hpa,
    st.one_of(st.none(), st.integers(1, 9)),
    st.one_of(st.none(), st.dictionaries(st.sampled_from([*KEYS, "other"]), st.text(), max_size=3)),
)
changes = st.builds(
    Change,
    st.one_of(st.none(), st.integers(1, 9)),
    st.dictionaries(st.just("connections"), st.sampled_from(["700", "0.7k", "650", "812500m"])),
    st.dictionaries(st.sampled_from(KEYS), st.one_of(st.none(), st.text())),
)


@given(hpas, changes)
def test_afterwards_it_is_as_asked_and_nothing_else_differs(hpa: Json, change: Change) -> None:
    patch = operations(hpa, change)
    after = applied(hpa, patch)
    if change.floor is not None:
        assert floor_of(after) == change.floor
    there = after["metadata"].get("annotations", {})
    assert all(there.get(key) == value for key, value in change.annotations.items())
    assert operations(after, change) == []
    for one in (hpa, after):
        one["spec"].pop("minReplicas", None)
        for key in change.annotations:
            one["metadata"].get("annotations", {}).pop(key, None)
        if not one["metadata"].get("annotations"):
            one["metadata"].pop("annotations", None)
        if change.targets:
            one["spec"]["metrics"][2]["external"]["target"].pop("averageValue")
    assert after == hpa


@given(hpas, changes)
def test_a_patch_states_the_version_that_it_is_for(hpa: Json, change: Change) -> None:
    patch = operations(hpa, change)
    assert not patch or patch[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}


def test_a_target_is_read_and_moved_by_its_name() -> None:
    hpa = an_hpa()
    assert target_of(hpa, "connections") == "700"
    assert target_of(hpa, "queue") is None
    after = applied(hpa, operations(hpa, Change(targets={"connections": "812500m"})))
    assert target_of(after, "connections") == "812500m"
    with pytest.raises(BadPolicy, match=r"the metric queue; with an averageValue the HPA has connections: name one"):
        operations(hpa, Change(targets={"queue": "5"}))


def test_every_entry_of_ours_goes_and_no_other() -> None:
    hpa = an_hpa()
    assert without_claim(hpa, "foresail") == []
    managers = ["helm", "foresail", "kubectl", "foresail"]
    hpa["metadata"]["managedFields"] = [{"manager": name} for name in managers]
    after = applied(hpa, without_claim(hpa, "foresail"))
    assert [entry["manager"] for entry in after["metadata"]["managedFields"]] == ["helm", "kubectl"]
