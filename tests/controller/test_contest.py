"""Who else writes the floor, as the managed fields and the resets tell."""

from __future__ import annotations

from typing import Any

import pytest

from controller.contest import MOST_RESETS, Resets, contested, holders
from controller.domain import Ownership
from tests.helpers.builders import at

Json = dict[str, Any]
NOBODY: Json = {"metadata": {}}


def held(*entries: tuple[str, str], field: str = "f:minReplicas") -> Json:
    fields = [{"manager": who, "operation": how, "fieldsV1": {"f:spec": {field: {}}}} for who, how in entries]
    other = {"manager": "someone", "operation": "Update", "fieldsV1": {"f:metadata": {}}}
    return {"metadata": {"managedFields": [*fields, other]}}


def test_only_who_holds_the_floor_counts() -> None:
    assert list(holders(held(("helm", "Apply"), ("kubectl", "Update")))) == [("helm", "Apply"), ("kubectl", "Update")]
    assert list(holders(held(("keda", "Update"), field="f:minReplicaCount"))) == [("keda", "Update")]
    assert list(holders(held(("helm", "Apply"), field="f:maxReplicas"))) == []
    assert list(holders(NOBODY)) == []


@pytest.mark.parametrize(
    ("hpa", "ownership", "resets", "failed", "expected"),
    [
        (NOBODY, Ownership.SHARE, 0, "", ("False", "Uncontested")),
        (held(("helm", "Apply")), Ownership.SHARE, MOST_RESETS - 1, "", ("False", "Uncontested")),
        (held(("helm", "Apply")), Ownership.SHARE, MOST_RESETS, "", ("True", "ResetTooOften")),
        (held(("helm", "Apply")), Ownership.RESPECT, 0, "409", ("True", "FieldHeld")),
        (NOBODY, Ownership.RESPECT, 0, "409", ("False", "Uncontested")),
        (held(("foresail", "Apply")), Ownership.FORCE, 0, "", ("True", "Claimed")),
        (held(("foresail", "Update")), Ownership.SHARE, 0, "", ("False", "Uncontested")),
    ],
)
def test_each_contest_has_its_reason(
    hpa: Json, ownership: Ownership, resets: int, failed: str, expected: tuple[str, str]
) -> None:
    found = contested(hpa, "foresail", ownership, resets, failed)
    assert (found.word, found.reason) == expected
    assert ("helm" in found.message) == (found.reason == "FieldHeld")


def test_an_hour_later_a_reset_is_forgotten() -> None:
    resets = Resets()
    for second in range(MOST_RESETS):
        assert not resets.too_many(at(0, second))
        resets.add(at(0, second))
    assert resets.too_many(at(59, 59))
    assert resets.count(at(60, 4)) == MOST_RESETS - 5
    assert not resets.too_many(at(60, 4))
