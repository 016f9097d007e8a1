"""The lead time from pods as a cluster has them: first readiness only, a percentile, and not before enough is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.lead_time import FEWEST, LONGEST, SYNC, LeadTimes, scaled_by, start_of, target_of
from tests.helpers.builders import at

Json = dict[str, Any]
WEB = ("chat", "Deployment", "web")


def a_pod(uid: str, start_s: float | None, *, restarts: int = 0, owner: str = "web-5d4f") -> Json:
    """Of a Deployment; ready so many seconds after its creation, None: not yet."""
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": at().isoformat()}
    if start_s is not None:
        ready |= {"status": "True", "lastTransitionTime": at(seconds=start_s).isoformat()}
    return {
        "metadata": {
            "namespace": "chat", "name": f"{owner}-{uid}", "uid": uid, "creationTimestamp": at().isoformat(),
            "labels": {"pod-template-hash": "5d4f"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "controller": True}],
        },
        "status": {"conditions": [ready], "containerStatuses": [{"restartCount": restarts}]},
    }  # fmt: skip


def test_until_enough_is_known_there_is_none() -> None:
    leads = LeadTimes()
    for k in range(FEWEST):
        assert leads.of(WEB) is None
        leads.learn(a_pod(str(k), None))
        leads.learn(a_pod(str(k), 40))
    assert leads.of(WEB) == SYNC + timedelta(seconds=40)
    assert leads.of(("chat", "Deployment", "other")) is None


def test_only_the_first_readiness_counts() -> None:
    leads = LeadTimes()
    for k in range(FEWEST):
        leads.learn(a_pod(str(k), 40))
        leads.learn(a_pod(str(k), 4000))
    leads.learn(a_pod("restarted", 4000, restarts=1))
    assert leads.of(WEB) == SYNC + timedelta(seconds=40)
    assert start_of(a_pod("a", None)) is None


def test_pods_that_are_ready_again_days_later_tell_of_no_start() -> None:
    """As whoever begins to look finds them, after an outage of what they need."""
    leads = LeadTimes()
    for k in range(2 * FEWEST):
        leads.learn(a_pod(str(k), 40 if k % 2 else 2 * 86_400))
    assert leads.of(WEB) == SYNC + timedelta(seconds=40)


def test_what_is_forgotten_is_learned_anew() -> None:
    leads = LeadTimes()
    for k in range(FEWEST):
        leads.learn(a_pod(str(k), 40))
    leads.forget(("chat", "Job", "never seen"))
    assert leads.of(WEB) is not None
    leads.forget(WEB)
    assert leads.of(WEB) is None


@given(st.lists(st.floats(0, 3000), min_size=FEWEST, max_size=50))
def test_nine_starts_in_ten_are_no_longer(starts: list[float]) -> None:
    leads = LeadTimes()
    for k, start in enumerate(starts):
        leads.learn(a_pod(str(k), start))
    lead = leads.of(WEB)
    assert lead is not None
    assert lead <= LONGEST
    longer = sum(SYNC + timedelta(seconds=start) > lead for start in starts)
    assert lead == LONGEST or longer <= 0.1 * len(starts)


@pytest.mark.parametrize(
    ("kind", "name", "labels", "expected"),
    [
        ("ReplicaSet", "web-front-5d4f", {"pod-template-hash": "5d4f"}, ("chat", "Deployment", "web-front")),
        ("ReplicaSet", "web-front-5d4f", {"rollouts-pod-template-hash": "5d4f"}, ("chat", "Rollout", "web-front")),
        ("ReplicaSet", "bare", {}, ("chat", "ReplicaSet", "bare")),
        ("StatefulSet", "db", {}, ("chat", "StatefulSet", "db")),
    ],
)
def test_a_pod_belongs_to_what_an_hpa_scales(
    kind: str, name: str, labels: dict[str, str], expected: tuple[str, str, str]
) -> None:
    pod = a_pod("a", 1)
    pod["metadata"] |= {"ownerReferences": [{"kind": kind, "name": name, "controller": True}], "labels": labels}
    assert target_of(pod) == expected
    reference = {"kind": expected[1], "name": expected[2]}
    assert scaled_by({"metadata": {"namespace": "chat"}, "spec": {"scaleTargetRef": reference}}) == expected
    pod["metadata"]["ownerReferences"] = []
    assert target_of(pod) is None
