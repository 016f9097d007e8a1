"""The page of the chart's values has every value with its default and its comment, also where a map is one line."""

from __future__ import annotations

from pathlib import Path

from tools.chart_values import page

VALUES = """# -- Replaces the name.
nameOverride: ""
controller:
  # -- Off: only
  # the rest.
  enabled: true
  replicas: 2
  # -- A Secret of yours.
  secret: {name: "", key: token}
  labels: {}
"""


def test_every_value_has_a_row(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(VALUES)
    rows = [line for line in page(tmp_path / "values.yaml").splitlines() if line.startswith("| `")]
    assert rows == [
        '| `nameOverride` | `""` | Replaces the name. |',
        "| `controller.enabled` | `true` | Off: only the rest. |",
        "| `controller.replicas` | `2` |  |",
        '| `controller.secret.name` | `""` | A Secret of yours. |',
        '| `controller.secret.key` | `"token"` |  |',
        "| `controller.labels` | `{}` |  |",
    ]
