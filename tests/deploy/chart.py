"""The chart as Helm renders it, and where the API server keeps what it renders."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cluster.api import Json
from tests.cluster.programs import Program
from tests.helpers.processes import ROOT

CHART = ROOT / "deploy" / "chart"
VALUES: dict[str, tuple[str | Path, ...]] = {
    "default": (),
    **{path.stem.removesuffix("-values"): ("--values", path) for path in sorted((CHART / "ci").glob("*-values.yaml"))},
}
"""The arguments of each set of values that is tested, by its name."""
OPTIONAL = ("foresail.dev/v1alpha1", "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1")
"""What a cluster may lack: objects of these are rendered only where it has them."""


def rendered(
    helm: Program, *arguments: str | Path, release: str = "foresail", namespace: str = "foresail"
) -> list[Json]:
    """Every object, for a cluster that has all that is optional."""
    has = [part for one in OPTIONAL for part in ("--api-versions", one)]
    said = helm.run("template", release, CHART, "--namespace", namespace, *has, *arguments)
    return [one for one in yaml.safe_load_all(said) if one]


def of_kind(objects: list[Json], kind: str, name: str = "") -> Json:
    """The only object of that kind, or the one of that name."""
    (found,) = [one for one in objects if one["kind"] == kind and name in ("", one["metadata"]["name"])]
    return found


def pod_templates(objects: list[Json]) -> dict[str, Json]:
    """Every pod that the chart would start: kind/name of what starts it -> its metadata and spec."""
    found = {}
    for one in objects:
        spec = one.get("spec", {})
        template = one if one["kind"] == "Pod" else spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if one["kind"] in ("Pod", "Deployment", "CronJob", "Job"):
            found[f"{one['kind']}/{one['metadata']['name']}"] = template
    return found
