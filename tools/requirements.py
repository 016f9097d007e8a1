"""What a group of extras asks pip for, as pyproject.toml says it.

The environment holds dependencies only, never the project: clones share it. So `foresail[extra]` inside an extra is
replaced here by what that extra lists; versions and markers stay pip's business.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class UnknownExtra(Exception):
    """An extra was asked for that pyproject.toml does not list."""


def read_project(root: Path) -> dict[str, Any]:
    """The `[project]` table of the clone at `root`."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def requirements(project: dict[str, Any], extras: Sequence[str]) -> list[str]:
    """The requirements of the project with these extras, each once, in the order of pyproject.toml."""
    found: dict[str, None] = dict.fromkeys(project["dependencies"])
    for extra in extras:
        found |= dict.fromkeys(_expanded(project, extra))
    return list(found)


def _expanded(project: dict[str, Any], extra: str) -> list[str]:
    table = project["optional-dependencies"]
    if extra not in table:
        raise UnknownExtra(f"no extra {extra!r} in pyproject.toml; it has: {', '.join(table)}")
    itself = re.compile(rf"{re.escape(project['name'])}\[([^\]]*)\]")
    found: list[str] = []
    for line in table[extra]:
        if own := itself.fullmatch(line):
            for inner in own[1].split(","):
                found += _expanded(project, inner.strip())
        else:
            found.append(line)
    return found


def main(extras: Sequence[str]) -> int:
    try:
        print("\n".join(requirements(read_project(ROOT), extras)))
    except UnknownExtra as error:
        print(f"requirements: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
