"""Plays one scenario against a running control plane and writes down every sync of its HPA.

The player changes things, waits for a sync, and lets it go on at a moment at which nothing that the controller compares
with its clock is near its limit, so that a few milliseconds decide nothing. A sync of which it is not certain what it
saw, or when, ends the vector before it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from controller.hpa_manifest import hpa_spec
from controller.simulation.hpa_spec import HpaSpec
from tests.cluster.api import Api, Json
from tests.conformance.scenarios import Scenario
from tests.conformance.stage import Noticed, Stage
from tests.conformance.telling import answers, metrics
from tests.conformance.vectors import Vector, flags_of
from tests.conformance.workload import Workload

MARGIN_S = 0.15
"""How far a limit is from the moment of a sync."""
SETTLED_S = 0.3
"""After so long a change has reached the controller."""
QUIET_S = 0.6
"""A sync that has written nothing for so long is likely over; what comes next tells."""
PATIENCE_S = 30.0
_JITTER_S = 0.02


class Unsure(Exception):
    """It is not certain what a sync saw, or when."""


class Player:
    """One scenario, and what it has recorded so far."""

    def __init__(self, api: Api, stage: Stage, scenario: Scenario, flags: Mapping[str, str]) -> None:
        namespace = f"s-{scenario.name}"
        self._scenario = scenario
        self._flags = dict(flags)
        self._workload = Workload(api, namespace, scenario)
        self._seat = stage.seat(namespace, len(scenario.spec["metrics"]))
        self._start = datetime.fromtimestamp(int(_now()), UTC)
        self._spec: Json = scenario.spec
        self._limits = _Limits()
        self._reasons: dict[str, str] = {}
        self._restarted = False
        self._is_over = True
        self._syncs: list[Json] = []
        self._doubt = ""

    @property
    def vector(self) -> Vector:
        return Vector(
            self._scenario.name, self._flags, self._start.isoformat(), self._scenario.spec, tuple(self._syncs)
        )

    @property
    def doubt(self) -> str:
        """Why the vector ended before its scenario did; empty where it did not."""
        return self._doubt

    def play(self, first: int, last: int) -> None:
        """Steps `first` to `last - 1`, unless the vector has ended."""
        try:
            for number in range(first, last if not self._doubt else first):
                self._prepare(number)
                self._sync()
            if not self._is_over:
                self._next_read()
        except Unsure as reason:
            self._doubt = f"step {number}: {reason}"

    def restart(self) -> None:
        """The controller is gone, with all that it knew, and with the sync that it may have been at."""
        self._seat.forget()
        self._limits = _Limits()
        self._restarted = True

    def resume(self) -> None:
        """A new controller is about to start."""
        self._seat.hold()

    def _prepare(self, number: int) -> None:
        step = self._scenario.steps[number]
        if number == 0:
            self._workload.make()
        if step.spec:
            self._spec = self._workload.change_hpa(step.spec)
        self._changed = _now() if step.spec else 0.0
        now = _now()
        self._workload.change(step, number, datetime.fromtimestamp(now, UTC))
        self._pods = self._workload.pods(self._start)
        self._model = self._read()
        since_start = int(now - self._start.timestamp())
        self._metrics = metrics(step.said, self._model.metrics, since_start)
        self._seat.answers = answers(step.said, self._start + timedelta(seconds=since_start))
        self._prepared = _now()
        if number == 0:
            self._workload.make_hpa()

    def _read(self) -> HpaSpec:
        manifest = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": self._spec}
        return hpa_spec(manifest, self._scenario.name, flags_of(self._flags))

    def _sync(self) -> None:
        """Waits for the next sync, lets it through, and records it."""
        read = self._next_read()
        if read.at < self._changed + SETTLED_S:
            raise Unsure("the sync began amid a change of the HPA")
        held = self._asks_metrics(read)
        if held and not self._seat.is_held(PATIENCE_S):
            raise Unsure("the sync asked for no metric")
        limits = self._limits.of(self._model, self._starts()) if held else []
        began = self._go(limits) if held else read.at
        done = self._follow()
        self._seat.hold()
        during = _Span(began, max([began, *(noticed.at for noticed in done.values())]))
        if any(limit.is_near(during, _JITTER_S) for limit in limits):
            raise Unsure("the sync passed a limit")
        self._limits.synced(read.at, during, "put scale" in done)
        self._record(read, began, done)
        self._is_over = "put status" in done

    def _next_read(self) -> Noticed:
        """The Scale as the next sync reads it; a sync before that was not over after all is not kept."""
        read = self._seat.next(PATIENCE_S)
        if read is None or read.what != "get scale" or read.code != 200:
            del self._syncs[-1:]
            raise Unsure(f"waited for a sync to begin, there came {read and (read.what, read.code)}")
        return read

    def _asks_metrics(self, read: Noticed) -> bool:
        """Whether the controller goes on to the metrics, as its condition or its bounds have it."""
        replicas: int = (read.body or {})["spec"].get("replicas", 0)
        if replicas == 0:
            return self._reasons.get("ScaledToZero") == "ScaledToZero"
        return self._model.min_replicas <= replicas <= self._model.max_replicas

    def _go(self, limits: Sequence[_Span]) -> float:
        """Lets the held sync go on as soon as no limit is near and all changes have been seen."""
        moment = max(_now(), self._prepared + SETTLED_S)
        while near := [limit for limit in limits if limit.is_near(_Span(moment, moment), MARGIN_S)]:
            moment = max(limit.last for limit in near) + MARGIN_S + 1e-3
        _wait_until(moment)
        return self._seat.release()

    def _starts(self) -> list[float]:
        return [self._start.timestamp() + pod["started"] for pod in self._pods.values() if "started" in pod]

    def _follow(self) -> dict[str, Noticed]:
        """What the rest of the sync writes."""
        done: dict[str, Noticed] = {}
        while "put status" not in done and (noticed := self._seat.next(QUIET_S)):
            if noticed.what == "get scale" or noticed.code != 200:
                raise Unsure(f"{noticed.what}, answered with {noticed.code}, before the sync was over")
            done[noticed.what] = noticed
        return done

    def _record(self, read: Noticed, began: float, done: Mapping[str, Noticed]) -> None:
        scale = read.body or {}
        replicas = desired = scale["spec"].get("replicas", 0)
        put = done.get("put scale")
        if put is not None and put.body is not None:
            desired = put.body["spec"].get("replicas", 0)
        if (status := done.get("put status")) and status.body is not None:
            self._reasons = {one["type"]: one["reason"] for one in status.body["status"].get("conditions", [])}
        sync = {
            "at": round(began - self._start.timestamp(), 3),
            "spec": self._spec,
            "replicas": replicas,
            "statusReplicas": scale["status"].get("replicas", 0),
            "pods": self._pods,
            "metrics": self._metrics,
            "desired": desired,
            "reasons": self._reasons,
        }
        self._syncs.append(sync | ({"restarted": True} if self._restarted else {}))
        self._restarted = False


class _Span(NamedTuple):
    """A stretch of time in which something happened, in seconds since the epoch."""

    first: float
    last: float

    def later(self, by: timedelta) -> _Span:
        return _Span(self.first + by.total_seconds(), self.last + by.total_seconds())

    def is_near(self, other: _Span, margin_s: float) -> bool:
        return other.first - margin_s < self.last and self.first < other.last + margin_s


class _Limits:
    """When something that the controller remembers passes a limit."""

    def __init__(self) -> None:
        self._recommended: list[_Span] = []
        self._rescaled: list[_Span] = []

    def synced(self, read: float, during: _Span, rescaled: bool) -> None:
        """The first sync also remembers what it found, when it began to look."""
        self._recommended.append(during if self._recommended else _Span(read, during.last))
        if rescaled:
            self._rescaled.append(during)

    def of(self, spec: HpaSpec, starts: Sequence[float]) -> list[_Span]:
        """Every moment that matters to the next sync."""
        rules = [] if spec.behavior is None else [spec.behavior.scale_up, spec.behavior.scale_down]
        periods = {policy.period for rule in rules for policy in rule.policies}
        initialization = spec.flags.cpu_initialization_period
        return [
            *(span.later(window) for span in self._recommended for window in set(spec.windows)),
            *(span.later(period) for span in self._rescaled for period in periods),
            *(_Span(at, at).later(initialization) for at in starts),
        ]


def _now() -> float:
    return time.time()  # noqa: TID251  the clock that the controller reads


def _wait_until(moment: float) -> None:
    while (left := moment - _now()) > 0:
        time.sleep(left)  # noqa: TID251  the moment is what is waited for
