"""Records vectors: many scenarios at once against a control plane, some with a restart of the controller amid them.

    python -m tests.conformance.recorder            (or: make hpa-vectors)

Each run has its own flags of the kube-controller-manager, and writes one file of tests/conformance/recorded.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import control_plane
from tests.cluster.metrics_server import metrics_server
from tests.conformance.player import Player
from tests.conformance.scenarios import scenarios
from tests.conformance.stage import Stage, audit_flags, audit_log, follow_audit
from tests.conformance.vectors import RECORDED, Vector, replayed, write
from tools.control_plane import NotBuilt, locate
from tools.environment import SetupFailed

SHORTEST = 3
"""Syncs below which a vector that ended early is not kept."""


@dataclass(frozen=True)
class Run:
    """One control plane's worth of scenarios; after step `restart` the controller is killed and started again."""

    name: str
    seed: int
    count: int
    steps: int
    flags: dict[str, str]
    restart: int | None = None

    @property
    def scale_to_zero(self) -> bool:
        return "feature-gates" in self.flags


def hpa_flags(
    tolerance: float, stabilization_s: int, initialization_s: int, readiness_s: int, gates: str = ""
) -> dict[str, str]:
    """The flags that decide replicas, and the gate HPAScaleToZero where it is named."""
    flags = {
        "horizontal-pod-autoscaler-tolerance": str(tolerance),
        "horizontal-pod-autoscaler-downscale-stabilization": f"{stabilization_s}s",
        "horizontal-pod-autoscaler-cpu-initialization-period": f"{initialization_s}s",
        "horizontal-pod-autoscaler-initial-readiness-delay": f"{readiness_s}s",
    }
    return flags | ({"feature-gates": gates} if gates else {})


RUNS = (
    Run("plain", 1, 70, 12, hpa_flags(0.1, 10, 20, 6)),
    Run("restarted", 2, 70, 12, hpa_flags(0.1, 8, 20, 6), restart=6),
    Run("tolerant", 3, 50, 12, hpa_flags(0.25, 15, 12, 10)),
    Run("to-zero", 4, 50, 12, hpa_flags(0.1, 5, 20, 6, "HPAScaleToZero=true"), restart=9),
)


def record(run: Run, programs: Path, folder: Path) -> list[Vector]:
    """The vectors of a run; state and logs of its control plane stay in `folder`."""
    stage = Stage()
    played = scenarios(run.seed, run.count, run.steps, scale_to_zero=run.scale_to_zero)
    gates = {name: value for name, value in run.flags.items() if name == "feature-gates"}
    manager = {
        "controllers": "horizontal-pod-autoscaler-controller",
        "horizontal-pod-autoscaler-sync-period": "2s",
        "concurrent-horizontal-pod-autoscaler-syncs": str(run.count),
        **run.flags,
    }
    with (
        control_plane(folder, programs, api_server=audit_flags(folder) | gates, controller_manager=manager) as cluster,
        metrics_server(cluster, stage),
        follow_audit(audit_log(folder), stage.notice),
    ):
        players = [Player(cluster.api, stage, scenario, run.flags) for scenario in played]
        middle = run.steps if run.restart is None else run.restart
        _play(players, 0, middle)
        if run.restart is not None:
            cluster.kill_controller_manager()
            for player in players:
                player.restart()
                player.resume()
            cluster.start_controller_manager()
            _play(players, middle, run.steps)
        for player in players:
            player.restart()
    for player in players:
        if player.doubt:
            print(f"{run.name}: {player.vector.name} ends early: {player.doubt}", flush=True)
    return [player.vector for player in players if len(player.vector.syncs) >= SHORTEST]


def _play(players: Sequence[Player], first: int, last: int) -> None:
    with ThreadPoolExecutor(len(players)) as pool:
        for future in [pool.submit(player.play, first, last) for player in players]:
            future.result()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.recorder", description="Records vectors.")
    names = [run.name for run in RUNS]
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(names)}; none: all")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.runs if name not in names]:
        parser.error(f"no run {unknown[0]!r}; there are: {', '.join(names)}")
    try:
        programs = locate(os.environ)
    except (NotBuilt, SetupFailed) as error:
        print(f"recorder: {error}", file=sys.stderr)
        return 2
    RECORDED.mkdir(exist_ok=True)
    for run in RUNS:
        if not options.runs or run.name in options.runs:
            with tempfile.TemporaryDirectory() as folder:
                vectors = record(run, programs, Path(folder))
            write(RECORDED / f"{run.name}.json", vectors)
            _report(run, vectors)
    return 0


def _report(run: Run, vectors: Sequence[Vector]) -> None:
    syncs = [answered for vector in vectors for answered in replayed(vector)]
    print(f"{run.name}: {len(vectors)} of {run.count} scenarios, {len(syncs)} syncs", flush=True)
    for vector in vectors:
        if different := [answered.differs for answered in replayed(vector) if answered.differs]:
            print(f"{run.name}: {vector.name}: {different[0]}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
