"""Which pods count: the order of the rules of groupPods, and when a CPU sample may be of a pod's start."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller.simulation.hpa_pods import ConditionStatus, Phase, Pod, Readiness, Sample, group_pods, is_starting
from tests.helpers.hpa_cases import START

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
PERIOD, DELAY, WINDOW = timedelta(minutes=5), timedelta(seconds=30), timedelta(seconds=15)


def test_each_pod_is_in_the_first_group_that_fits() -> None:
    pods = (
        Pod("ready"),
        Pod("ending", deleting=True),
        Pod("ending while pending", Phase.PENDING, deleting=True),
        Pod("failed", Phase.FAILED),
        Pod("pending", Phase.PENDING),
        Pod("silent"),
        Pod("starting"),
    )
    sampled = {pod.name for pod in pods} - {"silent"}
    groups = group_pods(pods, sampled, lambda pod: pod.name == "starting")
    assert groups.ready == 1
    assert groups.ignored == {"ending", "ending while pending", "failed"}
    assert groups.unready == {"pending", "starting"}
    assert groups.missing == {"silent"}


@pytest.mark.parametrize(
    ("age_s", "ready", "since_s", "sample_s", "starting"),
    [
        # within the initialization period: not while it is not ready, and a whole window after it became so
        (299, FALSE, 290, 0, True),
        (299, TRUE, 60, 45, False),
        (299, TRUE, 60, 46, True),
        (299, UNKNOWN, 60, 45, False),
        # afterwards, from the very end of it on: only where it was never ready
        (300, TRUE, 1, 1, False),
        (300, FALSE, 271, 0, True),
        (300, FALSE, 270, 0, False),
        (300, UNKNOWN, 299, 0, False),
    ],
)
def test_a_cpu_sample_may_be_of_the_start(
    age_s: int, ready: ConditionStatus, since_s: int, sample_s: int, starting: bool
) -> None:
    """All in seconds before now."""
    pod = Pod("a", ready=Readiness(ready, START - timedelta(seconds=since_s)), started=START - timedelta(seconds=age_s))
    sample = Sample(0, START - timedelta(seconds=sample_s), WINDOW)
    assert is_starting(pod, sample, START, PERIOD, DELAY) is starting


@pytest.mark.parametrize("pod", [Pod("a", started=START), Pod("a", ready=Readiness(TRUE, START))])
def test_a_pod_without_a_start_or_a_condition_is_starting(pod: Pod) -> None:
    assert is_starting(pod, Sample(0, START, WINDOW), START, PERIOD, DELAY)


def test_requests_are_summed_and_one_that_is_absent_spoils_the_sum() -> None:
    pod = Pod("a", requests={"app": {"cpu": 100, "memory": 5}, "sidecar": {"cpu": 20}})
    assert pod.request("cpu") == 120
    assert pod.request("cpu", "sidecar") == 20
    assert pod.request("memory") is None
    assert pod.request("memory", "app") == 5
    assert pod.request("cpu", "nobody") is None


@pytest.mark.parametrize(
    ("phase", "ready", "is_ready"),
    [
        (Phase.RUNNING, Readiness(TRUE, START), True),
        (Phase.RUNNING, Readiness(UNKNOWN, START), False),
        (Phase.RUNNING, None, False),
        (Phase.PENDING, Readiness(TRUE, START), False),
    ],
)
def test_ready_is_running_with_a_condition_that_says_true(phase: Phase, ready: Readiness, is_ready: bool) -> None:
    assert Pod("a", phase, ready=ready).is_ready is is_ready
