"""The last weeks of many workloads on one clock, in one file: a row a bin, a column a workload.

A tick writes one row and reads the few stretches of rows that lie at the lags; a row is one write and a stretch is one
read, from the page cache or the disk. The file is a cache of what the metrics' own store holds: it survives the process
and not a crash of the machine, after which it is made anew.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from forecaster.errors import BadHistory
from forecaster.series import DAY, BoolArray, FloatArray, IntArray

KEEP_DAYS = 29
"""The longest lag is 28 days, and its window starts some bins before that."""
_HEADER = np.dtype([("magic", "S8"), ("step_s", "<f8"), ("columns", "<i8"), ("first", "<i8"), ("stop", "<i8")])
_MAGIC = b"frsrows1"
_AT_ONCE = 1440


@dataclass(frozen=True)
class Shape:
    """What a file is made for: the width of a bin, and how many workloads have a column."""

    step: timedelta
    columns: int

    @property
    def kept(self) -> int:
        """Rows in the file; the oldest is overwritten by the newest."""
        return KEEP_DAYS * (DAY // self.step)


class Rows:
    """Held values and whether they were measured, by the bin's number since the epoch."""

    def __init__(self, file: int, header: np.ndarray) -> None:
        self._file, self._header = file, header
        self.shape = Shape(timedelta(seconds=float(header["step_s"])), int(header["columns"]))
        self._row = np.dtype([("held", "<f8", (self.shape.columns,)), ("known", "?", (self.shape.columns,))])

    @staticmethod
    def create(path: Path, shape: Shape, first: int, stop: int) -> Rows:
        """A file in which bins first..stop-1 are there and nobody was measured; what was at `path` is replaced."""
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        header = np.zeros((), _HEADER)
        header[()] = (_MAGIC, shape.step.total_seconds(), shape.columns, first, first)
        rows = Rows(file, header)
        rows._commit()
        for start in range(first, stop, _AT_ONCE):
            nobody = np.full((min(_AT_ONCE, stop - start), shape.columns), np.nan)
            rows.append(nobody, np.zeros(nobody.shape, dtype=np.bool_))
        return rows

    @staticmethod
    def open(path: Path) -> Rows:
        """The rows as they were left. Raises BadHistory where this is no such file."""
        try:
            file = os.open(path, os.O_RDWR)
        except OSError as error:
            raise BadHistory(f"{path}: cannot be opened ({error.strerror}); create the rows first") from error
        content = os.pread(file, _HEADER.itemsize, 0)
        if len(content) < _HEADER.itemsize or content[: len(_MAGIC)] != _MAGIC:
            os.close(file)
            raise BadHistory(f"{path}: no file of rows of this version; delete it, and let it be filled again")
        return Rows(file, np.frombuffer(content, _HEADER)[0].copy())

    def close(self) -> None:
        os.close(self._file)

    @property
    def stop(self) -> int:
        """The bin that comes next."""
        return int(self._header["stop"])

    @property
    def first(self) -> int:
        """The oldest bin that is kept."""
        return max(int(self._header["first"]), self.stop - self.shape.kept)

    def append(self, held: FloatArray, known: BoolArray) -> None:
        """Adds rows [n, columns]; a process that dies in between has added none of them."""
        rows = np.empty(len(held), self._row)
        rows["held"], rows["known"] = held, known
        self._write(self.stop, rows)
        self._header["stop"] = self.stop + len(rows)
        self._commit()

    def read(self, first: int, stop: int) -> tuple[FloatArray, BoolArray]:
        """Held values and whether they were measured, [stop - first, columns] each; missing where a bin is not kept.

        Held values are NaN before a workload's first measured bin. The arrays must not be written to.
        """
        start, end = max(first, self.first), min(stop, self.stop)
        if start == first < end == stop:
            rows = self._read(first, stop)
        else:
            rows = np.zeros(stop - first, self._row)
            rows["held"] = np.nan
            if start < end:
                rows[start - first : end - first] = self._read(start, end)
        return rows["held"], rows["known"]

    def replace(self, columns: IntArray, held: FloatArray, known: BoolArray) -> None:
        """Overwrites some columns in all rows that are kept, with arrays [rows, columns]."""
        for start in range(self.first, self.stop, _AT_ONCE):
            stop = min(start + _AT_ONCE, self.stop)
            rows, part = self._read(start, stop).copy(), slice(start - self.first, stop - self.first)
            rows["held"][:, columns], rows["known"][:, columns] = held[part], known[part]
            self._write(start, rows)

    def _read(self, first: int, stop: int) -> np.ndarray:
        size = self._row.itemsize
        parts = []
        for at, _, count in self._places(first, stop):
            content = os.pread(self._file, count * size, _HEADER.itemsize + at * size)
            if len(content) != count * size:
                raise BadHistory(f"rows {first}..{stop - 1} end early; delete the file, and let it be filled again")
            parts.append(np.frombuffer(content, self._row))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _write(self, first: int, rows: np.ndarray) -> None:
        size = self._row.itemsize
        for at, done, count in self._places(first, first + len(rows)):
            part = rows[done : done + count].tobytes()
            if os.pwrite(self._file, part, _HEADER.itemsize + at * size) != len(part):
                raise OSError(errno.ENOSPC, "a row was written in part; make room on the disk")

    def _places(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Where these bins lie in the file: (row of the file, how many come before, how many lie there in a row)."""
        done = 0
        while first + done < stop:
            at = (first + done) % self.shape.kept
            count = min(stop - first - done, self.shape.kept - at)
            yield at, done, count
            done += count

    def _commit(self) -> None:
        os.pwrite(self._file, self._header.tobytes(), 0)
