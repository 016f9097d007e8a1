"""The model on all that was recorded of a running kube-controller-manager: the replicas and reasons of each sync."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from controller.simulation.hpa import Reason
from tests.conformance.recorder import RUNS
from tests.conformance.vectors import RECORDED, Vector, read, replayed, without_repeats, write

FILES = sorted(RECORDED.glob("*.json"))


@pytest.fixture(scope="module")
def recorded() -> list[Vector]:
    return [vector for file in FILES for vector in read(file)]


def test_each_run_was_recorded() -> None:
    assert {file.stem for file in FILES} == {run.name for run in RUNS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_model_equals_the_controller_at_every_sync(file: Path) -> None:
    different = [f"{vector.name}, {one.differs}" for vector in read(file) for one in replayed(vector) if one.differs]
    assert not different


def test_enough_was_recorded_of_everything(recorded: list[Vector]) -> None:
    """Of every reason that the model knows, and of what it must have seen to come to it."""
    assert len(recorded) >= 200
    assert sum(len(vector.syncs) for vector in recorded) >= 2000
    reasons = Counter(reason for vector in recorded for sync in vector.syncs for reason in sync["reasons"].values())
    assert set(Reason) <= set(reasons)
    assert min(reasons[reason] for reason in Reason) >= 5
    pods = Counter(kind for vector in recorded for sync in vector.syncs for kind in kinds_of_pods(sync))
    assert min(pods[kind] for kind in ("Pending", "Failed", "deleting", "False", "Unknown", "None", "without")) >= 20
    assert sum("restarted" in sync for vector in recorded for sync in vector.syncs) >= 50


def kinds_of_pods(sync: dict[str, dict[str, dict[str, object]]]) -> list[str]:
    kinds = []
    for pod in sync.get("pods", {}).values():
        ready = pod.get("ready")
        kinds += [str(pod["phase"]), str(ready[0] if isinstance(ready, list) else None)]
        kinds += ["deleting"] * ("deleting" in pod)
        kinds += ["without"] * (isinstance(pod["requests"], dict) and {} in pod["requests"].values())
    return kinds


def test_a_vector_that_was_tampered_with_is_told(recorded: list[Vector]) -> None:
    vector = recorded[0]
    answers = list(replayed(vector))
    wrong = tuple(sync | {"desired": sync["desired"] + 1} for sync in vector.syncs)
    told = [one.differs for one in replayed(replace(vector, syncs=wrong))]
    assert all(
        f"controller {one.desired + 1}, model {one.desired}" in text for one, text in zip(answers, told, strict=True)
    )
    wrong = tuple(sync | {"reasons": {"ScalingActive": "Sunshine"}} for sync in vector.syncs)
    assert any("ScalingActive is Sunshine" in one.differs for one in replayed(replace(vector, syncs=wrong)))


def test_a_written_vector_is_read_again(recorded: list[Vector], tmp_path: Path) -> None:
    write(tmp_path / "two.json", recorded[:2])
    assert read(tmp_path / "two.json") == recorded[:2]


def test_what_is_as_before_is_left_out_but_for_answers() -> None:
    sync = {"at": 1.0, "replicas": 3, "pods": {}, "desired": 3, "reasons": {}}
    assert without_repeats([sync, sync, sync | {"replicas": 4}]) == (
        sync,
        {"at": 1.0, "desired": 3, "reasons": {}},
        {"at": 1.0, "replicas": 4, "desired": 3, "reasons": {}},
    )
