"""What the images weigh, as a table for docs/how-to/build-the-images.md, from benchmarks/results/images.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.side_by_side import markdown

RESULTS = "benchmarks/results/images.json"
PAGE = "docs/how-to/build-the-images.md"
BEGIN, END = "<!-- begin sizes -->\n", "<!-- end sizes -->\n"
_INSIDE = {
    "foresail-controller": "onnxruntime, NumPy, the client of Kubernetes, the shipped model",
    "foresail-gateway": "FastAPI, uvicorn, websockets; nothing that forecasts",
    "foresail-dashboard": "Streamlit with pandas and pyarrow, and all that reads a ledger",
}


def read(root: Path) -> Mapping[str, Any]:
    """What `make images` measured."""
    found: Mapping[str, Any] = json.loads((root / RESULTS).read_text("utf-8"))
    return found


def page(text: str, sizes: Mapping[str, Any]) -> str:
    """The page with the table of today."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table(sizes)}{END}{tail}"


def table(sizes: Mapping[str, Any]) -> str:
    """An image a row."""
    rows = [
        [f"`{name}`", f"{size / 1e6:.0f} MB", _INSIDE[name]]
        for name, size in sorted(sizes["bytes_over_the_base"].items())
    ]
    return markdown(["image", "over its base, uncompressed", "most of it"], rows)
