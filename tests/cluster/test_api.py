"""Access to the API server: what it refuses is an error with its reason, and a watch tells what happens."""

from __future__ import annotations

import threading

import pytest

from tests.cluster.api import Api, ApiError, Event, Json
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


def test_a_change_is_made_to_what_others_wrote_meanwhile(cluster: ControlPlane) -> None:
    make_namespace(cluster.api, "api")
    cluster.api.create(MAPS, {"metadata": {"name": "raced"}, "data": {"a": "1"}})
    rivals = iter(["2", "3"])

    def change(found: Json) -> Json:
        for rival in rivals:
            cluster.api.patch(f"{MAPS}/raced", {"data": {"rival": rival}})
            break
        return {**found, "data": {**found["data"], "a": "4"}}

    assert cluster.api.change(f"{MAPS}/raced", change)["data"] == {"a": "4", "rival": "3"}
    with pytest.raises(ApiError, match="NotFound"):
        cluster.api.change(f"{MAPS}/nobody", change)
    cluster.api.delete(f"{MAPS}/raced")


def test_what_a_client_finds_are_all_kinds_of_the_server(cluster: ControlPlane) -> None:
    assert {"horizontalpodautoscalers.autoscaling", "deployments.apps"} <= cluster.api.discovered()


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
