"""What breaks under a running controller, on real parts: the right outcome each time, no crash, no pod lost to it.

One floor is held by a policy through all of it. Every version of the HPA is watched, so that a floor that dropped and
came back would be seen. What becomes of it without any controller is in `test_dead_man`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from controller.kube_cluster import policies_path
from controller.originals import ANNOTATION
from tests.cluster.api import ApiError, Json, timestamp
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path
from tests.e2e.controllers import a_policy, condition, controller, make_crd, status, warnings
from tests.e2e.recurrence import Recurrence
from tests.e2e.stage import CONNECTIONS, Scene, Stage, now
from tests.e2e.versions import Versions, versions
from tests.helpers.processes import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FLOOR = 3
QUICK = {"TICK_S": "2", "PROMETHEUS_TIMEOUT_S": "2", "LOG_LEVEL": "DEBUG"}


class Scenario(NamedTuple):
    """A floor that a controller holds, all versions of its HPA, and the controller's log."""

    stage: Stage
    scene: Scene
    seen: Versions
    log: Path


def an_event(floor: int) -> list[Json]:
    return [{"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z", "minReplicas": floor}]


def lease(scene: Scene) -> Json:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{scene.namespace}/leases/foresail-controller"
    return scene.api.get(path)


def make_hpa(scene: Scene, low: int = 1) -> None:
    scene.make_hpa(an_hpa("web", [an_external_metric(CONNECTIONS, "28")], low=low, high=12))


def moved_to(scene: Scene, floor: int) -> None:
    """The policy asks for another floor, and gets it: the controller is at work."""
    scene.api.patch(f"{policies_path(scene.namespace)}/web", {"spec": {"events": an_event(floor)}})
    until(lambda: scene.hpa()["spec"]["minReplicas"] == floor)


@pytest.fixture(scope="module")
def scenario(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """A floor that a controller holds; it has forecasts, and at the end it still runs and has failed in nothing."""
    make_crd(stage)
    folder = tmp_path_factory.mktemp("faults")
    usual = Recurrence(now() + timedelta(hours=8))
    with stage.scene("faults", lambda: usual.calm, replicas=2, history=usual.history("faults", now())) as scene:
        make_hpa(scene)
        scene.api.create(policies_path("faults"), a_policy(scene, "Active", events=an_event(FLOOR)))
        with (
            versions(stage.api, "faults") as seen,
            controller(stage, scene, folder, "one", **QUICK) as process,
        ):
            until(lambda: condition(scene, "Forecasting")[0] == "True" and floor(scene) == FLOOR, 180)
            scene.reaches(FLOOR)
            yield Scenario(stage, scene, seen, folder / "faults-one.log")
            assert process.poll() is None
        assert process.returncode == 0
    assert "Traceback" not in (folder / "faults-one.log").read_text()


def said(scenario: Scenario) -> str:
    """The controller's log."""
    return scenario.log.read_text()


def floor(scene: Scene) -> int:
    return int(scene.hpa()["spec"]["minReplicas"])


@contextmanager
def no_flap(scenario: Scenario, *then: int) -> Iterator[int]:
    """Meanwhile the HPA keeps the floor that it has, then has `then` many more, and no other one; no pod goes.

    Ramps take their time, so floors are only raised here: one scenario begins where the one before has ended.
    """
    ready = scenario.scene.replicas()[1]
    with floors(scenario, *then) as held:
        yield held
    assert scenario.scene.replicas()[1] >= ready


@contextmanager
def floors(scenario: Scenario, *then: int) -> Iterator[int]:
    """Meanwhile the HPA keeps the floor that it has, then has `then` many more, and no other one."""
    scene, seen = scenario.scene, scenario.seen
    first, held = len(seen.seen) - 1, floor(scene)
    yield held
    until(lambda: seen.floors(first)[-1] == floor(scene))
    assert seen.floors(first) == [held, *(held + more for more in then)]


def test_an_api_server_that_is_killed_and_started_again(scenario: Scenario) -> None:
    stage, scene = scenario.stage, scenario.scene
    with no_flap(scenario, 1) as held:
        before = lease(scene)["spec"]["renewTime"]
        stage.cluster.kill_api_server()
        stage.cluster.start_api_server()
        until(lambda: lease(scene)["spec"]["renewTime"] > before)
        moved_to(scene, held + 1)


def test_a_connection_that_is_half_open(scenario: Scenario) -> None:
    """For longer than a Lease may go without being renewed: whoever cannot renew it leads no more, and then again."""
    stage, scene = scenario.stage, scenario.scene
    with no_flap(scenario, 1) as held:
        losses = said(scenario).count("no longer the leader")
        stage.cluster.hold_api_server()
        try:
            until(lambda: said(scenario).count("no longer the leader") > losses)
        finally:
            stage.cluster.let_go_api_server()
        moved_to(scene, held + 1)


def test_a_lease_that_another_takes_by_force(scenario: Scenario) -> None:
    """Whoever lost it changes nothing until the other has let it lapse."""
    scene = scenario.scene
    with no_flap(scenario, 1) as held:
        taken = lease(scene)
        spec = taken["spec"] | {"holderIdentity": "another", "renewTime": f"{timestamp()[:-1]}.000000Z"}
        path = f"/apis/coordination.k8s.io/v1/namespaces/{scene.namespace}/leases/foresail-controller"
        losses = said(scenario).count("no longer the leader")
        scene.api.patch(path, {"spec": spec})
        until(lambda: said(scenario).count("no longer the leader") > losses)
        scene.api.patch(f"{policies_path(scene.namespace)}/web", {"spec": {"events": an_event(held + 1)}})
        until(lambda: lease(scene)["spec"]["holderIdentity"] == "one" or floor(scene) != held)
        assert floor(scene) == held or lease(scene)["spec"]["holderIdentity"] == "one"
        until(lambda: floor(scene) == held + 1)


def test_a_second_writer_of_the_same_hpa(scenario: Scenario) -> None:
    """Both get what they want, though each write of the other makes ours one of an older version."""
    scene = scenario.scene
    ended = threading.Event()

    def write(scene: Scene) -> None:
        n = 0
        while not ended.wait(0.01):
            with suppress(ApiError):  # as many others' writes at once as the API server tries again for
                scene.api.patch(f"{hpas_path(scene.namespace)}/web", {"metadata": {"labels": {"second": str(n + 1)}}})
                n += 1
        written.append(n)

    written: list[int] = []
    with no_flap(scenario, 1) as held:
        writer = threading.Thread(target=write, args=(scene,))
        writer.start()
        try:
            moved_to(scene, held + 1)
        finally:
            ended.set()
            writer.join()
        assert scene.hpa()["metadata"]["labels"]["second"] == str(written[0])
        until(lambda: "foresail" not in {one["manager"] for one in scene.hpa()["metadata"]["managedFields"]})


def test_a_policy_that_is_edited_in_mid_tick(scenario: Scenario) -> None:
    """While one tick after the other waits for a Prometheus that is held."""
    scene = scenario.scene
    with no_flap(scenario, 1) as held:
        scene.prometheus.hold()
        until(lambda: condition(scene, "Degraded") == ("True", "PrometheusUnavailable"))
        scene.api.patch(f"{policies_path(scene.namespace)}/web", {"spec": {"events": an_event(held + 1)}})
        scene.prometheus.let_go()
        until(lambda: floor(scene) == held + 1)


def test_a_prometheus_that_is_stopped_slow_and_empty(scenario: Scenario) -> None:
    scene = scenario.scene
    away, well = ("True", "PrometheusUnavailable"), ("False", "AllSignalsRead")
    with no_flap(scenario):
        scene.prometheus.stop()
        until(lambda: condition(scene, "Degraded") == away)
        until(lambda: "PrometheusUnavailable" in warnings(scene))
        scene.prometheus.start()
        until(lambda: condition(scene, "Degraded") == well)
        scene.prometheus.hold()
        until(lambda: condition(scene, "Degraded") == away)
        scene.prometheus.let_go()
        until(lambda: condition(scene, "Degraded") == well)
        scene.prometheus.empty()
        decided = said(scenario).count('"decision"')
        until(lambda: said(scenario).count('"decision"') > decided + 2)
        assert condition(scene, "Forecasting")[0] == "True"  # what was read before is not forgotten


def test_an_hpa_that_is_deleted_and_made_again(scenario: Scenario) -> None:
    """The new one's own minimum is the original from then on.

    Between its creation and our floor the HPA obeys its owner's minimum: where it syncs in just that second it lets
    pods go, for the recommendations that it stabilizes by are those of the deleted one. The floor brings them back.
    """
    scene = scenario.scene
    held = floor(scene)
    with floors(scenario, -held, 2 - held, 0):
        scene.api.delete(f"{hpas_path(scene.namespace)}/web")
        until(lambda: condition(scene, "Ready") == ("False", "HpaNotFound"))
        make_hpa(scene, low=2)
        until(lambda: floor(scene) == held)
        until(lambda: status(scene).get("original") == {"minReplicas": 2})
        until(lambda: condition(scene, "Ready")[0] == "True")
    scene.reaches(held)
    assert ANNOTATION in scene.hpa()["metadata"]["annotations"]
