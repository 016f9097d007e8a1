"""Writes the generated pages of docs/ and of the chart: what the code says about itself, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

import controller.cluster_metrics
import controller.metrics
import controller.settings
import controller.status
import gateway.metrics
from controller.json_log import Line, LoggedDecision
from foresail import cli
from tools import (
    chart_values,
    cli_reference,
    image_sizes,
    log_reference,
    metrics_reference,
    policy_reference,
    settings_reference,
)
from tools.requirements import ROOT


def generated() -> Mapping[str, str]:
    """The text of every generated page, by its path in the clone."""
    return {
        "deploy/chart/README.md": chart_values.page(ROOT / "deploy" / "chart" / "values.yaml"),
        # Helm reads only what lies in the chart, and the kind has its place beside it.
        "deploy/chart/files/crd.yaml": (ROOT / "deploy" / "kubernetes" / "crd.yaml").read_text(encoding="utf-8"),
        "docs/reference/cli.md": cli_reference.page(cli.parser()),
        "docs/reference/policy.md": policy_reference.page(
            yaml.safe_load((ROOT / "deploy/kubernetes/crd.yaml").read_text(encoding="utf-8")), controller.status.REASONS
        ),
        "docs/reference/metrics.md": metrics_reference.page(
            "Controller metrics",
            "Generated from `controller/metrics.py`. Base units; a value that is not known is absent.",
            controller.metrics.METRICS,
        ),
        "docs/reference/cluster-metrics.md": metrics_reference.page(
            "Metrics of a controller in a cluster",
            "Generated from `controller/cluster_metrics.py`. Those of a policy bear its namespace and name.",
            controller.cluster_metrics.CLUSTER_METRICS,
        ),
        "docs/reference/controller-settings.md": settings_reference.page(
            "The controller's settings",
            "Generated from `controller/settings.py`. `foresail controller` reads them as it starts; an unknown"
            " variable is refused with the list of those that exist, a bad value with what is allowed. In a cluster"
            " [the chart's values](../../deploy/chart/README.md) set them.",
            controller.settings.PREFIX,
            controller.settings.ControllerSettings,
        ),
        "docs/reference/log.md": log_reference.page(Line, LoggedDecision),
        "docs/reference/gateway-metrics.md": metrics_reference.page(
            "Gateway metrics",
            "Generated from `gateway/metrics.py`. Base units. Beside these, `process_*`: CPU, memory and file "
            "descriptors of the process.",
            gateway.metrics.METRICS,
        ),
        image_sizes.PAGE: image_sizes.page(
            (ROOT / image_sizes.PAGE).read_text(encoding="utf-8"), image_sizes.read(ROOT)
        ),
    }


def main() -> int:
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
