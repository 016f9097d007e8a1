"""KEDA's ScaledObjects, seen as HPAs: KEDA's HPA is what is observed, and the ScaledObject what is written. Pure.

KEDA copies minReplicaCount into its HPA and undoes what another writes there. So a policy that names a ScaledObject
holds a view: the metadata and the floor of the ScaledObject, all else of its HPA. Whoever decides need not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str]
KIND, VERSION = "ScaledObject", "keda.sh/v1alpha1"
FIELD = "minReplicaCount"
UNSAID = 0
"""What KEDA takes for a minReplicaCount that is not given."""


def is_view(held: Json) -> bool:
    """Whether it is written to a ScaledObject."""
    return held.get("kind") == KIND


def key_of_scaled(namespace: str, name: str) -> Key:
    """Under which a ScaledObject stands among the HPAs; no HPA can have that name."""
    return namespace, f"{KIND}/{name}"


def held_key(held: Json) -> Key:
    """Of an HPA its namespace and name, of a view that of its ScaledObject."""
    metadata = held["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    return key_of_scaled(namespace, name) if is_view(held) else (namespace, name)


def hpa_of(scaled: Json) -> str:
    """The name of the HPA that KEDA makes for it."""
    found: str = scaled.get("status", {}).get("hpaName") or f"keda-hpa-{scaled['metadata']['name']}"
    return found


def view(scaled: Json, hpas: Mapping[Key, Json]) -> Json | None:
    """The ScaledObject as an HPA; None while KEDA has made none."""
    hpa = hpas.get((scaled["metadata"]["namespace"], hpa_of(scaled)))
    return None if hpa is None else written(hpa, scaled)


def written(before: Json, scaled: Json) -> Json:
    """The view (or the HPA) with what the ScaledObject says now."""
    spec = {**before["spec"], "minReplicas": scaled["spec"].get(FIELD, UNSAID)}
    return {
        "apiVersion": VERSION, "kind": KIND, "metadata": scaled["metadata"], "spec": spec,
        "status": before.get("status", {}),
    }  # fmt: skip


class WithViews(Mapping[Key, Json]):
    """All HPAs, and a view of every ScaledObject that has one; each view is built when it is asked for."""

    def __init__(self, hpas: Mapping[Key, Json], scaled: Mapping[Key, Json]) -> None:
        self._hpas, self._scaled = hpas, scaled

    def __getitem__(self, key: Key) -> Json:
        namespace, name = key
        kind, _, of = name.partition("/")
        if not of:
            return self._hpas[key]
        scaled = self._scaled.get((namespace, of)) if kind == KIND else None
        found = None if scaled is None else view(scaled, self._hpas)
        if found is None:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[Key]:
        yield from self._hpas
        yield from (key_of_scaled(*key) for key, one in self._scaled.items() if self._hpa_of(one) in self._hpas)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @staticmethod
    def _hpa_of(scaled: Json) -> Key:
        return scaled["metadata"]["namespace"], hpa_of(scaled)
