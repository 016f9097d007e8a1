"""Access to the API server: what it refuses is an error with its reason, and a watch tells what happens."""

from __future__ import annotations

import threading

import pytest

from tests.cluster.api import Api, ApiError, Event
from tests.cluster.control_plane import ControlPlane, make_namespace
from tests.helpers.processes import until

pytestmark = pytest.mark.cluster

MAPS = "/api/v1/namespaces/api/configmaps"


def test_an_object_is_made_changed_replaced_and_removed(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "api")
    made = cluster.api.create(MAPS, {"metadata": {"name": "m"}, "data": {"a": "1"}})
    assert cluster.api.patch(f"{MAPS}/m", {"data": {"a": None, "b": "2"}})["data"] == {"b": "2"}
    with pytest.raises(ApiError, match="Conflict") as stale:
        cluster.api.replace(f"{MAPS}/m", made)
    assert stale.value.status == 409
    cluster.api.delete(f"{MAPS}/m")
    with pytest.raises(ApiError) as gone:
        cluster.api.get(f"{MAPS}/m")
    assert (gone.value.status, gone.value.reason) == (404, "NotFound")


def test_an_unknown_user_is_refused(cluster: ControlPlane) -> None:
    with pytest.raises(ApiError, match="401 Unauthorized"):
        Api(cluster.url, "nobody", str(cluster.certificate)).get("/api/v1/pods")


def test_a_watch_tells_what_happens_until_it_is_stopped(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "watched")
    path = "/api/v1/namespaces/watched/secrets"
    seen: list[Event] = []
    watch = cluster.api.watch(path, cluster.api.get(path)["metadata"]["resourceVersion"])

    def follow() -> None:
        with watch:
            for event in watch:
                seen.append(event)  # noqa: PERF402  one by one is what the test looks at

    thread = threading.Thread(target=follow)
    thread.start()
    cluster.api.create(path, {"metadata": {"name": "s"}})
    cluster.api.delete(f"{path}/s")
    until(lambda: len(seen) == 2)
    watch.stop()
    thread.join()
    assert [(event.type, event.object["metadata"]["name"]) for event in seen] == [("ADDED", "s"), ("DELETED", "s")]
