"""The tools that people make an HPA with, as their own processes, and what a watch saw of the HPAs and their pods."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.originals import ANNOTATION
from tests.cluster.api import Api, Json, Watch
from tests.cluster.programs import Program
from tests.cluster.workloads import an_external_metric, an_hpa, hpas_path

LOW, OWN_TARGET, METRIC = 2, "70", "connections"
_CHART = """apiVersion: v2
name: web
version: 0.1.0
"""


@dataclass(frozen=True)
class Owner:
    """One HPA: the tool that applies it, whether its manifest names minReplicas, and what its policy says.

    tool  kubectl-client, kubectl-server, helm-3 or helm-4
    """

    tool: str
    named: bool
    lever: str = "Floor"
    ownership: str = "Share"

    @property
    def name(self) -> str:
        words = (self.tool, "named" if self.named else "unnamed", self.lever, self.ownership)
        return "-".join(words).lower()

    def manifest(self, label: str) -> Json:
        metric = an_external_metric(METRIC, OWN_TARGET)
        metric["external"]["metric"]["selector"] = {"matchLabels": {"owner": self.name}}
        made = an_hpa(self.name, [metric], low=LOW, high=12)
        made["metadata"]["labels"] = {"release": label}
        if not self.named:
            del made["spec"]["minReplicas"]
        return made


@dataclass
class Tools:
    """The programs by name (helm-3, helm-4, kubectl), and a folder for what they are given."""

    programs: dict[str, Program]
    namespace: str
    folder: Path

    def __post_init__(self) -> None:
        """The chart is there before several owners ask for it at once."""
        (self._chart / "templates").mkdir(parents=True)
        (self._chart / "Chart.yaml").write_text(_CHART)
        (self._chart / "templates" / "hpa.yaml").write_text("{{ toYaml .Values.hpa }}\n")

    @property
    def _chart(self) -> Path:
        return self.folder / "chart"

    def apply(self, owner: Owner, label: str, *flags: str) -> None:
        """As its owner would, and again with another label. Raises ProgramFailed where it ends with another code."""
        if owner.tool.startswith("kubectl"):
            server = ["--server-side"] if owner.tool == "kubectl-server" else []
            manifest = json.dumps(owner.manifest(label))
            self.programs["kubectl"].run("-n", self.namespace, "apply", *server, *flags, "-f", "-", stdin=manifest)
            return
        values = self.folder / f"{owner.name}-{label}.json"
        values.write_text(json.dumps({"hpa": owner.manifest(label)}))
        self.programs[owner.tool].run(
            "-n", self.namespace, "upgrade", "--install", owner.name, self._chart, "-f", values, *flags
        )  # fmt: skip


def in_force(hpa: Json) -> tuple[int, str]:
    """Floor and target, as they stand in the spec."""
    return hpa["spec"].get("minReplicas", 1), hpa["spec"]["metrics"][0]["external"]["target"]["averageValue"]


def nothing_of_ours(hpa: Json) -> bool:
    """Neither a claim nor a note."""
    metadata = hpa["metadata"]
    managers = {entry["manager"] for entry in metadata.get("managedFields", [])}
    return "foresail" not in managers and ANNOTATION not in (metadata.get("annotations") or {})


@dataclass
class Seen:
    """What a watch saw.

    values    of each HPA: when, which label, and what was in force, oldest first
    replicas  of each Deployment: every count that was asked for
    """

    values: dict[str, list[tuple[float, str, tuple[int, str]]]] = field(default_factory=dict)
    replicas: dict[str, list[int]] = field(default_factory=dict)

    def hpa(self, one: Json) -> None:
        label = one["metadata"]["labels"]["release"]
        self.values.setdefault(one["metadata"]["name"], []).append((time.monotonic(), label, in_force(one)))

    def deployment(self, one: Json) -> None:
        self.replicas.setdefault(one["metadata"]["name"], []).append(one["spec"]["replicas"])

    def away(self, name: str, label: str, wanted: tuple[int, str]) -> tuple[float, float] | None:
        """From when to when something else stood in the spec since the apply with that label; None where it never did.

        Of time.monotonic.
        """
        mine = [(at, value) for at, told, value in self.values[name] if told == label]
        gone = next((at for at, value in mine if value != wanted), None)
        if gone is None:
            return None
        return gone, next((at for at, value in mine if at > gone and value == wanted), float("inf"))


@contextlib.contextmanager
def watching(api: Api, namespace: str) -> Iterator[Seen]:
    """What happens to all HPAs and Deployments of a namespace while the block lasts."""
    seen, open_ones, threads = Seen(), [], []
    for path, take in (
        (hpas_path(namespace), seen.hpa), (f"/apis/apps/v1/namespaces/{namespace}/deployments", seen.deployment)
    ):  # fmt: skip
        listed = api.get(path)
        for one in listed["items"]:
            take(one)
        watch = api.watch(path, listed["metadata"]["resourceVersion"])

        def follow(watch: Watch = watch, take: object = take) -> None:
            for event in watch:
                take(event.object)  # type: ignore[operator]

        threads.append(threading.Thread(target=follow, daemon=True))
        open_ones.append(watch)
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        for watch in open_ones:
            watch.stop()
        for thread in threads:
            thread.join(10)
