"""The reference pages of the metrics: names, types, labels and meanings, as the modules that export them have them."""

from __future__ import annotations

from collections.abc import Mapping

from tools.side_by_side import markdown


def page(title: str, introduction: str, metrics: Mapping[str, tuple[str, tuple[str, ...], str]]) -> str:
    """The page of `metrics`: name -> type, labels, meaning."""
    rows = [
        [f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels) or "-", text]
        for name, (kind, labels, text) in metrics.items()
    ]
    columns = ["name", "type", "labels", "meaning"]
    return f"# {title}\n\n{introduction}\n\n{markdown(columns, rows, text_columns=len(columns))}"
