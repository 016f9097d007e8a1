"""The page of the chart's values: every value, its default and what values.yaml says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tools.side_by_side import markdown

_COMMENT = re.compile(r"^ *# (?:-- )?(.*)$")
_KEY = re.compile(r"^( *)([A-Za-z]+):")
_INTRODUCTION = """# The chart `foresail`

Controller, watchdog and kind; gateway, dashboard and monitoring by their switches. How to use it:
[Run the controller in a cluster](../../docs/how-to/run-in-a-cluster.md); what the alerts mean:
[Alerts](../../docs/how-to/alerts.md); why it is as it is:
[decision 0019](../../docs/decisions/0019-the-chart-is-the-only-manifest.md).

`values.schema.json` refuses what is misspelt or out of bounds. Written by `make docs` from `values.yaml`.

"""


def page(values: Path) -> str:
    """The README of the chart with these values."""
    text = values.read_text(encoding="utf-8")
    said = _comments(text)
    rows = [
        [f"`{name}`", f"`{json.dumps(value)}`".replace("|", "\\|"), said.get(name, "")]
        for name, value in _leaves(yaml.safe_load(text), "")
    ]
    return _INTRODUCTION + markdown(["value", "default", "what it is"], rows, text_columns=3)


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    """Each value that is no map, or an empty one, by its dotted name."""
    if isinstance(value, dict) and value:
        return [leaf for name, one in value.items() for leaf in _leaves(one, f"{path}.{name}".lstrip("."))]
    return [(path, value)]


def _comments(text: str) -> dict[str, str]:
    """What is said above each value: of a map that is written in one line, of its first."""
    said: dict[str, str] = {}
    above: list[str] = []
    names: list[tuple[int, str]] = []
    for line in text.splitlines():
        if comment := _COMMENT.match(line):
            above.append(comment[1])
        elif key := _KEY.match(line):
            depth = len(key[1])
            names = [one for one in names if one[0] < depth] + [(depth, key[2])]
            if above:
                name, value = ".".join(one[1] for one in names), yaml.safe_load(line.strip())[key[2]]
                said[_leaves(value, name)[0][0]] = " ".join(above)
            above = []
    return said
