"""Vectors: what a running kube-controller-manager saw and answered at each sync of an HPA, and the model on the same.

A file holds runs: the controller's flags, and one scenario a line. A scenario has the spec of its HPA as it was given,
and its syncs. Times are seconds since `start`; quantities are milli-units; what a sync leaves out is as in the sync
before, except `restarted`, `desired` and `reasons`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from controller.hpa_manifest import hpa_spec
from controller.simulation.hpa import State, Sync, step
from controller.simulation.hpa_pods import ConditionStatus, Phase, Pod, Readiness, Sample
from controller.simulation.hpa_spec import Flags, HpaSpec, Metrics, Scale
from tests.cluster.api import Json

RECORDED = Path(__file__).parent / "recorded"
NOT_KEPT = ("at", "restarted", "desired", "reasons")


@dataclass(frozen=True)
class Vector:
    """One scenario as it was played."""

    name: str
    flags: Json
    start: str
    spec: Json
    syncs: tuple[Json, ...]


class Answered(NamedTuple):
    """What the controller answered to one sync, and what the model does on the same inputs."""

    number: int
    desired: int
    reasons: Mapping[str, str]
    model: Sync
    replicas: int

    @property
    def differs(self) -> str:
        """In what the two differ; empty where they agree."""
        if self.model.replicas != self.desired:
            return (
                f"sync {self.number}: {self.replicas} replicas, controller {self.desired}, model {self.model.replicas}"
            )
        for condition, reason in self._model_reasons().items():
            if self.reasons.get(condition) != reason:
                return f"sync {self.number}: {condition} is {self.reasons.get(condition)}, model {reason}"
        return ""

    def _model_reasons(self) -> dict[str, str]:
        """Those that the sync itself decided; a change of the Scale has the last word on AbleToScale."""
        condition = self.model.condition
        able = "SucceededRescale" if self.model.replicas != self.replicas else condition.able
        reasons = {"ScalingActive": condition.active, "AbleToScale": able, "ScalingLimited": condition.limited}
        return {name: str(reason) for name, reason in reasons.items() if reason is not None}


def replayed(vector: Vector) -> Iterator[Answered]:
    """The model on what the controller saw, sync by sync, from what the controller had made of the Scale before."""
    flags, start = flags_of(vector.flags), datetime.fromisoformat(vector.start)
    state, seen = State(), dict[str, Any]({"spec": vector.spec, "pods": {}, "metrics": {}})
    for number, sync in enumerate(vector.syncs):
        seen |= {key: value for key, value in sync.items() if key not in NOT_KEPT}
        if sync.get("restarted"):
            state = State(scaled_to_zero=state.scaled_to_zero)
        now = start + timedelta(seconds=sync["at"])
        scale = Scale(seen["replicas"], seen["statusReplicas"], _pods(seen["pods"], start))
        model = step(_spec(seen["spec"], flags), state, scale, _metrics(seen["metrics"], start), now)
        state = model.state
        yield Answered(number, sync["desired"], sync["reasons"], model, scale.replicas)


def flags_of(flags: Mapping[str, Any]) -> Flags:
    """The flags of the kube-controller-manager that the model has too."""

    def seconds(name: str) -> timedelta:
        return timedelta(seconds=float(flags[f"horizontal-pod-autoscaler-{name}"].removesuffix("s")))

    return Flags(
        tolerance=float(flags["horizontal-pod-autoscaler-tolerance"]),
        downscale_stabilization=seconds("downscale-stabilization"),
        cpu_initialization_period=seconds("cpu-initialization-period"),
        initial_readiness_delay=seconds("initial-readiness-delay"),
        scale_to_zero=flags.get("feature-gates") == "HPAScaleToZero=true",
    )


def _spec(spec: Json, flags: Flags) -> HpaSpec:
    manifest = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": spec}
    return hpa_spec(manifest, "vector", flags)


def _pods(pods: Mapping[str, Json], start: datetime) -> tuple[Pod, ...]:
    return tuple(_pod(name, pod, start) for name, pod in pods.items())


def _pod(name: str, pod: Json, start: datetime) -> Pod:
    ready = None
    if "ready" in pod:
        status, since = pod["ready"]
        ready = Readiness(ConditionStatus(status), start + timedelta(seconds=since))
    started = start + timedelta(seconds=pod["started"]) if "started" in pod else None
    return Pod(name, Phase(pod["phase"]), pod.get("deleting", False), ready, started, pod["requests"])


def _metrics(said: Json, start: datetime) -> Metrics:
    return Metrics(
        external={key: tuple(series) for key, series in said.get("external", {}).items()},
        pods=said.get("pods", {}),
        objects=said.get("objects", {}),
        resources={
            key: {
                pod: Sample(value, start + timedelta(seconds=at), timedelta(seconds=window))
                for pod, (value, at, window) in samples.items()
            }
            for key, samples in said.get("resources", {}).items()
        },
    )


def without_repeats(syncs: Sequence[Json]) -> tuple[Json, ...]:
    """The syncs with everything left out that is as in the sync before."""
    last: Json = {}
    shorter = []
    for sync in syncs:
        shorter.append({key: value for key, value in sync.items() if key in NOT_KEPT or last.get(key) != value})
        last = last | sync
    return tuple(shorter)


def write(path: Path, vectors: Sequence[Vector]) -> None:
    """One vector a line, so that a line is one thing to look at, and to compare."""
    lines = [
        json.dumps(vars(replace(vector, syncs=without_repeats(vector.syncs))), separators=(",", ":"))
        for vector in vectors
    ]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def read(path: Path) -> list[Vector]:
    """The vectors of a file."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Vector(**{**vector, "syncs": tuple(vector["syncs"])}) for vector in found]
