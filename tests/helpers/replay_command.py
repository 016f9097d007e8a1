"""The command `foresail replay` as its tests call it: a history of steps, a policy, an HPA, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foresail.cli import main
from tests.helpers.builders import MINUTE
from tests.helpers.histories import a_series, write_history

POLICY = """\
apiVersion: foresail.dev/v1alpha1
kind: PredictiveAutoscaler
metadata: {name: chat}
spec:
  hpaRef: {name: chat}
  signals:
  - {name: connections, kind: Stock, query: 'sum(connections)', capacityPerPod: "60"}
  bounds: {minReplicas: 2, maxReplicas: 50}
"""


def steps_history(folder: Path) -> Path:
    """Two days of steps in bins of five minutes, from 200 to 1000 and back every hour and a half."""
    values = np.tile(np.repeat([200.0, 600.0, 1000.0], [9, 1, 8]), 32)
    return write_history(folder / "steps.csv", a_series(values, 5 * MINUTE))


def told(history: Path, *options: str) -> dict[str, object]:
    path = history.with_name("told.json")
    assert main(["replay", str(history), "--days", "0.2", "--json", str(path), *options]) == 0
    result: dict[str, object] = json.loads(path.read_text())
    return result


def refusal(capsys: pytest.CaptureFixture[str], history: Path, *options: str) -> str:
    """What the command says when it refuses: one line, nothing on standard output, and no new file."""
    before = sorted(history.parent.iterdir())
    assert main(["replay", str(history), "--days", "0.1", "--model", "last-value", *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("foresail replay: ")
    assert said.err.count("\n") == 1
    assert sorted(history.parent.iterdir()) == before
    return said.err


def two_signals(folder: Path) -> Path:
    """A policy of connections and messages."""
    second = "  - {name: messages, kind: Flow, query: 'sum(rate(messages[1m]))', capacityPerPod: \"30\"}\n  bounds:"
    path = folder / "policy.yaml"
    path.write_text(POLICY.replace("  bounds:", second))
    return path


def an_hpa(history: Path, metric: str = "type: External, external: {metric: {name: sockets}, target: "
           "{type: AverageValue, averageValue: '40'}}", most: int = 50) -> str:  # fmt: skip
    path = history.with_name("hpa.yaml")
    path.write_text(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: chat}\nspec:\n"
        "  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}\n"
        f"  minReplicas: 2\n  maxReplicas: {most}\n  metrics:\n  - {{{metric}}}\n"
    )
    return str(path)
