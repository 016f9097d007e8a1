"""Reads benchmarks/traces.toml: which traces are measured on, and what of them is the same everywhere."""

from __future__ import annotations

import gzip
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecaster.history import load_history
from forecaster.series import Kind, Series
from foresail.errors import UsageError

LIST = Path(__file__).parent / "traces.toml"
CLASSES = ("recurrent", "diurnal", "bursty")


@dataclass(frozen=True)
class Trace:
    """One trace.

    learned       the shipped model learned from its first 70 %
    sha256        of its CSV, unpacked
    side_by_side  the field's libraries are compared on it too
    """

    file: str
    about: str
    kind: Kind
    character: str
    learned: bool
    sha256: str
    side_by_side: bool = True

    @property
    def name(self) -> str:
        return self.file.split(".")[0]


def read_list(path: Path = LIST) -> tuple[Trace, ...]:
    """Every trace of the list. Raises UsageError where the file is no such list."""
    try:
        rows = tomllib.loads(path.read_text("utf-8"))["trace"]
        return tuple(_trace(row) for row in rows)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: is no list of traces ({error}); see benchmarks/traces.toml for how one looks"
        ) from None


def read_compared(path: Path = LIST) -> tuple[Trace, ...]:
    """Those of the list that the field's libraries are compared on. Raises UsageError as `read_list`."""
    return tuple(trace for trace in read_list(path) if trace.side_by_side)


def _trace(row: dict[str, Any]) -> Trace:
    if row["class"] not in CLASSES:
        raise ValueError(f"class {row['class']!r}; expected one of {', '.join(CLASSES)}")
    kind, beside = Kind(row["kind"]), row.get("side_by_side", True)
    return Trace(row["file"], row["about"], kind, row["class"], row["learned"], row["sha256"], beside)


def load(trace: Trace, folder: Path) -> Series:
    """The trace from `folder`. Raises UsageError where its content is not what the list pins, BadHistory elsewhere."""
    path = folder / trace.file
    try:
        found = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
    except (OSError, EOFError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); `python -m tools.fetch_traces` fetches it") from None
    if found != trace.sha256:
        raise UsageError(
            f"{path}: its CSV has the SHA-256 {found[:12]}…, the list pins {trace.sha256[:12]}…; figures of another "
            "file cannot stand beside those measured: fetch it again"
        )
    return load_history(path, trace.kind)
