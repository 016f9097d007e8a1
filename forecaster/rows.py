"""The last weeks of many workloads on one clock, in one file: a row a bin, a column a workload.

A tick writes one row and reads the few stretches of rows that lie at the lags; a row is one write and a stretch is one
read, from the page cache or the disk. The file is a cache of what the metrics' own store holds: it survives the process
and not a crash of the machine, after which it is made anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from forecaster.errors import BadHistory, StorageFailed
from forecaster.series import DAY, BoolArray, FloatArray, IntArray

KEEP_DAYS = 29
"""The longest lag is 28 days, and its window starts some bins before that."""
_HEADER = np.dtype([("magic", "S8"), ("step_s", "<f8"), ("columns", "<i8"), ("first", "<i8"), ("stop", "<i8")])
_MAGIC = b"frsrows1"
_AT_ONCE = 1440
_BYTES_OF_A_VALUE = 9
_WIDEST_ROW = 2**31 - 1
"""Bytes: numpy takes no wider one."""


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

    def __init__(self, path: Path, file: int, header: np.ndarray) -> None:
        self._path, self._file, self._header = path, file, header
        self.shape = Shape(timedelta(seconds=float(header["step_s"])), int(header["columns"]))
        self._row = np.dtype([("held", "<f8", (self.shape.columns,)), ("known", "?", (self.shape.columns,))])

    @staticmethod
    def create(path: Path, shape: Shape, first: int, stop: int) -> Rows:
        """A file in which bins first..stop-1 are there and nobody was measured; what was at `path` is replaced.

        Raises StorageFailed where it cannot be written.
        """
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise StorageFailed(f"{path}: cannot be made ({error.strerror}); name a file that can be") from error
        header = np.zeros((), _HEADER)
        header[()] = (_MAGIC, shape.step.total_seconds(), shape.columns, first, first)
        rows = Rows(path, file, header)
        try:
            rows._commit(first)
            for start in range(first, stop, _AT_ONCE):
                nobody = np.full((min(_AT_ONCE, stop - start), shape.columns), np.nan)
                rows.append(nobody, np.zeros(nobody.shape, dtype=np.bool_))
        except StorageFailed:
            rows.close()
            raise
        return rows

    @staticmethod
    def open(path: Path) -> Rows:
        """The rows as they were left. Raises BadHistory where this is no such file, or its header is damaged."""
        try:
            file = os.open(path, os.O_RDWR)
        except OSError as error:
            raise BadHistory(f"{path}: cannot be opened ({error.strerror}); create the rows first") from error
        content = os.pread(file, _HEADER.itemsize, 0)
        if len(content) < _HEADER.itemsize or content[: len(_MAGIC)] != _MAGIC:
            os.close(file)
            raise BadHistory(f"{path}: no file of rows of this version; delete it, and let it be filled again")
        header = np.frombuffer(content, _HEADER)[0].copy()
        if not _is_whole(header, os.fstat(file).st_size - _HEADER.itemsize):
            os.close(file)
            raise BadHistory(f"{path}: its header is damaged; delete it, and let it be filled again")
        return Rows(path, file, header)

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
        """Adds rows [n, columns]; a process that dies in between has added none of them.

        Raises StorageFailed where they cannot be written; then none was added either.
        """
        rows = np.empty(len(held), self._row)
        rows["held"], rows["known"] = held, known
        self._write(self.stop, rows)
        self._commit(self.stop + len(rows))

    def read(self, first: int, stop: int) -> tuple[FloatArray, BoolArray]:
        """Held values and whether they were measured, [stop - first, columns] each; missing where a bin is not kept.

        Held values are NaN before a workload's first measured bin. The arrays must not be written to. Raises BadHistory
        where the file is shorter than it should be, StorageFailed where it cannot be read.
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
        """Overwrites some columns in all rows that are kept, with arrays [rows, columns]. Raises StorageFailed."""
        for start in range(self.first, self.stop, _AT_ONCE):
            stop = min(start + _AT_ONCE, self.stop)
            rows, part = self._read(start, stop).copy(), slice(start - self.first, stop - self.first)
            rows["held"][:, columns], rows["known"][:, columns] = held[part], known[part]
            self._write(start, rows)

    def _read(self, first: int, stop: int) -> np.ndarray:
        size = self._row.itemsize
        parts = []
        for at, _, count in self._places(first, stop):
            try:
                content = os.pread(self._file, count * size, _HEADER.itemsize + at * size)
            except OSError as error:
                raise StorageFailed(f"{self._path}: cannot be read ({error.strerror}); is the disk whole?") from error
            if len(content) != count * size:
                raise BadHistory(
                    f"{self._path}: rows {first}..{stop - 1} end early; delete the file, and let it be filled again"
                )
            parts.append(np.frombuffer(content, self._row))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _write(self, first: int, rows: np.ndarray) -> None:
        size = self._row.itemsize
        for at, done, count in self._places(first, first + len(rows)):
            self._put(rows[done : done + count].tobytes(), _HEADER.itemsize + at * size)

    def _places(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Where these bins lie in the file: (row of the file, how many come before, how many lie there in a row)."""
        done = 0
        while first + done < stop:
            at = (first + done) % self.shape.kept
            count = min(stop - first - done, self.shape.kept - at)
            yield at, done, count
            done += count

    def _commit(self, stop: int) -> None:
        """What lies before bin `stop` is there from now on."""
        header = self._header.copy()
        header["stop"] = stop
        self._put(header.tobytes(), 0)
        self._header = header

    def _put(self, content: bytes, at: int) -> None:
        try:
            done = os.pwrite(self._file, content, at)
        except OSError as error:
            raise StorageFailed(f"{self._path}: cannot be written ({error.strerror}); make room on the disk") from error
        if done != len(content):
            raise StorageFailed(
                f"{self._path}: only {done} of {len(content)} bytes were written; make room on the disk"
            )


def _is_whole(header: np.ndarray, rows_bytes: int) -> bool:
    """Whether there can be such rows; where there are any, `rows_bytes` hold at least one."""
    step_s, columns, first, stop = (header[name].item() for name in ("step_s", "columns", "first", "stop"))
    row_bytes = _BYTES_OF_A_VALUE * columns
    if not (0 < step_s <= DAY.total_seconds() and 0 <= row_bytes <= _WIDEST_ROW):
        return False
    step = timedelta(seconds=step_s)
    divides = step > timedelta(0) and DAY % step == timedelta(0)
    return divides and (first == stop or (first < stop and row_bytes <= rows_bytes))
