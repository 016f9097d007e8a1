"""Every version of an HPA that the API server has served, whatever becomes of the server meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import urllib3

from tests.cluster.api import Api, ApiError, Json, Watch
from tests.cluster.workloads import hpas_path

_AGAIN_S = 0.2


@dataclass
class Versions:
    """Of the HPA `web` of one namespace, the first as it was when the watching began; a deletion is None."""

    api: Api
    namespace: str
    seen: list[Json | None] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _watch: Watch | None = None

    def floors(self, since: int = 0) -> list[int]:
        """Its minReplicas from version `since` on, without repetitions; 0 while it was deleted."""
        found = [0 if one is None else int(one["spec"]["minReplicas"]) for one in self.seen[since:]]
        return [floor for k, floor in enumerate(found) if k == 0 or floor != found[k - 1]]

    def targets(self) -> list[str]:
        """The target of its first metric, which is External, without repetitions."""
        found = [one["spec"]["metrics"][0]["external"]["target"]["averageValue"] for one in self.seen if one]
        return [target for k, target in enumerate(found) if k == 0 or target != found[k - 1]]

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except (urllib3.exceptions.HTTPError, ApiError):  # the API server has gone, or has lost what was before
                self._ended.wait(_AGAIN_S)

    def stop(self) -> None:
        self._ended.set()
        if self._watch is not None:
            self._watch.stop()

    def _follow(self) -> None:
        listed = self.api.get(hpas_path(self.namespace))
        for one in listed["items"]:
            self._note(one)
        self._watch = self.api.watch(hpas_path(self.namespace), listed["metadata"]["resourceVersion"])
        with self._watch as watch:
            if self._ended.is_set():
                return
            for event in watch:
                self._note(None if event.type == "DELETED" else event.object)

    def _note(self, one: Json | None) -> None:
        if not self.seen or one is None or self.seen[-1] != one:
            self.seen.append(one)


@contextmanager
def versions(api: Api, namespace: str) -> Iterator[Versions]:
    """While the block lasts."""
    found = Versions(api, namespace)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join()


def left_alone(one: Json) -> Json:
    """Of an HPA all that its own controller does not write."""
    meta = {key: value for key, value in one["metadata"].items() if key not in ("resourceVersion", "managedFields")}
    claims = [entry["manager"] for entry in one["metadata"].get("managedFields", []) if not entry.get("subresource")]
    return {"metadata": meta, "spec": one["spec"], "claims": claims}
