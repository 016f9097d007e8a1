"""Fetches the public traces that benchmarks/traces.toml pins, and makes of each the CSV whose SHA-256 it names.

    python -m tools.fetch_traces FOLDER          what is there and right already is left alone

A source is one file of a repository at a commit. Converted here are those that are a CSV with a column of times and one
of values: `columns` in the list names them, with the layout of the times where it is not ISO 8601 (as strptime has it,
or `epoch` for seconds since 1970), the days to shift by and the moment to stop at, where there are any. Times without
a zone are taken as UTC, and `2.0` is written as `2`. The others say under `by_hand` what was done with them; they are
named at the end, and the exit code is 1 while one of the list is missing.

Proved against a server of our own; the names of the columns were read off real files of every kind converted here, and
their first rows become those of the traces. Nothing was fetched from the real server yet, nor a whole file converted:
the SHA-256 says whether one came out right. Commits are as short as they were noted, which the server must resolve.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tools.requirements import ROOT

LIST = ROOT / "benchmarks" / "traces.toml"
SERVER = "https://raw.githubusercontent.com"
TIMEOUT_S = 60.0
LARGEST = 64 << 20
"""Bytes; the largest source is 3 MB, and a server that sends more than this sends something else."""


class FetchFailed(Exception):
    """A trace could not be had; its text says why and what to do."""


def address(server: str, source: Mapping[str, str]) -> str:
    """Where a source lies."""
    return f"{server}/{source['repository']}/{source['commit']}/{source['path']}"


def fetch(trace: Mapping[str, Any], folder: Path, server: str) -> str:
    """Makes one trace in `folder` and says what was done. Raises FetchFailed."""
    place = folder / trace["file"]
    if place.is_file() and _sha256(_unpacked(place)) == trace["sha256"]:
        return "is there"
    if "columns" not in trace:
        raise FetchFailed(f"{trace['file']}: not fetched, but by hand: {trace['by_hand']}")
    where = address(server, trace["source"])
    made = convert(_download(where), trace["columns"], where)
    if _sha256(made) != trace["sha256"]:
        raise FetchFailed(
            f"{trace['file']}: what {where} gives becomes a CSV with the SHA-256 {_sha256(made)}, the list pins "
            f"{trace['sha256']}; the source or the conversion has changed: nothing was written"
        )
    fresh = place.with_name(f".{place.name}")
    fresh.write_bytes(gzip.compress(made, mtime=0))
    fresh.replace(place)
    return f"fetched from {where}"


def convert(content: bytes, columns: Mapping[str, Any], where: str) -> bytes:
    """The source as `timestamp,value`. Raises FetchFailed where a column or a number is missing."""
    until = datetime.fromisoformat(columns["until"]) if "until" in columns else None
    shift = timedelta(days=columns.get("shift_days", 0))
    lines = ["timestamp,value\n"]
    for at, value in _rows(content, columns, where):
        at += shift
        if until is None or at < until:
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{value}\n")
    return "".join(lines).encode()


def _rows(content: bytes, columns: Mapping[str, Any], where: str) -> Iterator[tuple[datetime, str]]:
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True)
        if absent := {columns["time"], columns["value"]} - set(reader.fieldnames or ()):
            raise FetchFailed(f"{where}: no column {sorted(absent)}; it has {reader.fieldnames}")
        for row in reader:
            at, value = _moment(row[columns["time"]], columns.get("layout")), row[columns["value"]]
            float(value)  # what is no number is refused; what is one keeps its digits
            yield at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC), value.removesuffix(".0")
    except (ValueError, TypeError, OverflowError, OSError, csv.Error) as error:
        raise FetchFailed(
            f"{where}: is not the CSV that it was ({error}); look at it, and pin another commit"
        ) from None


def _moment(text: str, layout: str | None) -> datetime:
    if layout is None:
        return datetime.fromisoformat(text)
    if layout == "epoch":
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.strptime(text, layout)  # noqa: DTZ007  a layout without a zone is UTC, as everywhere here


def _download(where: str) -> bytes:
    try:
        with urllib.request.urlopen(where, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(LARGEST + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise FetchFailed(f"{where}: cannot be fetched ({error}); is there a way to the internet?") from None
    if len(content) > LARGEST:
        raise FetchFailed(f"{where}: more than {LARGEST >> 20} MiB; expected a CSV of a few")
    return content


def _unpacked(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError):
        return b""  # a broken file is fetched again


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetches all of the list; 1 where one is missing in the end."""
    parser = argparse.ArgumentParser(prog="python -m tools.fetch_traces", description="Fetches the public traces.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", default=SERVER, help="serves REPOSITORY/COMMIT/PATH; a mirror, for example")
    parser.add_argument("--list", type=Path, default=LIST)
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    missing = 0
    for trace in tomllib.loads(options.list.read_text("utf-8"))["trace"]:
        try:
            print(f"{trace['file']}: {fetch(trace, options.folder, options.server)}", flush=True)
        except FetchFailed as error:
            print(error, file=sys.stderr)
            missing += 1
    return int(missing > 0)


if __name__ == "__main__":
    raise SystemExit(main())
