"""A page of metrics has each of them in a row, in their order."""

from __future__ import annotations

from tools.metrics_reference import page


def test_every_metric_has_its_row() -> None:
    metrics = {
        "hens": ("gauge", (), "Hens in the yard."),
        "eggs_total": ("counter", ("size", "colour"), "Eggs that were laid."),
    }
    assert page("A farm", "Generated.", metrics) == (
        "# A farm\n\nGenerated.\n\n"
        "| name | type | labels | meaning |\n"
        "| --- | --- | --- | --- |\n"
        "| `hens` | gauge | - | Hens in the yard. |\n"
        "| `eggs_total` | counter | `size`, `colour` | Eggs that were laid. |\n"
    )
