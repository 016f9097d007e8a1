"""How commands speak: tables and progress for people, JSON for machines, files whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from foresail.errors import PlotUnavailable, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PIPED_WIDTH = 120
"""Columns where neither a terminal nor COLUMNS says how many: a file and a CI log take long lines."""


def _console(stderr: bool) -> Console:
    made = Console(stderr=stderr, highlight=False, markup=False)
    if made.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return made
    return Console(stderr=stderr, highlight=False, markup=False, width=_PIPED_WIDTH)


_AROUND = 3
"""Of a table's column: a space on either side, and a line."""

out = _console(stderr=False)
err = _console(stderr=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Group:
    """A table whose first column is a name and whose others are figures, none of them cut.

    What does not fit beside one another stands in several tables under one another, each with the names.
    """
    widths = [_needed(column, [row[k] for row in rows]) for k, column in enumerate(columns)]
    parts = [_part(columns, rows, beside) for beside in _beside(widths, out.width)]
    return Group(Text(title, style="bold"), *parts)


def _needed(column: str, cells: Sequence[str]) -> int:
    """The width below which a header's longest word or a cell would be cut."""
    return max(cell_len(text) for text in (*column.split(), *cells, ""))


def _beside(widths: Sequence[int], most: int) -> list[list[int]]:
    """The columns after the first, as many together as fit beside it within `most`; at least one."""
    first = 1 + widths[0] + _AROUND
    parts: list[list[int]] = [[]]
    used = first
    for k, width in enumerate(widths[1:], start=1):
        if parts[-1] and used + width + _AROUND > most:
            parts.append([])
            used = first
        parts[-1].append(k)
        used += width + _AROUND
    return parts


def _part(columns: Sequence[str], rows: Sequence[Sequence[str]], beside: Sequence[int]) -> Table:
    """The name and the columns `beside` it, each as wide as its header where all of them fit so."""
    shown = [(columns[k], [row[k] for row in rows]) for k in (0, *beside)]
    least = [_needed(*one) for one in shown]
    whole = [max(cell_len(column), width) for (column, _), width in zip(shown, least, strict=True)]
    fits = 1 + sum(whole) + _AROUND * len(whole) <= out.width
    made = Table()
    for k, ((column, _), width) in enumerate(zip(shown, whole if fits else least, strict=True)):
        made.add_column(column, justify="left" if k == 0 else "right", width=width)
    for row in zip(*(cells for _, cells in shown), strict=True):
        made.add_row(*row)
    return made


def number(value: float | None, digits: int = 2) -> str:
    """A figure for a table; a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def to_json(value: object) -> str:
    """JSON for people and machines: indented, NaN as null."""
    return json.dumps(_plain(value), indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def emit_json(value: object, path: Path | None) -> None:
    """Writes JSON to a file, or to standard output where the path is `-` or None."""
    text = to_json(value)
    if path is None or str(path) == "-":
        out.file.write(text)
        out.file.flush()
    else:
        write_whole(path, text.encode())


def write_whole(path: Path, content: bytes) -> None:
    """The file with all of its content, or the file as it was. Raises UsageError."""
    with whole_file(path) as fresh:
        fresh.write_bytes(content)


def check_place(path: Path) -> None:
    """Raises UsageError where no file can be written at `path`; worth asking before long work."""
    if not path.parent.is_dir():
        raise UsageError(f"{path}: its folder does not exist; make it first, or name another file")
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder; name a file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: its folder may not be written to; name a file in another folder")


def check_results(written: Mapping[str, Path | None], read: Mapping[str, Path | None]) -> None:
    """Raises UsageError where a result cannot be written, or would take the place of what is read or of another result.

    Both by what names them, such as "--json"; None is not given, and `-` is standard output. Worth asking before long
    work.
    """
    places: dict[Path, str] = {}
    for name, path in written.items():
        if path is None or str(path) == "-":
            continue
        check_place(path)
        place = path.resolve()
        for what, source in read.items():
            if source is not None and source.resolve() == place:
                raise UsageError(f"{name} {path}: is what {what} is read from; name another file to write")
        if place in places:
            raise UsageError(f"{name} {path}: {places[place]} is written there; name another file")
        places[place] = name


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well.

    Raises UsageError where it cannot be written; then `path` is as it was.
    """
    check_place(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); name a file in another folder") from error
    os.close(handle)
    fresh = Path(name)
    try:
        yield fresh
        fresh.chmod(0o644)
        os.replace(fresh, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); name a file in another folder") from error
    finally:
        fresh.unlink(missing_ok=True)


def progress() -> Progress:
    """A bar on standard error, so that piping the output stays clean; silent where nobody watches."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


def check_picture(path: Path) -> None:
    """Raises UsageError where no picture can be written at `path`; worth asking before long work."""
    if path.suffix.lower() not in {".png", ".svg", ".pdf"}:
        raise UsageError(f"{path}: ends in {path.suffix or 'nothing'!r}; a picture ends in .png, .svg or .pdf")
    check_place(path)


@contextmanager
def figure(path: Path, width: float = 11.0, height: float = 5.0, rows: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with `rows` axes over one another, sharing the time axis, saved to `path` when the block ends."""
    check_picture(path)
    try:
        from matplotlib.figure import Figure as NewFigure
    except ImportError:
        raise PlotUnavailable("a picture needs matplotlib; install foresail[plot], or leave --png out") from None
    drawn = NewFigure(figsize=(width, height * rows), layout="constrained")
    axes = drawn.subplots(rows, 1, sharex=True, squeeze=False)
    yield drawn, list(axes[:, 0])
    with whole_file(path) as fresh:
        drawn.savefig(fresh, dpi=120)
