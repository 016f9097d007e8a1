"""Of how many pods a mean is: of those that are ready, and have been for as long as a metric is old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controller.ready_pods import MEASURED_AFTER, Counted, PodSeen, ReadyPods
from tests.controller.test_lead_time import WEB, a_pod
from tests.helpers.builders import at

SECOND = timedelta(seconds=1)


def told(*pods: dict[str, Any]) -> ReadyPods:
    found = ReadyPods()
    for pod in pods:
        found.learn("ADDED", pod)
    return found


def test_a_pod_counts_once_it_is_ready_and_measured() -> None:
    ready = told(a_pod("old", 0), a_pod("new", 100), a_pod("starting", None))
    measured_from = at(seconds=100) + MEASURED_AFTER
    assert ready.counted(WEB, measured_from - SECOND).measured == 1
    assert ready.counted(WEB, measured_from).measured == 2
    assert ready.counted(("chat", "Deployment", "other"), measured_from).measured is None


def test_where_all_are_new_all_that_are_ready_count() -> None:
    assert told(a_pod("one", 100), a_pod("two", 100)).counted(WEB, at(seconds=101)).measured == 2
    assert told(a_pod("starting", None)).counted(WEB, at(seconds=101)).measured is None


def test_one_that_is_not_ready_any_more_or_goes_does_not_count() -> None:
    ready, late = told(*(a_pod(name, 0) for name in "abcd")), at(60)
    ready.learn("MODIFIED", a_pod("a", None))
    going = a_pod("b", 0)
    going["metadata"]["deletionTimestamp"] = at().isoformat()
    ready.learn("MODIFIED", going)
    gone = a_pod("c", 0)["metadata"]
    ready.learn("DELETED", {"metadata": {"namespace": gone["namespace"], "name": gone["name"]}})
    ready.learn("DELETED", {"metadata": {"namespace": "chat", "name": "never seen"}})
    assert ready.counted(WEB, late).measured == 1


def test_those_that_the_hpa_has_seen_are_there_ready_or_not() -> None:
    def made(name: str, second: int, **status: str) -> dict[str, Any]:
        pod = a_pod(name, None)
        pod["metadata"]["creationTimestamp"] = at(seconds=second).isoformat()
        pod["status"] |= status
        return pod

    going = made("going", 0)
    going["metadata"]["deletionTimestamp"] = at().isoformat()
    pods = told(made("a", 0), made("b", 40), going, made("done", 0, phase="Succeeded"), made("out", 0, phase="Failed"))
    assert [pods.counted(WEB, at(seconds=k)).there for k in (19, 20, 59, 60)] == [None, 1, 1, 2]
    of_argo = made("argo", 0)
    of_argo["metadata"]["labels"] = {"rollouts-pod-template-hash": "6b8"}
    pods.learn("ADDED", of_argo)
    assert pods.counted(("chat", "Rollout", "web"), at(60)) == Counted()


def test_of_a_pod_is_kept_its_template_when_it_was_made_and_whether_it_goes() -> None:
    going, of_a_set = a_pod("going", 30), a_pod("set", 5)
    going["metadata"]["deletionTimestamp"] = at().isoformat()
    of_a_set["metadata"]["labels"] = {"controller-revision-hash": "web-7d"}
    of_a_set["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "web", "controller": True}]
    ready = told(going, of_a_set)
    assert list(ready.of(WEB)) == [PodSeen("5d4f", at(), None, going=True)]
    assert list(ready.of(("chat", "StatefulSet", "web"))) == [
        PodSeen("web-7d", at(), at(seconds=5), going=False)
    ]  # fmt: skip
    of_argo = a_pod("argo", 5)
    of_argo["metadata"]["labels"] = {"rollouts-pod-template-hash": "6b8"}
    ready.learn("ADDED", of_argo)
    assert [one.template for one in ready.of(("chat", "Rollout", "web"))] == ["6b8"]
    ready.learn("MODIFIED", a_pod("going", 30))
    ready.learn("DELETED", a_pod("going", 30))
    assert list(ready.of(WEB)) == []


def test_nothing_is_kept_of_a_workload_whose_last_pod_has_gone() -> None:
    """A job a minute would else be half a million workloads in a year."""
    ready = told(a_pod("a", 0), a_pod("b", 0))
    assert ready.learn("DELETED", a_pod("a", 0)) is None
    assert ready.learn("DELETED", a_pod("b", 0)) == WEB
    assert ready.learn("DELETED", a_pod("b", 0)) is None
    assert not vars(ready)["_pods"]
    assert not vars(ready)["_targets"]
