"""Writes constraints.txt from a fresh resolution of everything that [dev] and [train] bring; installs nothing.

Run on Linux, whose resolution is the widest: the pins of packages that only Linux needs (nvidia-*, cuda-*, triton)
are never looked at elsewhere, because a constraint only speaks when something asks for the package. What only macOS
needs, the extras list themselves, and it is resolved here as well.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.requirements import ROOT, read_project, requirements

HEADER = """\
# The exact version of every package that the [dev] and [train] extras bring, directly or not, on Linux and macOS with
# Python 3.11 to 3.13. Made by `make lock` on Linux from a fresh resolution; do not edit. Constraints, not requirements:
# a line only counts where something asks for the package, so the nvidia-*, cuda-* and triton lines do nothing on macOS.
"""


def render(report: dict[str, Any]) -> str:
    """The constraints file for what pip's installation report (version 1) would install."""
    pins = {_normalised(entry["metadata"]["name"]): entry["metadata"]["version"] for entry in report["install"]}
    return HEADER + "".join(f"{name}=={_public(version)}\n" for name, version in sorted(pins.items()))


def _everywhere(wanted: Sequence[str]) -> list[str]:
    """The requirements without their markers: what one platform asks for is pinned for all."""
    return [line.partition(";")[0].strip() for line in wanted]


def _as_seen_by(python: str, target: str) -> list[str]:
    """Options that make pip resolve for another Python than the running one: the oldest, or its users are left out."""
    return ["--python-version", python, "--only-binary", ":all:", "--target", target]


def _normalised(name: str) -> str:
    """The name as indexes write it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _public(version: str) -> str:
    """The version without a local label such as `+cpu`, which only one index knows."""
    return version.partition("+")[0]


def main() -> int:
    project = read_project(ROOT)
    oldest = project["requires-python"].removeprefix(">=")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), *_as_seen_by(oldest, folder)]
        command += _everywhere(requirements(project, ("dev", "train")))
        ended = subprocess.run(command, check=False).returncode
        if ended:
            print(f"lock: pip ended with {ended}; constraints.txt is as it was", file=sys.stderr)
            return 2
        text = render(json.loads(report.read_text(encoding="utf-8")))
    (ROOT / "constraints.txt").write_text(text, encoding="utf-8")
    print(f"lock: constraints.txt pins {text.count('==')} packages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
