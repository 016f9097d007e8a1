"""The smallest change of an HPA that a decision asks for: a JSON patch, or none. Pure.

`spec.metrics` is one list that somebody owns as a whole; a JSON patch changes the one value in it. The patch states the
version that it was made for, so that a change of another's in between is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.errors import BadPolicy
from controller.scaled_objects import FIELD, UNSAID, is_view
from controller.schema import quantity

Json = dict[str, Any]
Operation = dict[str, Any]
_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


@dataclass(frozen=True)
class Change:
    """What is to be true of an HPA afterwards.

    floor        minReplicas; None: as it is
    targets      name of a metric -> its averageValue, as a quantity
    annotations  key -> value, None: gone
    """

    floor: int | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str | None] = field(default_factory=dict)


def operations(hpa: Json, change: Change) -> list[Operation]:
    """The patch; empty where nothing differs. Raises BadPolicy where a metric is not the HPA's."""
    found = [*_floor(hpa, change.floor), *_targets(hpa, change.targets), *_annotations(hpa, change.annotations)]
    if not found:
        return []
    return [_of_version(hpa), *found]


def floor_of(hpa: Json) -> int:
    """The HPA's minReplicas; the API server fills in 1 where none is given."""
    found: int = hpa["spec"].get("minReplicas", 1)
    return found


def target_of(hpa: Json, metric: str) -> str | None:
    """The averageValue of a metric as it is written; None where the HPA has no such metric with one."""
    found = _metric(hpa, metric)
    return None if found is None else found[1]


def without_claim(hpa: Json, manager: str, *, applied: bool = True) -> list[Operation]:
    """The patch that removes the manager's entries from the managed fields; empty where there is none.

    Without `applied` those that came by server-side apply stay.
    """
    fields = hpa["metadata"].get("managedFields", [])
    ours = [
        index
        for index, entry in enumerate(fields)
        if entry.get("manager") == manager and (applied or entry.get("operation") != "Apply")
    ]
    if not ours:
        return []
    removed = [{"op": "remove", "path": f"/metadata/managedFields/{index}"} for index in reversed(ours)]
    return [_of_version(hpa), *removed]


def _of_version(hpa: Json) -> Operation:
    """A patch that states a version is refused with 409 where the object has another by now."""
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": hpa["metadata"]["resourceVersion"]}


def _floor(hpa: Json, floor: int | None) -> Iterator[Operation]:
    if floor is None or floor == floor_of(hpa):
        return
    if is_view(hpa):
        path = f"/spec/{FIELD}"
        yield {"op": "remove", "path": path} if floor == UNSAID else {"op": "add", "path": path, "value": floor}
        return
    kind = "replace" if "minReplicas" in hpa["spec"] else "add"
    yield {"op": kind, "path": "/spec/minReplicas", "value": floor}


def _targets(hpa: Json, targets: Mapping[str, str]) -> Iterator[Operation]:
    for name, wanted in targets.items():
        found = _metric(hpa, name)
        if found is None:
            there = ", ".join(sorted(_names(hpa))) or "none"
            raise BadPolicy(f"target: the metric {name}; with an averageValue the HPA has {there}: name one of these")
        path, value = found
        if quantity(value) != quantity(wanted):
            yield {"op": "test", "path": path, "value": value}
            yield {"op": "replace", "path": path, "value": wanted}


def _metric(hpa: Json, name: str) -> tuple[str, str] | None:
    """Where the metric's averageValue is, and what."""
    for index, metric in enumerate(hpa["spec"].get("metrics") or []):
        source = _SOURCES.get(metric["type"], "")
        part = metric.get(source) or {}
        value = part.get("target", {}).get("averageValue")
        if value is not None and name_of(part) == name:
            return f"/spec/metrics/{index}/{source}/target/averageValue", value
    return None


def name_of(part: Json) -> str:
    """The name of a metric's source: of its metric, or of its resource."""
    found: str = part.get("metric", {}).get("name") or part.get("name") or ""
    return found


def _names(hpa: Json) -> Iterator[str]:
    for metric in hpa["spec"].get("metrics") or []:
        part = metric.get(_SOURCES.get(metric["type"], "")) or {}
        if "averageValue" in part.get("target", {}):
            yield name_of(part)


def _annotations(hpa: Json, wanted: Mapping[str, str | None]) -> Iterator[Operation]:
    there = hpa["metadata"].get("annotations")
    missing = there is None
    for key, value in wanted.items():
        path = "/metadata/annotations/" + key.replace("~", "~0").replace("/", "~1")
        if value is None:
            if there and key in there:
                yield {"op": "remove", "path": path}
        elif (there or {}).get(key) != value:
            if missing:
                yield {"op": "add", "path": "/metadata/annotations", "value": {}}
                missing = False
            yield {"op": "add", "path": path, "value": value}
